/** GET /v1/watch/{dataset}: the current state under a prefix, and then its changes. */
import { z } from 'zod'
import { DenizenError } from '../../model/errors.ts'
import { parseKeyPrefix } from '../../model/key.ts'
import { admit, diversion } from '../admission.ts'
import { authorizeAnew } from '../authorize.ts'
import { route } from '../declare.ts'
import { qualityOf } from '../negotiation.ts'
import {
  contextHeaders,
  datasetPath,
  itemValueMembers,
  prefixParameter,
  viaQuery,
} from '../schemas.ts'
import { datasetTarget } from '../target.ts'
import { cborSequence, serverSentEvents, type WatchForm } from '../watch-events.ts'
import { streamWatch } from '../watch-stream.ts'

const cursor = z.string().max(1_024).exactOptional()

const query = viaQuery.extend({
  prefix: prefixParameter,
  since: cursor.meta({
    description: 'Cursor (an event id) of an earlier watch of this node: go on behind it.',
  }),
})

const headers = contextHeaders.pick({ 'Denizen-Redirect': true }).extend({
  'Last-Event-ID': cursor.meta({
    description: 'As `since`, which it goes before: browsers send it when they connect again.',
  }),
})

const eventSchema = z
  .object({
    key: z.string(),
    version: z.string().exactOptional(),
    deleted: z.literal(true).exactOptional(),
    type: z.string().exactOptional().meta({ description: 'Media type of the value' }),
    ...itemValueMembers,
  })
  .meta({
    id: 'WatchEvent',
    description:
      'Data of an event `change`. `live` comes after the current state; `end` is the last event, ' +
      'with `code` and `detail` of the reason. In a CBOR sequence, `event` and `cursor` are members.',
  })

export const watchKeys = route({
  method: 'GET',
  path: '/v1/watch/{dataset}',
  id: 'watchKeys',
  summary: 'Watch the keys under a prefix',
  description:
    'The current state, an event `live`, then what changes in the copy of this region: at least ' +
    "once, the latest value of each key, a key's versions never backwards; values in between may " +
    'be left out. An event id is a cursor, from which a watch of the same node goes on.',
  mutates: false,
  needs: 'watch',
  parameters: datasetPath,
  query,
  headers,
  replies: {
    200: {
      description: 'Events, until the client or the node ends it',
      content: {
        'text/event-stream': { schema: eventSchema },
        'application/cbor-seq': { schema: eventSchema },
      },
    },
  },
  errors: ['bad_key', 'prefix_spans_partitions', 'not_acceptable', 'cursor_too_old', 'overloaded'],
  async handle(exchange, inputs) {
    const { dataset } = datasetTarget(exchange.target.path, '/v1/watch/')
    const { prefix: prefixText, since: sinceText, via } = inputs.query()
    const { 'Last-Event-ID': lastEventId } = inputs.headers()
    const prefix = parseKeyPrefix(prefixText)
    admit(exchange, dataset, prefix, via)
    const form = formOf(exchange.accept)
    const since = lastEventId || sinceText
    const watch = await exchange.service.watch(dataset, {
      prefix,
      ...(since && { since }),
      ...(via !== undefined && { via }),
    })
    if (watch.kind === 'redirect') throw diversion(exchange, watch)
    const checkCaller = (): Promise<void> => authorizeAnew(exchange, 'watch', dataset, prefix)
    return streamWatch(exchange, watch, form, checkCaller)
  },
})

function formOf(accept: string | undefined): WatchForm {
  const events = qualityOf(accept, serverSentEvents.mediaType)
  const sequence = qualityOf(accept, cborSequence.mediaType)
  if (sequence > events) return cborSequence
  if (events > 0) return serverSentEvents
  throw new DenizenError(
    'not_acceptable',
    'a watch comes as text/event-stream or application/cbor-seq',
  )
}
