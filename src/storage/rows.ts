/**
 * The rows of a store: one ordered map holds everything, told apart by its first byte. Records are
 * ordered by key, so that a list is one range; feed entries by (slot, feed, position), so that a
 * follower reads one range too. Numbers are big-endian, so that byte order is number order.
 *
 * | first byte | key | value |
 * |---|---|---|
 * | 1 record | key | see record.ts |
 * | 2 feed entry | slot u16, feed u32, position u64 | kind u8, key or group |
 * | 2 feed entry that shares its position | the same, text | kind u8 |
 * | 3 feed state | slot u16, feed u32 | see row-values.ts |
 * | 4 home | group | see row-values.ts |
 * | 5 registrar entry | group | see row-values.ts |
 * | 6 claim counter | slot u16 | registrar epoch u32, n u64 |
 * | 7 digest | slot u16 | sum of record checksums, records, tombstones, bytes: u64 each |
 * | 8 expiry | due u64 (wall-clock ms), kind u8, text | empty |
 * | 9 idempotency record | scope | see row-values.ts |
 * | 10 idempotency records of a slot | slot u16 | count u64 |
 * | 11 there are home markers | | empty |
 * | 12 erasure | keyed hash of the group | see erasure.ts |
 * | 13 there are erasures | | empty |
 * | 14 what an erasure has removed here | keyed hash of the group | see erasure.ts |
 * | 15 a claim above the term of an erasure was asked for | keyed hash of the group | empty |
 */
import {
  compareUtf8,
  concatBytes,
  fromUtf8,
  transientUtf8,
  utf8,
  utf8Into,
} from '../model/bytes.ts'
import { DenizenError } from '../model/errors.ts'
import type { FeedNumber, Position } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'

const table = {
  ...{ record: 1, feedEntry: 2, feedState: 3, home: 4, registrar: 5, claims: 6, digest: 7 },
  ...{ expiry: 8, idempotency: 9, idempotencyCount: 10, marked: 11 },
  ...{ erasure: 12, erased: 13, purge: 14, reclaim: 15 },
}

const U53_HIGH = 2 ** 32

/** Writes a non-negative number modulo 2³², without its fraction, as four big-endian bytes. */
export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

/** Writes a non-negative safe integer as eight big-endian bytes. */
export function writeU53(bytes: Uint8Array, at: number, value: number): void {
  writeU32(bytes, at, value / U53_HIGH)
  writeU32(bytes, at + 4, value)
}

/** 0 beyond the end. */
export const readU32 = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] ?? 0) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)) >>>
  0

export const readU53 = (bytes: Uint8Array, at: number): number =>
  readU32(bytes, at) * U53_HIGH + readU32(bytes, at + 4)

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

function textRow(tag: number, text: string): Uint8Array {
  const bytes = utf8(text, 1)
  bytes[0] = tag
  return bytes
}

function slotRow(tag: number, slot: Slot, feed?: FeedNumber): Uint8Array {
  const bytes = new Uint8Array(feed === undefined ? SLOT_BYTES : FEED_BYTES)
  writeSlot(bytes, tag, slot)
  if (feed !== undefined) writeU32(bytes, SLOT_BYTES, feed)
  return bytes
}

function writeSlot(bytes: Uint8Array, tag: number, slot: Slot): void {
  bytes[0] = tag
  bytes[1] = slot >>> 8
  bytes[2] = slot
}

const SLOT_BYTES = 3
const FEED_BYTES = SLOT_BYTES + 4
const ENTRY_BYTES = FEED_BYTES + 8

function entryRow(slot: Slot, feed: FeedNumber, position: Position, text = ''): Uint8Array {
  const bytes = utf8(text, ENTRY_BYTES)
  writeSlot(bytes, table.feedEntry, slot)
  writeU32(bytes, SLOT_BYTES, feed)
  writeU53(bytes, FEED_BYTES, position)
  return bytes
}

/** The row key of a record, for one look: the next call writes over it. */
export function recordRowKey(key: string): Uint8Array {
  const bytes = transientUtf8(key, 1)
  bytes[0] = table.record
  return bytes
}

/** Writes the row key of a record at an offset; returns where it ends. */
export function recordRowInto(bytes: Uint8Array, at: number, key: string): number {
  bytes[at] = table.record
  return utf8Into(bytes, at + 1, key)
}

/** The same of a feed entry. */
export function entryRowInto(
  bytes: Uint8Array,
  at: number,
  slot: Slot,
  feed: FeedNumber,
  position: Position,
  text: string,
): number {
  bytes[at] = table.feedEntry
  bytes[at + 1] = slot >>> 8
  bytes[at + 2] = slot
  writeU32(bytes, at + SLOT_BYTES, feed)
  writeU53(bytes, at + FEED_BYTES, position)
  return utf8Into(bytes, at + ENTRY_BYTES, text)
}

/** The bytes of such a key of a text, at most. */
export const rowKeyBytesFor = (text: string): number => ENTRY_BYTES + 3 * text.length

/** What expires: a record, named by its key, or an idempotency record, named by its scope. */
export const expiryKind = { record: 1, idempotency: 2 } as const
export type ExpiryKind = (typeof expiryKind)[keyof typeof expiryKind]

const EXPIRY_HEAD_BYTES = 10

function expiryRow(dueMs: number, kind?: ExpiryKind, text = ''): Uint8Array {
  const bytes = utf8(text, EXPIRY_HEAD_BYTES)
  bytes[0] = table.expiry
  writeU53(bytes, 1, dueMs)
  bytes[9] = kind ?? 0
  return bytes
}

export const rowKeys = {
  record: (key: string) => textRow(table.record, key),
  feedEntry: entryRow,
  feedState: (slot: Slot, feed: FeedNumber) => slotRow(table.feedState, slot, feed),
  home: (group: string) => textRow(table.home, group),
  registrar: (group: string) => textRow(table.registrar, group),
  claims: (slot: Slot) => slotRow(table.claims, slot),
  digest: (slot: Slot) => slotRow(table.digest, slot),
  /** Without a kind: before all that is due at that moment. */
  expiry: expiryRow,
  idempotency: (scope: string) => textRow(table.idempotency, scope),
  idempotencyCount: (slot: Slot) => slotRow(table.idempotencyCount, slot),
  marked: () => Uint8Array.of(table.marked),
  erasure: (hash: string) => textRow(table.erasure, hash),
  erased: () => Uint8Array.of(table.erased),
  purge: (hash: string) => textRow(table.purge, hash),
  reclaim: (hash: string) => textRow(table.reclaim, hash),
}

/** The half-open range of all rows of one kind. */
export const tableRange = (name: keyof typeof table): { from: Uint8Array; to: Uint8Array } => ({
  from: Uint8Array.of(table[name]),
  to: Uint8Array.of(table[name] + 1),
})

/** A text as a row has it. Throws `damaged_record`: what was written was UTF-8. */
export function storedText(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes)
  } catch {
    throw new DenizenError('damaged_record', 'the text of a row is not what was written')
  }
}

/** The text behind the tag of a record, home, registrar or idempotency row. */
export const rowText = (rowKey: Uint8Array): string => storedText(rowKey.subarray(1))

/** Slot, feed and position of a row that begins with a slot; 0 for what its kind does not have. */
export const parseFeedRow = (
  rowKey: Uint8Array,
): { slot: Slot; feed: FeedNumber; position: Position } => ({
  slot: ((rowKey[1] ?? 0) << 8) | (rowKey[2] ?? 0),
  feed: readU32(rowKey, SLOT_BYTES),
  position: readU53(rowKey, FEED_BYTES),
})

/** The text of a feed entry that shares its position; undefined where the value has it. */
export const entryRowText = (rowKey: Uint8Array): string | undefined =>
  rowKey.length > ENTRY_BYTES ? storedText(rowKey.subarray(ENTRY_BYTES)) : undefined

export const parseExpiryRow = (
  rowKey: Uint8Array,
): { dueMs: number; kind: number; text: string } => ({
  dueMs: readU53(rowKey, 1),
  kind: rowKey[9] ?? 0,
  text: storedText(rowKey.subarray(EXPIRY_HEAD_BYTES)),
})

/** The rows of such a table whose text is in (after, upTo]; null: no bound. */
export function textRange(
  name: 'home' | 'idempotency' | 'registrar',
  after: string | null,
  upTo: string | null,
): { from: Uint8Array; to: Uint8Array } {
  const all = tableRange(name)
  return {
    from: after === null ? all.from : justAfter(rowKeys[name](after)),
    to: upTo === null ? all.to : justAfter(rowKeys[name](upTo)),
  }
}

/** The least row key that is greater than another. */
export const justAfter = (rowKey: Uint8Array): Uint8Array => concatBytes(rowKey, Uint8Array.of(0))

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
