/**
 * Entries of feeds: what each position changed. The entry of a record that was written alone, or of
 * a home marker, has its position to itself, and its text is in the row's value. What was written
 * together shares one position: the records of a transaction, and the idempotency record of a
 * mutation; there the text is a part of the row's key. A chunk of a feed never splits a position,
 * so a follower never has half of what was written together.
 */
import { utf8 } from '../model/bytes.ts'
import { DenizenError } from '../model/errors.ts'
import type { FeedNumber, Position } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import type { Row } from './engine.ts'
import {
  entryRowText,
  parseFeedRow,
  readU32,
  readU53,
  rowKeys,
  storedText,
  writeU32,
  writeU53,
} from './rows.ts'

/** What an entry of a feed points to. */
export const entryKind = {
  /** A record, alone at its position. */
  record: 1,
  home: 2,
  /** A record that shares its position. */
  sharedRecord: 3,
  idempotency: 4,
  /** An erasure, alone at its position. */
  erasure: 5,
  /**
   * No change: this feed leads from here on to a record of one that nobody follows any more. Only
   * the host tells it from a change; in other copies it is a `record`.
   */
  entered: 6,
} as const
export type EntryKind = (typeof entryKind)[keyof typeof entryKind]

export interface FeedEntry {
  readonly position: Position
  readonly kind: EntryKind
  /** A record's key, a marker's group, an idempotency record's scope, an erasure's hash. */
  readonly text: string
  /** Of what was entered anew: where it was changed. */
  readonly of?: FeedPlace
}

export interface FeedPlace {
  readonly feed: FeedNumber
  readonly position: Position
}

/** The entry of a record in the feed that its version is of. */
export const recordEntry = (key: string, position: Position, shared: boolean): FeedEntry => ({
  position,
  kind: shared ? entryKind.sharedRecord : entryKind.record,
  text: key,
})

export const enteredEntry = (key: string, position: Position, of: FeedPlace): FeedEntry => ({
  ...{ position, kind: entryKind.entered, text: key, of },
})

export const markerEntry = (group: string, position: Position): FeedEntry => ({
  ...{ position, kind: entryKind.home, text: group },
})

export const erasureEntry = (hash: string, position: Position): FeedEntry => ({
  ...{ position, kind: entryKind.erasure, text: hash },
})

export const isShared = (kind: EntryKind): boolean =>
  kind === entryKind.sharedRecord || kind === entryKind.idempotency

export const pointsToRecord = (kind: EntryKind): boolean =>
  kind === entryKind.record || kind === entryKind.sharedRecord || kind === entryKind.entered

export function entryRowKey(slot: Slot, feed: FeedNumber, entry: FeedEntry): Uint8Array {
  const { position, kind, text } = entry
  return rowKeys.feedEntry(slot, feed, position, isShared(kind) ? text : undefined)
}

/** Kind and place, and behind them the text, where the key does not have it. */
export function entryRowValue(entry: FeedEntry): Uint8Array {
  const { kind, text } = entry
  const headBytes = entryHeadBytes(kind)
  const bytes = isShared(kind) ? new Uint8Array(headBytes) : utf8(text, headBytes)
  entryHeadInto(bytes, 0, entry)
  return bytes
}

/** Before the text of an entry in the value of its row. */
export const entryHeadBytes = (kind: EntryKind): number =>
  kind === entryKind.entered ? 1 + PLACE_BYTES : 1

/** Feed and position. */
const PLACE_BYTES = 4 + 8

export function entryHeadInto(bytes: Uint8Array, at: number, { kind, of }: FeedEntry): void {
  bytes[at] = kind
  if (!of) return
  writeU32(bytes, at + 1, of.feed)
  writeU53(bytes, at + 5, of.position)
}

export function decodeEntryRow({ key, value }: Row): FeedEntry {
  const kind = Object.values(entryKind).find(known => known === value[0])
  if (kind === undefined) {
    throw new DenizenError('damaged_record', 'a feed entry is of an unknown kind')
  }
  const text = entryRowText(key) ?? storedText(value.subarray(entryHeadBytes(kind)))
  if (text === '') throw new DenizenError('damaged_record', 'a feed entry points to nothing')
  const { position } = parseFeedRow(key)
  if (kind !== entryKind.entered) return { position, kind, text }
  return { position, kind, text, of: { feed: readU32(value, 1), position: readU53(value, 5) } }
}
