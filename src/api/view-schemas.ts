/** The views that operators read, as schemas of the port's own types. */
import { z } from 'zod'
import { phases } from '../model/policy-change.ts'
import type { ClusterView, Explanation } from '../routing/service.ts'

const regions = z.array(z.string()).meta({ description: 'Region ids' })

const copySchema = z.union([
  z.object({
    state: z.enum(['home', 'replica']),
    version: z.string().exactOptional(),
    stalenessMs: z.number().exactOptional(),
    relay: z
      .string()
      .exactOptional()
      .meta({ description: 'The region by way of which it was asked, if it was not straight' }),
  }),
  z.object({ state: z.literal('unreachable') }),
])

export const explanationSchema: z.ZodType<Explanation> = z
  .object({
    dataset: z.string(),
    partition: z.string().exactOptional().meta({ description: 'Key prefix of the partition' }),
    group: z.string().meta({ description: 'What is homed together: the key, or its beginning' }),
    slot: z.int(),
    home: z
      .object({
        region: z.string(),
        since: z.string().meta({ description: 'The term since which it is the home' }),
        reason: z.string(),
        movedAtMs: z.int().exactOptional().meta({
          description: 'When it was moved here, in ms since 1970; absent where it never was',
        }),
      })
      .exactOptional()
      .meta({ description: 'Absent while nobody has written the group' }),
    registrar: z.string().exactOptional(),
    policyEpoch: z.int(),
    law: z.array(z.string()).meta({ description: 'Rule packs that the dataset claims to satisfy' }),
    regions: z.array(
      z.object({
        region: z.string(),
        mayHome: z.boolean(),
        mayStore: z.boolean(),
        mayServe: z.boolean(),
        forbids: z
          .array(z.string())
          .meta({ description: 'Why not, for each permission that is missing' }),
        copy: copySchema.exactOptional(),
      }),
    ),
  })
  .meta({ id: 'Explanation' })

/** What came of an operator's wish that a group moves. */
export const rehomedSchema = z
  .object({
    group: z.string().meta({ description: 'What was moved: the key, or its beginning' }),
    from: z.string().meta({ description: 'The home before' }),
    home: z.string().meta({ description: 'The home now' }),
    term: z.int().meta({ description: 'The term since which it is the home' }),
  })
  .meta({ id: 'Rehomed' })

export const clusterSchema: z.ZodType<ClusterView> = z
  .object({
    cluster: z.string(),
    clusterId: z.string(),
    region: z.string().meta({ description: 'The region that answers' }),
    nodeId: z.string(),
    version: z.string(),
    keeper: z.string(),
    keeperEpoch: z.int(),
    revision: z.int(),
    policyEpoch: z.int(),
    policyPhase: z
      .enum(phases)
      .exactOptional()
      .meta({ description: 'How far a change of the policy is, while one is under way' }),
    dataFormat: z.int().meta({ description: 'The data format in force' }),
    drift: z
      .array(z.string())
      .meta({ description: 'How denizen.yaml on this node differs from the policy in force' }),
    regions: z.array(
      z.object({
        region: z.string(),
        name: z.string(),
        country: z.string(),
        url: z.string().exactOptional(),
        build: z
          .object({ version: z.string(), newest: z.int() })
          .exactOptional()
          .meta({ description: 'Version of its node, and the newest data format it knows' }),
        self: z.boolean(),
        reachable: z.boolean(),
        rttMs: z.number().exactOptional(),
      }),
    ),
    datasets: z.array(
      z.object({
        name: z.string(),
        partition: z.string().exactOptional(),
        home: regions,
        store: regions,
        serve: regions,
        copy: z
          .object({
            records: z.int(),
            tombstones: z.int(),
            bytes: z.int().meta({ description: 'Of the keys and values of its records' }),
            digest: z.string(),
            stalenessMs: z.number().exactOptional(),
          })
          .exactOptional(),
      }),
    ),
    residencyViolations: z
      .int()
      .meta({ description: 'Refused placements since the start: anything but 0 is a bug' }),
  })
  .meta({ id: 'Cluster' })
