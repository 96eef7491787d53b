/** /v1/kv/{dataset}/{key}: one value. */
import type { Operation, Outcome } from '../../execution/operation.ts'
import { assert } from '../../model/assert.ts'
import { DenizenError } from '../../model/errors.ts'
import type { RequestContext } from '../../routing/service.ts'
import { type Admitted, admit } from '../admission.ts'
import { checkQuota } from '../authorize.ts'
import { readValue } from '../body.ts'
import { route } from '../declare.ts'
import type { Exchange } from '../exchange.ts'
import type { Reply } from '../host.ts'
import { represent } from '../negotiation.ts'
import { etagOf, ReadConditions, writePrecondition } from '../preconditions.ts'
import { problemReply } from '../problem.ts'
import {
  cacheControl,
  type Headers,
  sessionHeader,
  valueHeaders,
  wholeMs,
} from '../reply-headers.ts'
import {
  anyValue,
  contextHeaders,
  contextOf,
  ifMatchHeader,
  ifNoneMatchHeader,
  keyPath,
  lifeOf,
  mutationContextOf,
  mutationHeaders,
  putHeaders,
  replyHeaders,
  viaQuery,
} from '../schemas.ts'
import { type KeyTarget, keyTarget } from '../target.ts'

export const kvBase = '/v1/kv/'

const conditionHeaders = { 'If-Match': ifMatchHeader, 'If-None-Match': ifNoneMatchHeader }

interface Executed {
  readonly outcome: Outcome
  /** Of every reply that comes of the outcome. */
  readonly headers: Headers
}

async function executeOne(
  exchange: Exchange,
  { dataset }: KeyTarget,
  operation: Operation,
  context: RequestContext,
  admission: Admitted,
): Promise<Executed> {
  const answer = await exchange.execute(context, measured =>
    exchange.service.execute(dataset, [operation], measured),
  )
  const [outcome] = answer.outcomes
  assert(outcome && answer.outcomes.length === 1, 'one outcome per operation')
  return {
    outcome,
    headers: {
      ...(outcome.receipt === undefined ? {} : exchange.receipted(outcome.receipt, admission)),
      ...sessionHeader(answer.session),
    },
  }
}

/** Where only a copy was asked, "there is none" is as old as the copy. */
function notFound({ receipt }: Extract<Outcome, { kind: 'absent' }>): DenizenError {
  if (receipt.role === 'home') return new DenizenError('not_found', 'the home has no such key')
  if (receipt.stalenessMs === undefined) {
    return new DenizenError(
      'not_found',
      'a replica has no such key; how far it may be behind the home is not known yet',
    )
  }
  const stalenessMs = wholeMs(receipt.stalenessMs)
  // Current, though no home has it: the registrar has said that nobody ever wrote the group.
  if (stalenessMs === 0) return new DenizenError('not_found', 'nobody has written this key')
  return new DenizenError(
    'not_found',
    `a replica has no such key; it may be up to ${stalenessMs} ms behind the home`,
    { extra: { stalenessMs } },
  )
}

export const getValue = route({
  method: 'GET',
  path: '/v1/kv/{dataset}/{key}',
  id: 'getValue',
  summary: 'Read a value',
  description:
    'The value as it was put. JSON and CBOR values are transcoded where Accept prefers the other.',
  mutates: false,
  needs: 'read',
  parameters: keyPath,
  query: viaQuery,
  headers: contextHeaders.extend(conditionHeaders),
  replies: {
    200: { description: 'The value', headers: replyHeaders, content: { '*/*': {} } },
    304: { description: 'The caller has it: If-None-Match holds its ETag', headers: replyHeaders },
  },
  errors: [
    'bad_key',
    'not_found',
    'not_acceptable',
    'bad_precondition',
    'version_mismatch',
    'home_unreachable',
    'registrar_unavailable',
    'copies_too_old',
    'damaged_record',
  ],
  async handle(exchange, inputs) {
    const target = keyTarget(exchange.target.path, kvBase)
    const admission = admit(exchange, target.dataset, target.key, inputs.query().via)
    const headers = inputs.headers()
    const conditions = new ReadConditions({
      ifMatch: headers['If-Match'],
      ifNoneMatch: headers['If-None-Match'],
    })
    const operation = { kind: 'get', key: target.key } as const
    const executed = await executeOne(exchange, target, operation, contextOf(headers), admission)
    try {
      return readReply(exchange, executed, conditions, admission)
    } catch (error) {
      if (error instanceof DenizenError) return problemReply(exchange, error, executed.headers)
      throw error
    }
  },
})

/** Throws what the caller gets in place of the value. */
function readReply(
  exchange: Exchange,
  { outcome, headers }: Executed,
  conditions: ReadConditions,
  admission: Admitted,
): Reply {
  if (outcome.kind === 'failed') throw outcome.error
  if (outcome.kind === 'absent') {
    conditions.checkMatch(undefined)
    throw notFound(outcome)
  }
  assert(outcome.kind === 'found', 'a read finds or misses')
  conditions.checkMatch(outcome.version)
  const form = represent(outcome.mediaType, outcome.value, exchange.accept)
  const etag = etagOf(outcome.version, form.suffix)
  const all = { ...headers, ETag: etag, 'Cache-Control': cacheControl(admission.cacheable) }
  if (conditions.notModified(etag)) return exchange.reply(304, all)
  return exchange.reply(
    200,
    { ...all, ...valueHeaders, 'Content-Type': form.mediaType },
    form.bytes,
  )
}

export const putValue = route({
  method: 'PUT',
  path: '/v1/kv/{dataset}/{key}',
  id: 'putValue',
  summary: 'Write a value',
  mutates: true,
  needs: 'write',
  parameters: keyPath,
  query: viaQuery,
  headers: putHeaders.extend(conditionHeaders),
  body: anyValue,
  replies: {
    201: { description: 'Written; the key had no value', headers: replyHeaders },
    204: { description: 'Written over another value', headers: replyHeaders },
  },
  errors: [
    'bad_key',
    'bad_body',
    'too_large',
    'bad_precondition',
    'version_mismatch',
    'idempotency_mismatch',
    'idempotency_full',
    'group_moved',
    'not_supported',
    'unsupported_media_type',
    'home_unreachable',
    'registrar_unavailable',
    'quota_exceeded',
    'disk_full',
    'damaged_record',
    'acks_above_regions',
    'acks_timeout',
    'outcome_unknown',
    'overloaded',
  ],
  async handle(exchange, inputs) {
    const target = keyTarget(exchange.target.path, kvBase)
    const admission = admit(exchange, target.dataset, target.key, inputs.query().via)
    const headers = inputs.headers()
    const precondition = writePrecondition({
      ifMatch: headers['If-Match'],
      ifNoneMatch: headers['If-None-Match'],
    })
    checkQuota(exchange, target.dataset, precondition.ifMatch !== undefined)
    const { context, once } = mutationContextOf(exchange, headers)
    const { bytes: value, mediaType } = await readValue(exchange)
    const operation: Operation = {
      ...{ kind: 'put', key: target.key, value, mediaType, precondition },
      ...lifeOf(headers),
      ...once,
    }
    const executed = await executeOne(exchange, target, operation, context, admission)
    const { outcome } = executed
    if (outcome.kind === 'failed') return problemReply(exchange, outcome.error, executed.headers)
    assert(outcome.kind === 'written', 'a put writes or fails')
    return exchange.reply(outcome.created ? 201 : 204, {
      ...executed.headers,
      ETag: etagOf(outcome.version),
    })
  },
})

export const deleteValue = route({
  method: 'DELETE',
  path: '/v1/kv/{dataset}/{key}',
  id: 'deleteValue',
  summary: 'Delete a value',
  mutates: true,
  needs: 'write',
  parameters: keyPath,
  query: viaQuery,
  headers: mutationHeaders.extend(conditionHeaders),
  replies: { 204: { description: 'Deleted', headers: replyHeaders } },
  errors: [
    'bad_key',
    'not_found',
    'bad_precondition',
    'version_mismatch',
    'idempotency_mismatch',
    'idempotency_full',
    'group_moved',
    'not_supported',
    'home_unreachable',
    'registrar_unavailable',
    'disk_full',
    'damaged_record',
    'acks_above_regions',
    'acks_timeout',
    'outcome_unknown',
    'overloaded',
  ],
  async handle(exchange, inputs) {
    const target = keyTarget(exchange.target.path, kvBase)
    const admission = admit(exchange, target.dataset, target.key, inputs.query().via)
    const headers = inputs.headers()
    const precondition = writePrecondition({
      ifMatch: headers['If-Match'],
      ifNoneMatch: headers['If-None-Match'],
    })
    const { context, once } = mutationContextOf(exchange, headers)
    const operation: Operation = { kind: 'delete', key: target.key, precondition, ...once }
    const executed = await executeOne(exchange, target, operation, context, admission)
    const { outcome } = executed
    if (outcome.kind === 'failed') return problemReply(exchange, outcome.error, executed.headers)
    if (outcome.kind === 'absent') {
      return problemReply(exchange, notFound(outcome), executed.headers)
    }
    assert(outcome.kind === 'deleted', 'a delete deletes, misses or fails')
    return exchange.reply(204, executed.headers)
  },
})
