/** `GET /v1/cluster` as the command line reads it: schemas parse what comes in. */
import { z } from 'zod'
import { askData } from './http-client.ts'

const copySchema = z.object({
  records: z.number(),
  tombstones: z.number(),
  digest: z.string(),
  stalenessMs: z.number(),
})

const clusterViewSchema = z.object({
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
      url: z.string().optional(),
      self: z.boolean(),
      reachable: z.boolean(),
      rttMs: z.number().optional(),
    }),
  ),
  datasets: z.array(
    z.object({
      name: z.string(),
      partition: z.string().optional(),
      home: z.array(z.string()),
      store: z.array(z.string()),
      serve: z.array(z.string()),
      copy: copySchema.optional(),
    }),
  ),
  residencyViolations: z.number(),
})

/** What the command line knows of `ClusterView`; members that a newer node adds are dropped. */
export type ReceivedClusterView = z.infer<typeof clusterViewSchema>

/** Throws `CliError`. */
export async function clusterView(url: string): Promise<ReceivedClusterView> {
  return clusterViewSchema.parse(await askData(url, '/v1/cluster'))
}
