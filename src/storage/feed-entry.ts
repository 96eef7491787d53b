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
import { entryRowText, parseFeedRow, rowKeys, storedText } from './rows.ts'

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
} as const
export type EntryKind = (typeof entryKind)[keyof typeof entryKind]

export interface FeedEntry {
  readonly position: Position
  readonly kind: EntryKind
  /** A record's key, a marker's group, an idempotency record's scope, an erasure's hash. */
  readonly text: string
}

/** The entry of a record in the feed that its version is of. */
export const recordEntry = (key: string, position: Position, shared: boolean): FeedEntry => ({
  position,
  kind: shared ? entryKind.sharedRecord : entryKind.record,
  text: key,
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
  kind === entryKind.record || kind === entryKind.sharedRecord

export function entryRowKey(slot: Slot, feed: FeedNumber, entry: FeedEntry): Uint8Array {
  const { position, kind, text } = entry
  return rowKeys.feedEntry(slot, feed, position, isShared(kind) ? text : undefined)
}

export function entryRowValue({ kind, text }: FeedEntry): Uint8Array {
  const bytes = isShared(kind) ? new Uint8Array(1) : utf8(text, 1)
  bytes[0] = kind
  return bytes
}

export function decodeEntryRow({ key, value }: Row): FeedEntry {
  const kind = Object.values(entryKind).find(known => known === value[0])
  if (kind === undefined) {
    throw new DenizenError('damaged_record', 'a feed entry is of an unknown kind')
  }
  const text = entryRowText(key) ?? storedText(value.subarray(1))
  if (text === '') throw new DenizenError('damaged_record', 'a feed entry points to nothing')
  return { position: parseFeedRow(key).position, kind, text }
}
