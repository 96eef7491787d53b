/** The policy in force as a node tells it to operators, and as their tools read it. */
import { z } from 'zod'
import { type ClusterRecord, policyDataSchema } from '../coordination/cluster-record.ts'
import type { PolicyInForce } from '../model/home-census.ts'
import type { RegionId } from '../model/slot.ts'

export const policyInForceSchema: z.ZodType<PolicyInForce> = z.object({
  clusterId: z.string(),
  region: z.string(),
  policyEpoch: z.int().min(1),
  inForceSinceMs: z.int().exactOptional(),
  policy: policyDataSchema,
})

export const policyInForce = (region: RegionId, record: ClusterRecord): PolicyInForce => ({
  clusterId: record.clusterId,
  region,
  policyEpoch: record.policyEpoch,
  ...(record.inForceSinceMs !== undefined && { inForceSinceMs: record.inForceSinceMs }),
  policy: record.current,
})
