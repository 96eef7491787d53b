/**
 * The rows of a store: one ordered map holds everything, told apart by its first byte. Records are
 * ordered by key, so that a list is one range; feed entries by (slot, feed, position), so that a
 * follower reads one range too. Numbers are big-endian, so that byte order is number order.
 *
 * | first byte | key | value |
 * |---|---|---|
 * | 1 record | key | see record.ts |
 * | 2 feed entry | slot u16, feed u32, position u64 | kind u8, key or group |
 * | 3 feed state | slot u16, feed u32 | see row-values.ts |
 * | 4 home | group | see row-values.ts |
 * | 5 registrar entry | group | see row-values.ts |
 * | 6 claim counter | slot u16 | registrar epoch u32, n u64 |
 * | 7 digest | slot u16 | sum of record checksums u64, records u64, tombstones u64 |
 */
import { compareUtf8, concatBytes, fromUtf8, utf8 } from '../model/bytes.ts'
import type { FeedNumber, Position } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'

const table = { record: 1, feedEntry: 2, feedState: 3, home: 4, registrar: 5, claims: 6, digest: 7 }

const U53_HIGH = 2 ** 32

/** Writes a non-negative safe integer as eight big-endian bytes. */
export function writeU53(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, Math.floor(value / U53_HIGH))
  view.setUint32(offset + 4, value % U53_HIGH)
}

export const readU53 = (view: DataView, offset: number): number =>
  view.getUint32(offset) * U53_HIGH + view.getUint32(offset + 4)

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const textRow = (tag: number, text: string): Uint8Array =>
  concatBytes(Uint8Array.of(tag), utf8(text))

function slotRow(tag: number, slot: Slot, feed?: FeedNumber, position?: Position): Uint8Array {
  const bytes = new Uint8Array(feed === undefined ? 3 : position === undefined ? 7 : 15)
  const view = viewOf(bytes)
  view.setUint8(0, tag)
  view.setUint16(1, slot)
  if (feed !== undefined) view.setUint32(3, feed)
  if (position !== undefined) writeU53(view, 7, position)
  return bytes
}

export const rowKeys = {
  record: (key: string) => textRow(table.record, key),
  feedEntry: (slot: Slot, feed: FeedNumber, position: Position) =>
    slotRow(table.feedEntry, slot, feed, position),
  feedState: (slot: Slot, feed: FeedNumber) => slotRow(table.feedState, slot, feed),
  home: (group: string) => textRow(table.home, group),
  registrar: (group: string) => textRow(table.registrar, group),
  claims: (slot: Slot) => slotRow(table.claims, slot),
  digest: (slot: Slot) => slotRow(table.digest, slot),
}

/** The half-open range of all rows of one kind. */
export const tableRange = (name: keyof typeof table): { from: Uint8Array; to: Uint8Array } => ({
  from: Uint8Array.of(table[name]),
  to: Uint8Array.of(table[name] + 1),
})

/** The text behind the tag of a record, home or registrar row. */
export const rowText = (rowKey: Uint8Array): string => fromUtf8(rowKey.subarray(1))

/** Slot, feed and position of a row that begins with a slot; 0 for what its kind does not have. */
export function parseFeedRow(rowKey: Uint8Array): {
  slot: Slot
  feed: FeedNumber
  position: Position
} {
  const view = viewOf(rowKey)
  return {
    slot: view.getUint16(1),
    feed: rowKey.length > 3 ? view.getUint32(3) : 0,
    position: rowKey.length > 7 ? readU53(view, 7) : 0,
  }
}

/** The home rows of the groups in (after, upTo]; null: no bound. */
export function homeRange(
  after: string | null,
  upTo: string | null,
): { from: Uint8Array; to: Uint8Array } {
  const all = tableRange('home')
  return {
    from: after === null ? all.from : justAfter(rowKeys.home(after)),
    to: upTo === null ? all.to : justAfter(rowKeys.home(upTo)),
  }
}

/** The least row key that is greater than another. */
const justAfter = (rowKey: Uint8Array): Uint8Array => concatBytes(rowKey, Uint8Array.of(0))

/**
 * The rows of all keys that begin with `prefix` and come after `after`. The upper bound counts the
 * prefix up by one, byte-wise; UTF-8 never contains 0xff, so there is always room.
 */
export function recordRange(prefix: string, after?: string): { from: Uint8Array; to: Uint8Array } {
  const start = rowKeys.record(prefix)
  const to = start.slice()
  to[to.length - 1] = (to[to.length - 1] as number) + 1
  if (after === undefined || compareUtf8(after, prefix) < 0) return { from: start, to }
  return { from: justAfter(rowKeys.record(after)), to }
}
