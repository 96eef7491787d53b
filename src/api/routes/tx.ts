/** POST /v1/tx/{dataset}/{group}: conditions and operations on one group, all at once. */
import type { Transaction } from '../../execution/operation.ts'
import { admit, diversion } from '../admission.ts'
import { authorizeOperation, checkQuota } from '../authorize.ts'
import { readStructure } from '../body.ts'
import { parseWith, route } from '../declare.ts'
import type { Exchange } from '../exchange.ts'
import { decodeFormat } from '../media-type.ts'
import { problemReply } from '../problem.ts'
import { sessionHeader } from '../reply-headers.ts'
import {
  groupPath,
  inBothForms,
  mutationContextOf,
  mutationHeaders,
  replyHeaders,
  viaQuery,
} from '../schemas.ts'
import { keyTarget } from '../target.ts'
import {
  resultOfStep,
  transactionOf,
  transactionReplySchema,
  transactionSchema,
} from '../transaction-body.ts'

export const transact = route({
  method: 'POST',
  path: '/v1/tx/{dataset}/{group}',
  id: 'transact',
  summary: 'A transaction on one group',
  description:
    'Runs `then` if all of `if` holds, else `else`, at the home of the group and at once: nothing ' +
    'comes between, and every copy has all of it or nothing. All that it writes has one version. ' +
    'Operations run in order; a branch writes no key twice. A repeat with the same Idempotency-Key ' +
    'is answered what was written, and reads anew.',
  mutates: true,
  needs: 'each operation',
  parameters: groupPath,
  query: viaQuery,
  headers: mutationHeaders,
  body: { required: true, content: inBothForms(transactionSchema) },
  replies: {
    200: {
      description: 'What ran, and what came of it',
      headers: replyHeaders,
      content: inBothForms(transactionReplySchema),
    },
  },
  errors: [
    ...(['bad_key', 'bad_body', 'bad_precondition', 'too_large'] as const),
    ...(['outside_group', 'idempotency_mismatch', 'idempotency_full', 'group_moved'] as const),
    ...(['unsupported_media_type', 'not_supported', 'quota_exceeded'] as const),
    ...(['acks_above_regions', 'acks_timeout'] as const),
    ...(['home_unreachable', 'registrar_unavailable', 'outcome_unknown', 'overloaded'] as const),
  ],
  async handle(exchange, inputs) {
    const { dataset, key } = keyTarget(exchange.target.path, '/v1/tx/')
    const { via } = inputs.query()
    // The group may be a partition's prefix without its last slash.
    const admission = admit(exchange, dataset, `${key}/`, via)
    const { context, once } = mutationContextOf(exchange, inputs.headers())
    const { format, bytes } = await readStructure(exchange)
    const body = parseWith(transactionSchema, decodeFormat(format, bytes), 'body')
    const transaction = { ...transactionOf(key, body, format), ...once }
    admitKeys(exchange, dataset, transaction, via)
    const { outcome, session } = await exchange.execute(context, measured =>
      exchange.service.transact(dataset, transaction, measured),
    )
    const { receipt } = outcome
    const headers = {
      ...(receipt && exchange.receipted(receipt, admission)),
      ...sessionHeader(session),
    }
    if (outcome.kind === 'failed') return problemReply(exchange, outcome.error, headers)
    const { succeeded, results } = outcome
    return exchange.structured(
      200,
      { succeeded, results: results.map(result => resultOfStep(result, exchange.format)) },
      headers,
    )
  },
})

/** Each key as a request by itself; a condition tells what is stored, so that it is a read. */
function admitKeys(
  exchange: Exchange,
  dataset: string,
  { conditions, success, failure }: Transaction,
  via: string | undefined,
): void {
  const asked = [
    ...conditions.map(({ key }) => ({ kind: 'get', key })),
    ...[...success, ...failure],
  ]
  for (const { kind, key } of asked) {
    authorizeOperation(exchange, kind === 'get' ? 'read' : 'write', dataset, key)
    const admission = exchange.service.admit(dataset, key, via)
    if (admission.kind !== 'serve') throw diversion(exchange, admission)
  }
  if (asked.some(({ kind }) => kind === 'put')) checkQuota(exchange, dataset, false)
}
