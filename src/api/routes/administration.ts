/** What operators do to a node: take a backup of it, put a newer data format in force. */
import { z } from 'zod'
import type { Administration } from '../administration.ts'
import { audited } from '../audited.ts'
import { noParameters, type Route, route } from '../declare.ts'

const plain = {
  method: 'POST',
  needs: 'admin',
  parameters: noParameters,
  headers: z.object({}),
} as const

/** A region or dataset has no comma in its name. */
const listSchema = z.string().transform(text => text.split(',').filter(name => name !== ''))

const backUp = (administration: Administration): Route =>
  route({
    ...plain,
    needs: 'backup',
    path: '/v1/admin/backup',
    id: 'backup',
    summary: 'A backup of this node, as a file',
    description:
      'Each store is read from one snapshot. The file ends in a manifest: one that was cut off is no backup.',
    mutates: false,
    query: z.strictObject({
      place: z.string().min(1).meta({ description: 'The region where the file is to be kept' }),
      datasets: listSchema
        .default([])
        .meta({ description: 'Names, separated by commas; default: all that the region stores' }),
    }),
    replies: {
      200: { description: 'The file', content: { 'application/octet-stream': {} } },
    },
    errors: ['not_ready', 'unknown_dataset', 'forbidden_place', 'overloaded'],
    async handle(exchange, inputs) {
      const request = inputs.query()
      const act = { what: 'backup', details: { place: request.place, datasets: request.datasets } }
      const body = await audited(exchange, administration, act, () =>
        administration.backUp(request),
      )
      return exchange.streamed({ 'Content-Type': 'application/octet-stream' }, body)
    },
  })

const finalizedSchema = z.object({ dataFormat: z.int() })

const finalize = (administration: Administration): Route =>
  route({
    ...plain,
    path: '/v1/admin/upgrade/finalize',
    id: 'finalizeUpgrade',
    summary: 'Puts the newest data format in force that all nodes know',
    mutates: true,
    query: noParameters,
    replies: {
      200: {
        description: 'The format that is in force now',
        content: { 'application/json': { schema: finalizedSchema } },
      },
    },
    errors: ['not_ready', 'upgrade_refused', 'coordinator_unavailable'],
    async handle(exchange) {
      const act = { what: 'upgrade.finalize' }
      const dataFormat = await audited(exchange, administration, act, () =>
        exchange.timed('finalize', administration.finalizeFormat()),
      )
      return exchange.structured(200, { dataFormat })
    },
  })

export const administrationRoutes = (administration: Administration): readonly Route[] => [
  backUp(administration),
  finalize(administration),
]
