/**
 * What a transaction has staged. Its rows are packed as they come; of what is changed again before
 * the commit, the later change counts. Rows that every write of a slot changes (the feed's state,
 * the digest, a count) are kept decoded until the commit, so that a transaction of a thousand
 * writes encodes them once. What was staged is found by where it lies: entries of feeds are never
 * asked for before they are committed.
 */
import { utf8Into } from '../model/bytes.ts'
import type { Hasher } from '../model/hash.ts'
import type { FeedNumber, Position } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import { entryHeadBytes, entryHeadInto, type FeedEntry, isShared } from './feed-entry.ts'
import { type PackedRows, rowsStart } from './packed-rows.ts'
import { encodeRecordInto, recordBytesMax, type StoredRecord } from './record.ts'
import {
  encodeCount,
  encodeDigest,
  encodeFeedState,
  type FeedState,
  type SlotDigest,
} from './row-values.ts'
import { entryRowInto, recordRowInto, rowKeyBytesFor, rowKeys } from './rows.ts'
import { Savepoints, StagedMap } from './staged-map.ts'

interface StagedFeed {
  readonly slot: Slot
  readonly feed: FeedNumber
  readonly state: FeedState
}

export class StagedChanges {
  readonly #savepoints = new Savepoints()
  readonly digests = new StagedMap<Slot, SlotDigest>(this.#savepoints)
  readonly idempotencyCounts = new StagedMap<Slot, number>(this.#savepoints)
  readonly audited = new StagedMap<Slot, SlotDigest>(this.#savepoints)
  /** Of this region's feeds. */
  readonly #ownStates = new StagedMap<Slot, FeedState>(this.#savepoints)
  /** Of all others, by `feedName`. */
  readonly #feedStates = new StagedMap<number, StagedFeed>(this.#savepoints)
  /** By key: where its row begins. */
  readonly #records = new StagedMap<string, number>(this.#savepoints)
  /** All others that can be asked for, by `nameOf`. */
  readonly #others = new StagedMap<string, number>(this.#savepoints)
  readonly #rows: PackedRows
  readonly #ownFeed: FeedNumber
  #savepointEnd = rowsStart
  #endWithin = rowsStart
  #isSealed = false

  constructor(rows: PackedRows, ownFeed: FeedNumber) {
    rows.clear()
    this.#rows = rows
    this.#ownFeed = ownFeed
  }

  get bytes(): number {
    return this.#rows.end
  }

  /** From here on: the one before can't be gone back to any more. */
  savepoint(): void {
    this.#savepoints.mark()
    this.#savepointEnd = this.#rows.end
  }

  /** One more within it, which leaves that one as it is. */
  savepointWithin(): void {
    this.#savepoints.markWithin()
    this.#endWithin = this.#rows.end
  }

  rollBack(): void {
    this.#savepoints.rollBack()
    this.#rows.truncate(this.#savepointEnd)
  }

  rollBackWithin(): void {
    this.#savepoints.rollBackWithin()
    this.#rows.truncate(this.#endWithin)
  }

  /** Shows memory that stays until more is staged; null: dropped; undefined: not staged. */
  record(key: string): Uint8Array | null | undefined {
    const at = this.#records.get(key)
    return at === undefined ? undefined : this.#rows.value(at)
  }

  /** Of the records that are put or dropped. */
  recordKeys(): string[] {
    return [...this.#records.keys()]
  }

  /** As `record`. */
  row(rowKey: Uint8Array): Uint8Array | null | undefined {
    if (this.#others.size === 0) return undefined
    const at = this.#others.get(nameOf(rowKey))
    return at === undefined ? undefined : this.#rows.value(at)
  }

  feedState(slot: Slot, feed: FeedNumber): FeedState | undefined {
    if (feed === this.#ownFeed) return this.#ownStates.get(slot)
    return this.#feedStates.get(feedName(slot, feed))?.state
  }

  stageRecord(key: string, value: Uint8Array | null): void {
    const rows = this.#rows
    const start = rows.end
    const at = rows.begin(rowKeyBytesFor(key) + (value?.length ?? 0))
    const keyEnd = recordRowInto(rows.bytes, at, key)
    if (value === null) rows.delete(keyEnd)
    else {
      rows.bytes.set(value, keyEnd)
      rows.put(keyEnd, keyEnd + value.length)
    }
    this.#records.set(key, start)
  }

  /** Returns the record's bytes: they show memory that stays until more is staged. */
  stageNewRecord(hasher: Hasher, key: string, record: StoredRecord): Uint8Array {
    const rows = this.#rows
    const start = rows.end
    const at = rows.begin(rowKeyBytesFor(key) + recordBytesMax(record))
    const keyEnd = recordRowInto(rows.bytes, at, key)
    rows.put(keyEnd, encodeRecordInto(rows.bytes, keyEnd, hasher, key, record))
    this.#records.set(key, start)
    return rows.value(start) as Uint8Array
  }

  stageRow(key: Uint8Array, value: Uint8Array | null): void {
    const start = this.#rows.end
    this.#rows.append(key, value)
    this.#others.set(nameOf(key), start)
  }

  stageFeedState(slot: Slot, feed: FeedNumber, state: FeedState): void {
    if (feed === this.#ownFeed) this.#ownStates.set(slot, state)
    else this.#feedStates.set(feedName(slot, feed), { slot, feed, state })
  }

  /** `isNew`: at a position that was just taken, so that this store has never had it. */
  stageEntry(slot: Slot, feed: FeedNumber, entry: FeedEntry, isNew: boolean): void {
    const { position, kind, text } = entry
    const rows = this.#rows
    const shared = isShared(kind)
    const headBytes = entryHeadBytes(kind)
    const at = rows.begin(rowKeyBytesFor(text) + headBytes)
    const keyEnd = entryRowInto(rows.bytes, at, slot, feed, position, shared ? text : '')
    entryHeadInto(rows.bytes, keyEnd, entry)
    const headEnd = keyEnd + headBytes
    const end = shared ? headEnd : utf8Into(rows.bytes, headEnd, text)
    if (isNew) rows.putNew(keyEnd, end)
    else rows.put(keyEnd, end)
  }

  dropEntry(slot: Slot, feed: FeedNumber, { position, kind, text }: FeedEntry): void {
    const rows = this.#rows
    const at = rows.begin(rowKeyBytesFor(text))
    rows.delete(entryRowInto(rows.bytes, at, slot, feed, position, isShared(kind) ? text : ''))
  }

  /** Where the staged states of this region's feeds end. */
  ownEnds(): { slot: Slot; end: Position }[] {
    return Array.from(this.#ownStates.entries(), ([slot, { end }]) => ({ slot, end }))
  }

  /** All of it, for one commit: nothing is staged after this. */
  sealed(): PackedRows {
    const rows = this.#rows
    if (this.#isSealed) return rows
    this.#isSealed = true
    for (const [slot, state] of this.#ownStates.entries()) {
      rows.append(rowKeys.feedState(slot, this.#ownFeed), encodeFeedState(state))
    }
    for (const { slot, feed, state } of this.#feedStates.values()) {
      rows.append(rowKeys.feedState(slot, feed), encodeFeedState(state))
    }
    for (const [slot, digest] of this.digests.entries()) {
      rows.append(rowKeys.digest(slot), encodeDigest(digest))
    }
    for (const [slot, count] of this.idempotencyCounts.entries()) {
      rows.append(rowKeys.idempotencyCount(slot), encodeCount(count))
    }
    return rows
  }
}

/** Slot and feed as one safe integer: feeds have 32 bits, slots 16. */
const feedName = (slot: Slot, feed: FeedNumber): number => slot * 2 ** 32 + feed

/** A row key as a map key: one character a byte. */
const nameOf = (rowKey: Uint8Array): string =>
  Buffer.from(rowKey.buffer, rowKey.byteOffset, rowKey.byteLength).toString('latin1')
