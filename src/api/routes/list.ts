/** GET /v1/kv/{dataset}: keys in order, page by page. */
import { z } from 'zod'
import type { ListItem } from '../../execution/operation.ts'
import { DenizenError } from '../../model/errors.ts'
import { parseKey, parseKeyPrefix } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import { admit } from '../admission.ts'
import { bytesMember, itemFromValue } from '../data-item.ts'
import { route } from '../declare.ts'
import type { Format } from '../media-type.ts'
import { etagOf } from '../preconditions.ts'
import { cacheControl } from '../reply-headers.ts'
import {
  contextHeaders,
  contextOf,
  datasetPath,
  itemValueMembers,
  prefixParameter,
  replyHeaders,
  viaQuery,
} from '../schemas.ts'
import { datasetTarget } from '../target.ts'

const limitParameter = z
  .string()
  .refine(text => /^\d{1,9}$/.test(text), { error: 'must be a whole number', abort: true })
  .transform(Number)
  .pipe(z.int().min(1).max(limits.listItemsMax))
  .default(limits.listItemsDefault)
  .meta({
    description: 'Items in the page, at most; a page with values may end earlier',
    override: {
      type: 'integer',
      minimum: 1,
      maximum: limits.listItemsMax,
      default: limits.listItemsDefault,
    },
  })

const query = viaQuery.extend({
  prefix: prefixParameter,
  group: z.string().min(1).exactOptional().meta({
    description: 'Instead of a prefix: all keys of the group of this key',
  }),
  after: z.string().exactOptional().meta({
    description: '`next` of the page before: items after it in byte order',
  }),
  limit: limitParameter,
  values: z.enum(['true', 'false', 'bytes']).default('false').meta({
    description: 'Whether to send the values too; `bytes`: as they were put, never as data items',
  }),
})

const pageSchema = z
  .object({
    items: z.array(
      z.object({
        key: z.string(),
        etag: z.string(),
        type: z.string().meta({ description: 'Media type of the value' }),
        ...itemValueMembers,
        expiresAt: z.iso.datetime().exactOptional().meta({
          description: 'From then on, by the clock of its home, it is gone; absent where it stays',
        }),
      }),
    ),
    next: z.string().exactOptional().meta({ description: 'Absent on the last page' }),
  })
  .meta({ id: 'KeyPage' })

export const listKeys = route({
  method: 'GET',
  path: '/v1/kv/{dataset}',
  id: 'listKeys',
  summary: 'List keys in byte order',
  description: 'No snapshot across groups: keys written meanwhile may or may not be in it.',
  mutates: false,
  needs: 'list',
  parameters: datasetPath,
  query,
  headers: contextHeaders,
  replies: {
    200: {
      description: 'A page',
      headers: replyHeaders,
      content: {
        'application/json': { schema: pageSchema },
        'application/cbor': { schema: pageSchema },
      },
    },
  },
  errors: ['bad_key', 'prefix_spans_partitions', 'home_unreachable', 'copies_too_old'],
  async handle(exchange, inputs) {
    const { dataset } = datasetTarget(exchange.target.path, '/v1/kv/')
    const { prefix: prefixText, group: groupText, after, limit, values, via } = inputs.query()
    const prefix = parseKeyPrefix(prefixText)
    const group = groupText === undefined ? undefined : parseKey(groupText)
    if (group !== undefined && prefix !== '') {
      throw new DenizenError('bad_request', 'a list is of a group or of a prefix, not of both')
    }
    const admission = admit(exchange, dataset, group ?? prefix, via)
    const request = {
      prefix,
      limit,
      values: values !== 'false',
      ...(group !== undefined && { group }),
      ...(after === undefined || after === '' ? {} : { after: parseKeyPrefix(after) }),
    }
    const page = await exchange.timed(
      'service',
      exchange.service.list(dataset, request, contextOf(inputs.headers())),
    )
    const { format } = exchange
    return exchange.structured(
      200,
      { items: page.items.map(item => lineOf(item, format, values === 'bytes')), next: page.next },
      {
        ...exchange.receipted(page.receipt, admission),
        'Cache-Control': cacheControl(admission.cacheable),
      },
    )
  },
})

const lineOf = (
  { key, version, mediaType, value, expiresAtMs }: ListItem,
  format: Format,
  asBytes: boolean,
): object => ({
  key,
  etag: etagOf(version),
  type: mediaType,
  ...(value &&
    (asBytes ? bytesMember(value, format) : itemFromValue({ mediaType, bytes: value }, format))),
  ...(expiresAtMs !== undefined && { expiresAt: new Date(expiresAtMs).toISOString() }),
})
