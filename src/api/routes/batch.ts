/** POST /v1/batch/{dataset}: independent operations, one result each, in order. */
import { z } from 'zod'
import { assert } from '../../model/assert.ts'
import { DenizenError } from '../../model/errors.ts'
import { limits } from '../../model/limits.ts'
import type { Answer, RequestContext } from '../../routing/service.ts'
import { admit } from '../admission.ts'
import { type BatchOp, type Planned, planOf, resultOf } from '../batch-operation.ts'
import { readStructure } from '../body.ts'
import { parseWith, route } from '../declare.ts'
import type { Exchange } from '../exchange.ts'
import { decodeFormat } from '../media-type.ts'
import { combinedHeaders, type Headers, sessionHeader } from '../reply-headers.ts'
import {
  contextOf,
  datasetPath,
  itemValueMembers,
  replyHeaders,
  viaQuery,
  writeHeaders,
} from '../schemas.ts'
import { datasetTarget } from '../target.ts'

const conditions = {
  ifMatch: z.string().exactOptional().meta({ description: 'As the header If-Match' }),
  ifNoneMatch: z.string().exactOptional().meta({ description: 'As the header If-None-Match' }),
}

const put = z
  .strictObject({
    op: z.literal('put'),
    key: z.string(),
    ...itemValueMembers,
    type: z.string().exactOptional().meta({ description: 'Media type of `bytes`' }),
    ...conditions,
    ttl: z.string().exactOptional().meta({ description: 'Refused in this version' }),
  })
  .refine(
    op => ('value' in op ? !('bytes' in op || 'type' in op) : 'bytes' in op && 'type' in op),
    { error: 'a put has either value, or type and bytes' },
  )

const bodySchema = z
  .strictObject({
    ops: z
      .array(
        z.discriminatedUnion('op', [
          z.strictObject({ op: z.literal('get'), key: z.string(), ...conditions }),
          put,
          z.strictObject({ op: z.literal('delete'), key: z.string(), ...conditions }),
        ]),
      )
      .meta({ description: `At most ${limits.batchOpsMax}` }),
  })
  .meta({ id: 'BatchRequest' })

const replySchema = z
  .object({
    results: z.array(
      z.object({
        status: z.int().meta({ description: 'What the same request by itself would answer' }),
        etag: z.string().exactOptional(),
        type: z.string().exactOptional().meta({ description: 'Media type of the value' }),
        ...itemValueMembers,
        home: z.string().exactOptional().meta({ description: "The home of the key's group" }),
        region: z.string().exactOptional().meta({ description: 'With 307 and 421: who answers' }),
        error: z
          .looseObject({
            code: z.string(),
            detail: z.string(),
            applied: z.enum(['yes', 'no', 'unknown']),
            retry: z.enum(['safe', 'with-idempotency-key', 'no']),
          })
          .exactOptional(),
      }),
    ),
  })
  .meta({ id: 'BatchReply' })

const inBothForms = (schema: z.ZodType) => ({
  'application/json': { schema },
  'application/cbor': { schema },
})

export const batch = route({
  method: 'POST',
  path: '/v1/batch/{dataset}',
  id: 'batch',
  summary: 'Many independent operations',
  description:
    'One result each, in order; they fail one by one. A body that is malformed anywhere is ' +
    'refused as a whole, with nothing applied.',
  mutates: true,
  parameters: datasetPath,
  query: viaQuery,
  headers: writeHeaders,
  body: { required: true, content: inBothForms(bodySchema) },
  replies: {
    200: { description: 'The results', headers: replyHeaders, content: inBothForms(replySchema) },
  },
  errors: ['bad_body', 'too_large', 'unsupported_media_type', 'not_supported', 'outcome_unknown'],
  async handle(exchange, inputs) {
    const { dataset } = datasetTarget(exchange.target.path, '/v1/batch/')
    const { via } = inputs.query()
    admitDataset(exchange, dataset, via)
    const context = contextOf(inputs.headers())
    const { format, bytes } = await readStructure(exchange)
    const ops = opsOf(decodeFormat(format, bytes))
    const planned = ops.map(op => planOf(exchange, dataset, op, format, via))
    const shared = sharedDiversion(planned)
    if (shared) throw shared
    const { results, headers } = await executeAll(exchange, dataset, planned, context)
    return exchange.structured(200, { results }, headers)
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
  }
}

function opsOf(body: unknown): readonly BatchOp[] {
  if (typeof body === 'object' && body !== null && 'ops' in body && Array.isArray(body.ops)) {
    if (body.ops.length > limits.batchOpsMax) {
      throw new DenizenError('too_large', `more than ${limits.batchOpsMax} operations`, {
        extra: { batchOpsMax: limits.batchOpsMax },
      })
    }
  }
  return parseWith(bodySchema, body, 'body').ops
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

async function executeAll(
  exchange: Exchange,
  dataset: string,
  planned: readonly Planned[],
  context: RequestContext,
): Promise<{ readonly results: readonly object[]; readonly headers: Headers }> {
  const running = planned.filter(plan => plan.kind === 'run')
  const operations = running.map(({ operation }) => operation)
  const answer: Answer =
    operations.length === 0
      ? { outcomes: [] }
      : await exchange.timed('service', exchange.service.execute(dataset, operations, context))
  assert(answer.outcomes.length === operations.length, 'one outcome per operation')
  const { format } = exchange
  let next = 0
  const results = planned.map(plan =>
    resultOf(plan, plan.kind === 'run' ? answer.outcomes[next++] : undefined, format),
  )
  const receipts = answer.outcomes.flatMap(({ receipt }) => receipt ?? [])
  const stored = running.every(plan => plan.stored)
  return {
    results,
    headers: {
      ...combinedHeaders(receipts, { region: exchange.service.region, stored }),
      ...sessionHeader(answer.session),
    },
  }
}
