/** POST /v1/kv/{dataset}: a value under a key that the server assigns. */
import { z } from 'zod'
import { assert } from '../../model/assert.ts'
import { DenizenError } from '../../model/errors.ts'
import { encodeKeyForPath, parseKeyPrefix } from '../../model/key.ts'
import { admit } from '../admission.ts'
import { checkQuota } from '../authorize.ts'
import { readValue } from '../body.ts'
import { route } from '../declare.ts'
import { etagOf } from '../preconditions.ts'
import { problemReply } from '../problem.ts'
import { sessionHeader } from '../reply-headers.ts'
import {
  anyValue,
  datasetPath,
  lifeOf,
  mutationContextOf,
  prefixParameter,
  putHeaders,
  replyHeaders,
  viaQuery,
} from '../schemas.ts'
import { datasetTarget } from '../target.ts'

const BASE = '/v1/kv/'

export const createValue = route({
  method: 'POST',
  path: '/v1/kv/{dataset}',
  id: 'createValue',
  summary: 'Write a value under a key that the server assigns',
  description:
    'The key begins with `prefix`, which is empty or ends in "/" and lies inside one partition. ' +
    'Location names it with 500 `acks_timeout` too: the value is there.',
  mutates: true,
  needs: 'write',
  parameters: datasetPath,
  query: viaQuery.extend({ prefix: prefixParameter }),
  headers: putHeaders,
  body: anyValue,
  replies: {
    201: {
      description: 'Written; Location names the key',
      headers: replyHeaders,
      content: {
        'application/json': { schema: z.object({ key: z.string() }) },
        'application/cbor': { schema: z.object({ key: z.string() }) },
      },
    },
  },
  errors: [
    'bad_key',
    'bad_body',
    'too_large',
    'not_supported',
    'unsupported_media_type',
    'prefix_spans_partitions',
    'idempotency_mismatch',
    'idempotency_full',
    'group_moved',
    'quota_exceeded',
    'disk_full',
    'acks_above_regions',
    'acks_timeout',
    'outcome_unknown',
    'overloaded',
  ],
  async handle(exchange, inputs) {
    const { dataset } = datasetTarget(exchange.target.path, BASE)
    const query = inputs.query()
    const prefix = parseKeyPrefix(query.prefix)
    if (prefix !== '' && !prefix.endsWith('/')) {
      throw new DenizenError('bad_key', 'the prefix of a server-assigned key ends in "/"')
    }
    const admission = admit(exchange, dataset, prefix, query.via)
    checkQuota(exchange, dataset, false)
    const headers = inputs.headers()
    const { context, once } = mutationContextOf(exchange, headers)
    const { bytes: value, mediaType } = await readValue(exchange)
    const request = { prefix, value, mediaType, ...lifeOf(headers), ...once }
    const answer = await exchange.execute(context, measured =>
      exchange.service.create(dataset, request, measured),
    )
    const [outcome] = answer.outcomes
    const created = {
      ...(outcome?.receipt && exchange.receipted(outcome.receipt, admission)),
      ...sessionHeader(answer.session),
      Location: `${BASE}${dataset}/${encodeKeyForPath(answer.key)}`,
    }
    if (outcome?.kind === 'failed') return problemReply(exchange, outcome.error, created)
    assert(outcome?.kind === 'written', 'a create writes, fails or throws')
    const written = { ...created, ETag: etagOf(outcome.version) }
    return exchange.structured(201, { key: answer.key }, written)
  },
})
