/** The scrub of a node that runs: begun by an operator, and watched. */
import { z } from 'zod'
import type { Administration } from '../administration.ts'
import { audited } from '../audited.ts'
import { noParameters, type Route, route } from '../declare.ts'

const count = z.int().min(0)

export const scrubReportSchema = z.object({
  running: z.boolean(),
  datasets: z.array(
    z.object({
      dataset: z.string(),
      stores: count,
      storesDone: count.meta({ description: 'Of the stores: walked to their ends' }),
      records: count,
      entries: count.meta({ description: 'Entries of feeds' }),
      damage: z
        .array(z.object({ slot: count, count }))
        .meta({ description: 'How many things are wrong, by slot' }),
      digestsCorrected: count,
    }),
  ),
  repairs: z
    .object({ found: count, repaired: count, waiting: count })
    .meta({ description: 'Damaged records since the start, whoever met them' }),
  comparisons: z
    .object({
      ...{ same: count, different: count, apart: count, walked: count },
      ...{ repaired: count, removed: count, conflicting: count, unproven: count },
    })
    .meta({ description: "With other regions' copies: slots of each kind, and records mended" }),
})

const plain = {
  path: '/v1/admin/scrub',
  needs: 'admin',
  mutates: false,
  parameters: noParameters,
  query: noParameters,
  headers: z.object({}),
  replies: {
    200: {
      description: 'What the scrub has found so far, or the last one if none is under way',
      content: { 'application/json': { schema: scrubReportSchema } },
    },
  },
  errors: ['not_ready'],
} as const

const begin = (administration: Administration): Route =>
  route({
    ...plain,
    method: 'POST',
    id: 'beginScrub',
    summary: 'Verifies all that this node stores, or hurries the scrub under way',
    async handle(exchange) {
      const run = () => administration.scrub(true)
      return exchange.structured(
        200,
        await audited(exchange, administration, { what: 'scrub' }, run),
      )
    },
  })

const watch = (administration: Administration): Route =>
  route({
    ...plain,
    method: 'GET',
    id: 'watchScrub',
    summary: 'What the scrub of this node has found',
    handle: async exchange => exchange.structured(200, await administration.scrub(false)),
  })

export const scrubRoutes = (administration: Administration): readonly Route[] => [
  begin(administration),
  watch(administration),
]
