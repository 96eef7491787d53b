/** `GET /v1/cluster` as the command line reads it: schemas parse what comes in. */
import { z } from 'zod'
import type { ClusterView } from '../routing/service.ts'
import { askData } from './http-client.ts'

const copySchema = z.object({
  records: z.number(),
  tombstones: z.number(),
  digest: z.string(),
  stalenessMs: z.number().exactOptional(),
})

const clusterViewSchema: z.ZodType<ClusterView> = z.object({
  cluster: z.string(),
  clusterId: z.string(),
  region: z.string(),
  nodeId: z.string(),
  version: z.string(),
  keeper: z.string(),
  keeperEpoch: z.number(),
  revision: z.number(),
  policyEpoch: z.number(),
  drift: z.array(z.string()),
  regions: z.array(
    z.object({
      region: z.string(),
      name: z.string(),
      country: z.string(),
      url: z.string().exactOptional(),
      self: z.boolean(),
      reachable: z.boolean(),
      rttMs: z.number().exactOptional(),
    }),
  ),
  datasets: z.array(
    z.object({
      name: z.string(),
      partition: z.string().exactOptional(),
      home: z.array(z.string()),
      store: z.array(z.string()),
      serve: z.array(z.string()),
      copy: copySchema.exactOptional(),
    }),
  ),
  residencyViolations: z.number(),
})

/** Members that a newer node adds are dropped. Throws `CliError`. */
export async function clusterView(url: string): Promise<ClusterView> {
  return clusterViewSchema.parse(await askData(url, '/v1/cluster'))
}
