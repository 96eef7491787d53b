/**
 * What a watch tells, as its client takes it: server-sent events (HTML Living Standard, section
 * 9.2), whose ids are cursors, or items of a CBOR sequence (RFC 8742).
 */
import { utf8 } from '../model/bytes.ts'
import type { DenizenError } from '../model/errors.ts'
import { formatVersion } from '../model/version.ts'
import type { WatchBatch, WatchEvent } from '../routing/service.ts'
import { itemFromValue } from './data-item.ts'
import type { Format } from './media-type.ts'
import { errorItem } from './problem.ts'
import { encodeSequence } from './sequence.ts'

export interface WatchForm {
  readonly mediaType: string
  batch(batch: WatchBatch): Uint8Array
  /** The watch is alive, and stands at the cursor. */
  heartbeat(cursor: string | undefined): Uint8Array
  end(error: DenizenError): Uint8Array
}

type Name = 'change' | 'live' | 'end'

const eventOf = (event: WatchEvent, format: Format): { name: Name; data: object } => {
  if (event.kind === 'live') return { name: 'live', data: {} }
  const { key } = event
  if (event.kind === 'delete') {
    const { version } = event
    const data = { key, ...(version && { version: formatVersion(version) }), deleted: true }
    return { name: 'change', data }
  }
  const { version, mediaType, value } = event
  const members = itemFromValue({ mediaType, bytes: value }, format)
  const data = { key, version: formatVersion(version), type: mediaType, ...members }
  return { name: 'change', data }
}

const block = (name: Name, data: object, cursor: string | undefined): string =>
  `event: ${name}\n${idLine(cursor)}data: ${JSON.stringify(data)}\n\n`

const idLine = (cursor: string | undefined): string =>
  cursor === undefined ? '' : `id: ${cursor}\n`

/** The cursor belongs to the last event of a batch: who has not got it may not go on there. */
export const serverSentEvents: WatchForm = {
  mediaType: 'text/event-stream',
  batch: ({ events, cursor }) =>
    utf8(
      events
        .map((event, index) => {
          const { name, data } = eventOf(event, 'json')
          return block(name, data, index === events.length - 1 ? cursor : undefined)
        })
        .join(''),
    ),
  // An id without data moves the client's last event id on, and is no event.
  heartbeat: cursor => utf8(`:\n${idLine(cursor)}\n`),
  end: error => utf8(block('end', errorItem(error), undefined)),
}

const item = (event: string, data: object, cursor: string | undefined): object => ({
  event,
  ...(cursor !== undefined && { cursor }),
  ...data,
})

export const cborSequence: WatchForm = {
  mediaType: 'application/cbor-seq',
  batch: ({ events, cursor }) =>
    encodeSequence(
      'cbor',
      events.map((event, index) => {
        const { name, data } = eventOf(event, 'cbor')
        return item(name, data, index === events.length - 1 ? cursor : undefined)
      }),
    ),
  heartbeat: cursor => encodeSequence('cbor', [item('heartbeat', {}, cursor)]),
  end: error => encodeSequence('cbor', [item('end', errorItem(error), undefined)]),
}
