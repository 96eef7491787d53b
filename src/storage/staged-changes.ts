/**
 * What a transaction has staged. Rows that every write of a slot changes (the feed's state, the
 * digest, a count) are kept decoded until the commit, so that a transaction of a thousand writes
 * encodes them once; records and feed entries have maps of their own, because making a name of each
 * row key cost more than the rest.
 */
import type { FeedNumber, Position } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import type { RowChange } from './engine.ts'
import { entryRowKey, type FeedEntry, isShared } from './feed-entry.ts'
import {
  encodeCount,
  encodeDigest,
  encodeFeedState,
  type FeedState,
  type SlotDigest,
} from './row-values.ts'
import { rowKeys } from './rows.ts'
import { Savepoints, StagedMap } from './staged-map.ts'

interface StagedFeed {
  readonly slot: Slot
  readonly feed: FeedNumber
  readonly state: FeedState
}

export class StagedChanges {
  readonly savepoints = new Savepoints()
  readonly digests = new StagedMap<Slot, SlotDigest>(this.savepoints)
  readonly idempotencyCounts = new StagedMap<Slot, number>(this.savepoints)
  /** By `feedName`. */
  readonly #feedStates = new StagedMap<number, StagedFeed>(this.savepoints)
  /** By key. */
  readonly #records = new StagedMap<string, RowChange>(this.savepoints)
  /** Of each feed, by `feedName`: by position, or by what else tells entries of one apart. */
  readonly #entries = new Map<number, StagedMap<Position | string, RowChange>>()
  /** All others, by `nameOf`. */
  readonly #rows = new StagedMap<string, RowChange>(this.savepoints)

  record(key: string): RowChange | undefined {
    return this.#records.get(key)
  }

  /** Of the records that are put or dropped. */
  recordKeys(): string[] {
    return [...this.#records.entries()].map(([key]) => key)
  }

  row(rowKey: Uint8Array): RowChange | undefined {
    return this.#rows.size === 0 ? undefined : this.#rows.get(nameOf(rowKey))
  }

  feedState(slot: Slot, feed: FeedNumber): FeedState | undefined {
    return this.#feedStates.get(feedName(slot, feed))?.state
  }

  stageRecord(key: string, value: Uint8Array | null): void {
    this.#records.set(key, { key: rowKeys.record(key), value })
  }

  stageRow(key: Uint8Array, value: Uint8Array | null): void {
    this.#rows.set(nameOf(key), { key, value })
  }

  stageFeedState(slot: Slot, feed: FeedNumber, state: FeedState): void {
    this.#feedStates.set(feedName(slot, feed), { slot, feed, state })
  }

  stageEntry(slot: Slot, feed: FeedNumber, entry: FeedEntry, value: Uint8Array | null): void {
    const name = feedName(slot, feed)
    let entries = this.#entries.get(name)
    if (!entries) {
      entries = new StagedMap(this.savepoints)
      this.#entries.set(name, entries)
    }
    const { position, kind, text } = entry
    const at = isShared(kind) ? `${position} ${kind} ${text}` : position
    entries.set(at, { key: entryRowKey(slot, feed, entry), value })
  }

  /** Where the staged states of one feed end. */
  endsOf(feed: FeedNumber): { slot: Slot; end: Position }[] {
    return [...this.#feedStates.values()]
      .filter(staged => staged.feed === feed)
      .map(({ slot, state: { end } }) => ({ slot, end }))
  }

  changes(): RowChange[] {
    const changes = [...this.#records.values()]
    for (const entries of this.#entries.values()) changes.push(...entries.values())
    changes.push(...this.#rows.values())
    for (const { slot, feed, state } of this.#feedStates.values()) {
      changes.push({ key: rowKeys.feedState(slot, feed), value: encodeFeedState(state) })
    }
    for (const [slot, digest] of this.digests.entries()) {
      changes.push({ key: rowKeys.digest(slot), value: encodeDigest(digest) })
    }
    for (const [slot, count] of this.idempotencyCounts.entries()) {
      changes.push({ key: rowKeys.idempotencyCount(slot), value: encodeCount(count) })
    }
    return changes
  }
}

/** Slot and feed as one safe integer: feeds have 32 bits, slots 16. */
const feedName = (slot: Slot, feed: FeedNumber): number => slot * 2 ** 32 + feed

/** A row key as a map key: one character a byte. */
const nameOf = (rowKey: Uint8Array): string =>
  Buffer.from(rowKey.buffer, rowKey.byteOffset, rowKey.byteLength).toString('latin1')
