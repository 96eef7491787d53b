/**
 * The ledger of erasures: for each group that was erased, a row under the keyed hash of its name.
 * Nothing else names the group any more, in any region that stores the dataset. The row rides the
 * feed of the home that erased the group, as a marker does: a copy that applies it removes what it
 * has of the group's life until then, and refuses whatever of it comes later, from wherever.
 *
 * The life until then is told by terms: a home never goes on under the term under which it erased a
 * group, so what has a later term was written after the erasure, and nothing else was.
 */
import { fromUtf8, utf8 } from '../model/bytes.ts'
import { DenizenError } from '../model/errors.ts'
import type { FeedNumber, Position } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import { readU32, readU53, writeU32, writeU53 } from './rows.ts'

/** Names a group under the cluster's secret: the same in all regions, and not to be turned back. */
export type GroupHash = (group: string) => string

export interface Erasure {
  readonly slot: Slot
  /** Of the home that erased the group: everything up to this term is gone. */
  readonly term: number
  /** Where that home has entered it: a copy that is complete up to here has applied it. */
  readonly feed: FeedNumber
  readonly position: Position
  /** Wall-clock ms of that home. */
  readonly atMs: number
}

const ERASURE_BYTES = 30

export function encodeErasure({ slot, term, feed, position, atMs }: Erasure): Uint8Array {
  const bytes = new Uint8Array(ERASURE_BYTES)
  bytes[0] = slot >>> 8
  bytes[1] = slot
  writeU53(bytes, 2, term)
  writeU32(bytes, 10, feed)
  writeU53(bytes, 14, position)
  writeU53(bytes, 22, atMs)
  return bytes
}

/** Throws `damaged_record`. */
export function decodeErasure(bytes: Uint8Array): Erasure {
  if (bytes.length !== ERASURE_BYTES) {
    throw new DenizenError('damaged_record', 'a row of the ledger of erasures is not whole')
  }
  return {
    slot: ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0),
    term: readU53(bytes, 2),
    feed: readU32(bytes, 10),
    position: readU53(bytes, 14),
    atMs: readU53(bytes, 22),
  }
}

/** What an erasure has found and removed in one store. Never sent on as it is. */
export interface Purge {
  /** Keys, deleted ones among them. */
  readonly keys: number
  /** Rows of any kind that named the group. */
  readonly rows: number
  /**
   * Wall-clock ms at which the store had been written anew since, so that its file has no byte of
   * them; 0: not yet.
   */
  readonly compactedAtMs: number
}

const PURGE_BYTES = 16

/**
 * `movedTo`: the group's life went on in that partition, by its prefix; empty: it did not. Only the
 * home that erased it has that. Builds before leave it out, in reading as in writing.
 */
export function encodePurge({ keys, rows, compactedAtMs }: Purge, movedTo = ''): Uint8Array {
  const prefix = utf8(movedTo)
  const bytes = new Uint8Array(PURGE_BYTES + prefix.length)
  writeU32(bytes, 0, keys)
  writeU32(bytes, 4, rows)
  writeU53(bytes, 8, compactedAtMs)
  bytes.set(prefix, PURGE_BYTES)
  return bytes
}

export const decodeMovedTo = (bytes: Uint8Array): string => fromUtf8(bytes.subarray(PURGE_BYTES))

export const decodePurge = (bytes: Uint8Array): Purge => ({
  keys: readU32(bytes, 0),
  rows: readU32(bytes, 4),
  compactedAtMs: readU53(bytes, 8),
})
