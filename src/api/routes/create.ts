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
import { receiptHeaders, sessionHeader } from '../reply-headers.ts'
import {
  anyValue,
  contextOf,
  datasetPath,
  prefixParameter,
  replyHeaders,
  viaQuery,
  writeHeaders,
} from '../schemas.ts'
import { datasetTarget } from '../target.ts'

const BASE = '/v1/kv/'

export const createValue = route({
  method: 'POST',
  path: '/v1/kv/{dataset}',
  id: 'createValue',
  summary: 'Write a value under a key that the server assigns',
  description:
    'The key begins with `prefix`, which is empty or ends in "/" and lies inside one partition.',
  mutates: true,
  needs: 'write',
  parameters: datasetPath,
  query: viaQuery.extend({ prefix: prefixParameter }),
  headers: writeHeaders,
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
    'quota_exceeded',
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
    const context = contextOf(inputs.headers())
    const value = await readValue(exchange)
    const answer = await exchange.timed(
      'service',
      exchange.service.create(
        dataset,
        { prefix, value: value.bytes, mediaType: value.mediaType },
        context,
      ),
    )
    const [outcome] = answer.outcomes
    assert(outcome?.kind === 'written', 'a create writes or throws')
    const entry = { region: exchange.service.region, stored: admission.stored }
    return exchange.structured(
      201,
      { key: answer.key },
      {
        ...receiptHeaders(outcome.receipt, entry),
        ...sessionHeader(answer.session),
        ETag: etagOf(outcome.version),
        Location: `${BASE}${dataset}/${encodeKeyForPath(answer.key)}`,
      },
    )
  },
})
