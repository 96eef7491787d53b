/** What operators do to a node: back it up, put a newer data format in force, move groups. */
import { z } from 'zod'
import { receiptSchema } from '../../receipts/receipt.ts'
import type { Administration } from '../administration.ts'
import { diversion } from '../admission.ts'
import { audited } from '../audited.ts'
import { noParameters, type Route, route } from '../declare.ts'
import { groupPath, viaQuery } from '../schemas.ts'
import { keyTarget } from '../target.ts'
import { rehomedSchema } from '../view-schemas.ts'

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

const rehome = (administration: Administration): Route =>
  route({
    ...plain,
    path: '/v1/admin/rehome/{dataset}/{group}',
    id: 'rehome',
    summary: 'Moves the home of a group to another region',
    description:
      'The home stops, the next one takes over once it has everything, and operations that meet ' +
      'the move wait for it. Answered when the move is over.',
    mutates: true,
    parameters: groupPath,
    query: z.strictObject({
      to: z.string().min(1).meta({ description: 'The region that is to be the home' }),
      via: viaQuery.shape.via,
    }),
    replies: {
      200: {
        description: 'Where the group has its home now',
        content: { 'application/json': { schema: rehomedSchema } },
      },
    },
    errors: [
      ...(['not_ready', 'bad_key', 'not_found', 'rehome_refused', 'home_moving'] as const),
      ...(['home_unreachable', 'registrar_unavailable', 'outcome_unknown'] as const),
    ],
    async handle(exchange, inputs) {
      const { dataset, key: group } = keyTarget(exchange.target.path, '/v1/admin/rehome/')
      const { to, via } = inputs.query()
      const { service } = exchange
      // The group may be a partition's prefix without its last slash.
      const admission = service.admit(dataset, `${group}/`, via)
      if (admission.kind !== 'serve') throw diversion(exchange, admission)
      const act = { what: 'rehome', details: { dataset, to } }
      const rehomed = await audited(exchange, administration, act, () =>
        exchange.timed('rehome', administration.rehome({ dataset, group, to })),
      )
      return exchange.structured(200, rehomed)
    },
  })

export const receiptReplies = {
  200: {
    description: 'A signed receipt: which regions have confirmed, which are open',
    content: { 'application/json': { schema: receiptSchema } },
  },
}

const erase = (administration: Administration): Route =>
  route({
    ...plain,
    path: '/v1/admin/erase/{dataset}/{group}',
    id: 'erase',
    summary: 'Erases a group in all regions',
    description:
      'Keys, values, and all that names the group. Answered when all regions have confirmed, or ' +
      'after ten seconds: the receipt then says which are open, and goes on by itself.',
    mutates: true,
    parameters: groupPath,
    query: z.strictObject({
      via: viaQuery.shape.via,
      state: z.string().min(1).exactOptional().meta({
        description: 'Only if the group is still in this state, as /v1/admin/hold has told it',
      }),
      movedTo: z
        .string()
        .min(1)
        .exactOptional()
        .meta({
          description:
            'The prefix of the partition that has all of it now. Until it is erased once more, writes ' +
            'that would begin it anew are answered group_moved, with this prefix.',
        }),
    }),
    replies: receiptReplies,
    errors: [
      ...(['not_ready', 'bad_key', 'version_mismatch', 'upgrade_refused', 'home_moving'] as const),
      ...(['home_unreachable', 'registrar_unavailable', 'coordinator_unavailable'] as const),
      'outcome_unknown',
    ],
    async handle(exchange, inputs) {
      const { dataset, key: group } = keyTarget(exchange.target.path, '/v1/admin/erase/')
      const { via, ...terms } = inputs.query()
      const admission = exchange.service.admit(dataset, `${group}/`, via)
      if (admission.kind !== 'serve') throw diversion(exchange, admission)
      const { movedTo } = terms
      const details = { dataset, ...(movedTo !== undefined && { movedTo }) }
      const receipt = await audited(exchange, administration, { what: 'erase', details }, () =>
        exchange.timed('erase', administration.erase({ dataset, group, ...terms })),
      )
      return exchange.structured(200, receipt)
    },
  })

const erasure = (administration: Administration): Route =>
  route({
    ...plain,
    method: 'GET',
    path: '/v1/admin/erasures',
    id: 'erasureReceipt',
    summary: 'What has become of an erasure',
    mutates: false,
    query: z.strictObject({
      dataset: z.string().min(1).meta({ description: 'As the receipt names it' }),
      group: z.string().min(1).meta({ description: 'The keyed hash of the group, as before' }),
    }),
    replies: receiptReplies,
    errors: ['not_ready', 'not_found', 'unknown_dataset', 'coordinator_unavailable'],
    async handle(exchange, inputs) {
      const { dataset, group: hash } = inputs.query()
      const receipt = administration.erasureReceipt({ dataset, hash })
      return exchange.structured(200, await exchange.timed('receipt', receipt))
    },
  })

export const administrationRoutes = (administration: Administration): readonly Route[] => [
  backUp(administration),
  finalize(administration),
  rehome(administration),
  erase(administration),
  erasure(administration),
]
