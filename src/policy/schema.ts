/**
 * The shape of `denizen.yaml`. JSON Schema for editors is generated from here, so the descriptions
 * are what people read while they write a policy.
 *
 * Only the shape: whether a selector is known, a home is permitted or a law is satisfied is decided
 * by `compilePolicy`. Everything is strict, because a misspelt field would be a rule not applied.
 */
import { z } from 'zod'
import { isTtl } from '../model/duration.ts'
import { regionIdSchema } from '../model/region.ts'
import { rulePackIds } from './rule-packs.ts'

/** A region id, jurisdiction, `name:value`, a list (any of), or any / all / except. */
export type SelectorInput =
  | string
  | readonly SelectorInput[]
  | {
      readonly any?: readonly SelectorInput[] | undefined
      readonly all?: readonly SelectorInput[] | undefined
      readonly except?: readonly SelectorInput[] | undefined
    }

const selectorShape = 'must be a selector, a list of selectors, or { any, all, except }'

const selectorSchema: z.ZodType<SelectorInput> = z
  .lazy(() =>
    z.union(
      [
        z
          .string()
          .min(1)
          .describe(
            'A region id, a jurisdiction (eu, eea, uk, us, …), country:DE, subdivision:CA-QC, provider:aws, operator:US, tag:x, adequate:eu or adequate:eu+dpf',
          ),
        z.array(selectorSchema).min(1).max(256).describe('Regions that match any of these'),
        z
          .strictObject({
            any: z
              .array(selectorSchema)
              .min(1)
              .max(256)
              .describe('Regions that match at least one of these')
              .optional(),
            all: z
              .array(selectorSchema)
              .min(1)
              .max(256)
              .describe('Only regions that match each of these')
              .optional(),
            except: z
              .array(selectorSchema)
              .min(1)
              .max(256)
              .describe('No region that matches one of these')
              .optional(),
          })
          .describe('any, all and except hold together'),
      ],
      { error: selectorShape },
    ),
  )
  .meta({ id: 'selector' })
  .describe('Selects regions. A list means any of; order never matters')

const residencySchema = z
  .union(
    [
      z.literal('anywhere').describe('No bounds: every region stores, homes and serves'),
      z.strictObject({
        store: selectorSchema.describe('Where a copy may be kept'),
        home: selectorSchema
          .describe('Where the primary may be, within store; default: store')
          .optional(),
        serve: selectorSchema
          .describe('Where a request may be answered; default: store')
          .optional(),
        law: z
          .array(z.enum(rulePackIds))
          .max(32)
          .describe('Rule packs that this claims to satisfy: checked, and not legal advice')
          .optional(),
      }),
    ],
    { error: 'must be anywhere or { store, home, serve, law }' },
  )
  .describe('Where the keys and values may be: `anywhere`, or who stores, homes and serves')

const outsideSchema = z
  .enum(['redirect', 'refuse'])
  .describe('What a region outside `serve` answers: redirect (307, the default) or refuse (451)')

const homingSchema = z
  .union(
    [
      z
        .enum(['hint', 'hash'])
        .describe('hint: near whoever wrote first (the default); hash: spread evenly'),
      z.strictObject({ pinned: regionIdSchema.describe('Every group has its home here') }),
      z.strictObject({
        prefix: z
          .record(z.string(), regionIdSchema.describe('Home of the groups under this prefix'))
          .describe('Key prefix, ending in "/", to home region; the longest wins, others by hash'),
      }),
    ],
    { error: 'must be hint, hash, { pinned: region } or { prefix: { "eu/": region } }' },
  )
  .describe('How a new group gets its home among the permitted regions')

const rehomeSchema = z
  .strictObject({
    after: z
      .int()
      .min(1)
      .max(1_000)
      .describe('Consecutive writes that enter from one other permitted region'),
  })
  .describe('Move a group to the region from which it is written')

const acksSchema = z
  .union([z.int().min(1).max(256), z.enum(['quorum', 'all', 'local'])], {
    error: 'must be a number of regions, quorum, all or local',
  })
  .describe(
    'Regions that hold a write on disk before the reply: 1 (default), 2, quorum, all; needs etcd: local',
  )

const failoverSchema = z
  .enum(['manual', 'auto'])
  .describe('Who replaces a lost home: the operator (default), or coordination with acks above 1')

const ttlSchema = z
  .string({ error: 'must be a duration such as 500ms, 5s, 10m, 2h or 30d' })
  .refine(isTtl, {
    error: 'must be a duration above zero such as 500ms, 5s, 10m, 2h or 30d, at most 36500d',
  })
  .describe('Life of a value that names none: 500ms 5s 10m 2h 30d')

/** What a partition may set for itself; what it leaves out is the dataset's. */
const perPartition = {
  residency: residencySchema.optional(),
  outside: outsideSchema.optional(),
  homing: homingSchema.optional(),
  rehome: rehomeSchema.optional(),
  acks: acksSchema.optional(),
  failover: failoverSchema.optional(),
  ttl: ttlSchema.optional(),
}

const partitionSchema = z
  .strictObject(perPartition)
  .describe('The keys under one prefix. What is left out is as in the dataset')

const datasetSchema = z
  .strictObject({
    ...perPartition,
    groupBy: z
      .strictObject({
        segments: z.int().min(1).max(64).describe('Leading key segments that make the group'),
      })
      .describe('What is homed, locked and transacted together; default: each key by itself')
      .optional(),
    partitions: z
      .record(z.string(), partitionSchema)
      .describe('By key prefix, ending in "/"; the longest match wins, no match is refused (422)')
      .optional(),
  })
  .describe('A named collection of keys')

const datasetNameSchema = z.string().regex(/^(?!r$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, {
  error:
    'a dataset name is a DNS label: 1-63 of a-z, 0-9 and inner hyphens, and not the reserved "r"',
})

export const policyFileSchema = z
  .strictObject({
    cluster: z
      .string()
      .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, {
        error: 'must be a DNS label: 1-63 of a-z, 0-9 and inner hyphens',
      })
      .describe('Name of the cluster: a DNS label'),
    regions: z
      .union(
        [
          z.string().min(1).describe('Folder with one YAML file per region, such as ./regions'),
          z
            .array(regionIdSchema)
            .min(1)
            .max(256)
            .describe('Ids of regions from the built-in catalogue'),
        ],
        { error: 'must be a folder such as ./regions, or a list of region ids' },
      )
      .describe('The datacenters of the cluster'),
    coordination: z
      .strictObject({
        static: regionIdSchema.describe('The keeper: the region that holds the cluster record'),
      })
      .describe('Who keeps the policy in force; may be left out if there is one region')
      .optional(),
    datasets: z.record(datasetNameSchema, datasetSchema).describe('Datasets by name: DNS labels'),
    assert: z
      .array(z.string())
      .max(1_024)
      .describe(
        'What must hold: DATASET [PREFIX] never|only [homed|stored|served] SELECTOR…, for example "tenants eu/ never country:US"',
      )
      .optional(),
  })
  .describe('The policy of a Denizen cluster')

export type PolicyFile = z.infer<typeof policyFileSchema>
export type DatasetInput = PolicyFile['datasets'][string]
export type PartitionInput = z.infer<typeof partitionSchema>
export type ResidencyInput = z.infer<typeof residencySchema>
export type HomingInput = z.infer<typeof homingSchema>
