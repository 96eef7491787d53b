/** The policy in force, and what another one would change: for plans, reports and their readers. */
import { z } from 'zod'
import { policyChangeViewSchema } from '../../model/policy-change-view.ts'
import { receiptSchema } from '../../receipts/receipt.ts'
import type { Administration } from '../administration.ts'
import { audited } from '../audited.ts'
import { readStructure } from '../body.ts'
import { noParameters, type Route, route } from '../declare.ts'
import { decodeFormat } from '../media-type.ts'
import { inBothForms } from '../schemas.ts'

const count = z.int().min(0)

const policySchema = z.looseObject({}).meta({
  description: 'A compiled policy: cluster, keeper, regions, and a placement for each dataset',
})

const inForceSchema = z.object({
  clusterId: z.string(),
  region: z.string().meta({ description: 'The region that answers' }),
  policyEpoch: z.int(),
  inForceSinceMs: z
    .int()
    .exactOptional()
    .meta({ description: 'Wall-clock ms; absent where the cluster does not know it' }),
  policy: policySchema,
})

export const censusSchema = z.object({
  number: z.int().meta({ description: 'Tells one count from the next' }),
  running: z.boolean(),
  failure: z.string().exactOptional().meta({ description: 'Why it ended before its end' }),
  datasets: z.array(
    z.object({
      dataset: z.string(),
      stores: count,
      storesDone: count.meta({ description: 'Of the stores: walked to their ends' }),
      damaged: count.meta({ description: 'Records that could not be counted' }),
      lines: z.array(
        z.object({
          into: z
            .string()
            .nullable()
            .meta({ description: 'The placement that takes them; null: no partition does' }),
          from: z.string().nullable().meta({ description: 'Their home now' }),
          to: z.string().nullable().meta({ description: 'Their home under the other policy' }),
          groups: count,
          records: count,
          bytes: count.meta({ description: 'Of keys and values' }),
        }),
      ),
    }),
  ),
})

const plain = {
  needs: 'admin',
  mutates: false,
  parameters: noParameters,
  query: noParameters,
  headers: z.object({}),
} as const

const inForce = (administration: Administration): Route =>
  route({
    ...plain,
    method: 'GET',
    path: '/v1/admin/policy',
    id: 'policyInForce',
    summary: 'The policy in force, and since when',
    replies: {
      200: { description: 'As this node knows it', content: inBothForms(inForceSchema) },
    },
    errors: ['not_ready'],
    handle: async exchange => exchange.structured(200, administration.policyInForce()),
  })

const counted = {
  ...plain,
  path: '/v1/admin/policy/census',
  replies: {
    200: {
      description: 'What has been counted so far, or by the last count if none is under way',
      content: inBothForms(censusSchema),
    },
  },
} as const

const begin = (administration: Administration): Route =>
  route({
    ...counted,
    method: 'POST',
    id: 'beginCensus',
    summary: 'Counts the homes of this node’s copies, now and under another policy',
    description: 'Changes nothing. The reply comes at once; GET tells how far the count is.',
    body: { required: true, content: inBothForms(policySchema) },
    errors: ['not_ready', 'bad_body', 'too_large', 'unsupported_media_type', 'overloaded'],
    async handle(exchange) {
      const { format, bytes } = await readStructure(exchange)
      const desired = decodeFormat(format, bytes)
      const census = await audited(exchange, administration, { what: 'policy.census' }, () =>
        administration.beginCensus(desired),
      )
      return exchange.structured(200, census)
    },
  })

const watch = (administration: Administration): Route =>
  route({
    ...counted,
    method: 'GET',
    id: 'watchCensus',
    summary: 'What the count of homes has come to',
    errors: ['not_ready'],
    handle: async exchange => exchange.structured(200, await administration.census()),
  })

const changing = {
  ...plain,
  path: '/v1/admin/policy/change',
  replies: {
    200: { description: 'How far it is', content: inBothForms(policyChangeViewSchema) },
  },
} as const

const wishSchema = z.object({
  policy: policySchema,
  eraseDatasets: z
    .array(z.string())
    .meta({ description: 'Datasets that the policy does not have, and of which nothing stays' }),
})

const apply = (administration: Administration): Route =>
  route({
    ...changing,
    method: 'POST',
    id: 'applyPolicy',
    summary: 'Changes the policy in force to another one, phase by phase',
    description: 'The reply comes once the change has begun; GET tells how far it is.',
    mutates: true,
    body: { required: true, content: inBothForms(wishSchema) },
    errors: [
      ...(['not_ready', 'bad_body', 'too_large', 'unsupported_media_type'] as const),
      ...(['policy_refused', 'policy_changing', 'coordinator_unavailable'] as const),
    ],
    async handle(exchange) {
      const { format, bytes } = await readStructure(exchange)
      const wish = decodeFormat(format, bytes)
      const view = await audited(exchange, administration, { what: 'policy.apply' }, () =>
        exchange.timed('apply', administration.applyPolicy(wish)),
      )
      return exchange.structured(200, view)
    },
  })

const change = (administration: Administration): Route =>
  route({
    ...changing,
    method: 'GET',
    id: 'policyChange',
    summary: 'How far the change of the policy is, and what the last one has done',
    errors: ['not_ready', 'coordinator_unavailable'],
    handle: async exchange => exchange.structured(200, await administration.policyChange()),
  })

const receipt = (administration: Administration): Route =>
  route({
    ...plain,
    method: 'GET',
    path: '/v1/admin/policy/receipt',
    id: 'policyReceipt',
    summary: 'The receipt of the change under way, or of the last one',
    replies: {
      200: {
        description: 'Signed: see GET /v1/receipts/keys',
        content: inBothForms(receiptSchema),
      },
    },
    errors: ['not_ready', 'not_found', 'coordinator_unavailable'],
    handle: async exchange => exchange.structured(200, await administration.policyReceipt()),
  })

export const policyRoutes = (administration: Administration): readonly Route[] => [
  inForce(administration),
  begin(administration),
  watch(administration),
  apply(administration),
  change(administration),
  receipt(administration),
]
