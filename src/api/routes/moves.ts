/** What a move of a group to another partition asks of nodes; `denizen move` does the rest. */
import { z } from 'zod'
import { parseDuration } from '../../model/duration.ts'
import { timing } from '../../model/limits.ts'
import type { Administration, CopiedGroup, HeldGroup } from '../administration.ts'
import { diversion } from '../admission.ts'
import { audited } from '../audited.ts'
import { readStructure } from '../body.ts'
import { parseWith, type Route, route } from '../declare.ts'
import type { Exchange } from '../exchange.ts'
import { decodeFormat } from '../media-type.ts'
import { groupPath, inBothForms, viaQuery } from '../schemas.ts'
import { type KeyTarget, keyTarget } from '../target.ts'
import { receiptReplies } from './administration.ts'

const plain = {
  method: 'POST',
  needs: 'admin',
  parameters: groupPath,
  headers: z.object({}),
} as const

const count = z.int().min(0)

export const heldGroupSchema: z.ZodType<HeldGroup> = z
  .object({
    group: z.string().meta({ description: 'The keyed hash of its name, as receipts have it' }),
    records: count.meta({ description: 'Live keys' }),
    bytes: count.meta({ description: 'Of their keys and values' }),
    state: z.string().meta({ description: 'Changes with every change, and never comes again' }),
    erasedTerm: count.exactOptional().meta({ description: 'Under which it was erased last' }),
    movedTo: z
      .string()
      .exactOptional()
      .meta({ description: 'Prefix of the partition that it was moved to, and where it is' }),
  })
  .meta({ id: 'HeldGroup' })

const digest = /^[0-9a-f]{64}$/
export const copiedSchema: z.ZodType<CopiedGroup> = z
  .strictObject({
    to: z.string().min(1).meta({ description: 'Prefix of the partition' }),
    group: z.string().min(1).max(100).meta({ description: 'The keyed hash of its name there' }),
    records: count,
    bytes: count.meta({ description: 'Of the values' }),
    digest: z.string().regex(digest).meta({ description: 'SHA-256 of what was read back there' }),
  })
  .meta({ id: 'CopiedGroup' })

const holdMs = z
  .string()
  .transform(parseDuration)
  .pipe(z.int({ error: 'must be a duration such as 5s' }).max(timing.holdMaxMs))
  .default(0)
  .meta({ description: 'How long its writes wait at most (5s, 1m); without it they do not' })

/** The group of a route below `base`, where this region serves it. */
function groupOf(exchange: Exchange, base: string, via: string | undefined): KeyTarget {
  const target = keyTarget(exchange.target.path, base)
  // The group may be a partition's prefix without its last slash.
  const admission = exchange.service.admit(target.dataset, `${target.key}/`, via)
  if (admission.kind !== 'serve') throw diversion(exchange, admission)
  return target
}

const hold = (administration: Administration): Route =>
  route({
    ...plain,
    path: '/v1/admin/hold/{dataset}/{group}',
    id: 'holdGroup',
    summary: 'The state of a group at its home, whose writes wait for a moment',
    description:
      'Writes that come in the meantime are held, and told home_moving if that lasts too long for ' +
      'them; reads go on. A hold is a courtesy: it is forgotten when the home ends, and ends with ' +
      'the next erase of the group.',
    mutates: false,
    query: z.strictObject({ for: holdMs, via: viaQuery.shape.via }),
    replies: {
      200: {
        description: 'The group as it is now',
        content: { 'application/json': { schema: heldGroupSchema } },
      },
    },
    errors: [
      ...(['not_ready', 'bad_key', 'damaged_record', 'home_moving', 'home_unreachable'] as const),
      ...(['registrar_unavailable', 'outcome_unknown'] as const),
    ],
    async handle(exchange, inputs) {
      const { for: forMs, via } = inputs.query()
      const { dataset, key: group } = groupOf(exchange, '/v1/admin/hold/', via)
      const run = (): Promise<HeldGroup> =>
        exchange.timed('hold', administration.hold({ dataset, group, forMs }))
      const act = { what: 'hold', details: { dataset, forMs } }
      const held = await (forMs === 0 ? run() : audited(exchange, administration, act, run))
      return exchange.structured(200, held)
    },
  })

const receipt = (administration: Administration): Route =>
  route({
    ...plain,
    path: '/v1/admin/moved/{dataset}/{group}',
    id: 'moveReceipt',
    summary: 'What has become of a move to another partition',
    description:
      'For a group that was erased as moved. Answered when all regions have confirmed that, or ' +
      'after ten seconds. What is told of the copy goes into the receipt as it is.',
    mutates: false,
    query: viaQuery,
    body: { required: true, content: inBothForms(copiedSchema) },
    replies: receiptReplies,
    errors: [
      ...(['not_ready', 'bad_key', 'bad_body', 'too_large', 'unsupported_media_type'] as const),
      ...(['not_found', 'home_moving', 'home_unreachable', 'registrar_unavailable'] as const),
      ...(['coordinator_unavailable', 'outcome_unknown'] as const),
    ],
    async handle(exchange, inputs) {
      const { via } = inputs.query()
      const { dataset, key: group } = groupOf(exchange, '/v1/admin/moved/', via)
      const { format, bytes } = await readStructure(exchange)
      const copied = parseWith(copiedSchema, decodeFormat(format, bytes), 'body')
      const act = { what: 'move.receipt', details: { dataset, movedTo: copied.to } }
      const signed = await audited(exchange, administration, act, () =>
        exchange.timed('receipt', administration.moveReceipt({ dataset, group, copied })),
      )
      return exchange.structured(200, signed)
    },
  })

export const moveRoutes = (administration: Administration): readonly Route[] => [
  hold(administration),
  receipt(administration),
]
