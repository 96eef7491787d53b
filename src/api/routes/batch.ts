/** POST /v1/batch/{dataset}: independent operations, one result each, in order. */
import { z } from 'zod'
import { DenizenError } from '../../model/errors.ts'
import { admit } from '../admission.ts'
import { bodySchema, operationsOf } from '../batch-body.ts'
import { executePlanned, headersOf } from '../batch-execution.ts'
import { type Planned, Planner } from '../batch-operation.ts'
import { replyOf } from '../batch-reply.ts'
import { operationSchema, resultSchema } from '../batch-schemas.ts'
import { streamBatch } from '../batch-stream.ts'
import { readStructure } from '../body.ts'
import { route } from '../declare.ts'
import type { Exchange } from '../exchange.ts'
import {
  datasetPath,
  inBothForms,
  mutationContextOf,
  mutationHeaders,
  replyHeaders,
  viaQuery,
} from '../schemas.ts'
import { sequenceFormatOf, sequenceTypes } from '../sequence.ts'
import { datasetTarget } from '../target.ts'

const replySchema = z.object({ results: z.array(resultSchema) }).meta({ id: 'BatchReply' })

/** The schema of one item. */
const asSequences = (schema: z.ZodType) => ({
  [sequenceTypes.json]: { schema },
  [sequenceTypes.cbor]: { schema },
})

export const batchBase = '/v1/batch/'

export const batch = route({
  method: 'POST',
  path: '/v1/batch/{dataset}',
  id: 'batch',
  summary: 'Many independent operations',
  description:
    'One result each, in order; they fail one by one. A body that is malformed anywhere is ' +
    'refused as a whole, with nothing applied. As a sequence (of JSON lines or CBOR, RFC 8742) the ' +
    'body has no end that anybody must know: operations are answered while others are sent, those ' +
    'on one key take effect in order, and a malformed item ends the stream with a last item whose ' +
    'error says in `taken` how many were. Read results while sending: who does not is cut off.',
  mutates: true,
  needs: 'each operation',
  parameters: datasetPath,
  query: viaQuery,
  headers: mutationHeaders,
  body: {
    required: true,
    content: { ...inBothForms(bodySchema), ...asSequences(operationSchema) },
  },
  replies: {
    200: {
      description: 'The results',
      headers: replyHeaders,
      content: { ...inBothForms(replySchema), ...asSequences(resultSchema) },
    },
  },
  errors: [
    ...(['bad_body', 'too_large', 'unsupported_media_type', 'not_supported'] as const),
    ...(['outcome_unknown', 'body_timeout', 'client_not_reading'] as const),
  ],
  async handle(exchange, inputs) {
    const { dataset } = datasetTarget(exchange.target.path, batchBase)
    const { via } = inputs.query()
    admitDataset(exchange, dataset, via)
    const { context, once } = mutationContextOf(exchange, inputs.headers())
    const streamed = sequenceFormatOf(exchange.header('content-type') ?? '')
    if (streamed) {
      return streamBatch(exchange, { dataset, via, format: streamed, ...once }, context)
    }
    const { format, bytes } = await readStructure(exchange)
    const frame = { dataset, via, format, ...once }
    const planner = new Planner(exchange, frame)
    const planned = operationsOf(bytes, format).map((op, index) => planner.plan(op, index))
    planner.settle()
    const shared = sharedDiversion(planned)
    if (shared) throw shared
    const executed = await exchange.execute(context, measured =>
      executePlanned(exchange, dataset, planned, measured),
    )
    const headers = headersOf(exchange, executed)
    return exchange.encoded(200, headers, replyOf(executed, exchange.format))
  },
})

/**
 * Before the body is read, as far as that goes: where the partitions of a dataset differ, only the
 * keys in the body can tell.
 */
function admitDataset(exchange: Exchange, dataset: string, via: string | undefined): void {
  try {
    admit(exchange, dataset, '', via)
  } catch (error) {
    const differs =
      error instanceof DenizenError &&
      (error.code === 'no_partition' || error.code === 'prefix_spans_partitions')
    if (!differs) throw error
    exchange.dataset = dataset
  }
}

/** What answers the whole request, where every operation belongs to the same other region. */
function sharedDiversion(planned: readonly Planned[]): DenizenError | undefined {
  const [first] = planned
  if (first?.kind !== 'diverted') return undefined
  const { code, extra } = first.error
  const shared = planned.every(
    plan =>
      plan.kind === 'diverted' &&
      plan.error.code === code &&
      plan.error.extra.region === extra.region,
  )
  return shared ? first.error : undefined
}
