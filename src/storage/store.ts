/**
 * One store of a dataset: an engine with the meaning of its rows. `StoreReader` reads what is
 * committed, and so durable; `StoreTransaction` adds staged changes on top, which one commit makes
 * durable together.
 */

import { DenizenError } from '../model/errors.ts'
import { groupOfScope } from '../model/idempotency.ts'
import type { Key } from '../model/key.ts'
import type { FeedNumber, Position } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import type { EngineReader } from './engine.ts'
import { decodeErasure, type Erasure } from './erasure.ts'
import { decodeEntryRow, type FeedEntry, pointsToRecord } from './feed-entry.ts'
import { FlagRow } from './flag-row.ts'
import { decodeHomeMarker, type HomeMarker } from './home-marker.ts'
import { decodeIdempotencyRecord, type IdempotencyRecord } from './idempotency-record.ts'
import {
  damagedHead,
  decodeHead,
  decodeRecord,
  type HeldHead,
  type StoredRecord,
  type VerifiedHead,
} from './record.ts'
import {
  type ClaimCounter,
  decodeClaimCounter,
  decodeCount,
  decodeDigest,
  decodeFeedState,
  decodeGroupHome,
  emptyDigest,
  type FeedState,
  type GroupHome,
  newFeed,
  type SlotDigest,
} from './row-values.ts'
import {
  parseExpiryRow,
  parseFeedRow,
  recordRange,
  recordRowKey,
  rowKeys,
  rowText,
  tableRange,
  textRange,
} from './rows.ts'
import type { StoreContext } from './store-context.ts'
import type { ValueCopies } from './value-copies.ts'

/** The name of a store within its node, as the key of maps. */
export const storeName = (of: { readonly dataset: string; readonly store: number }): string =>
  `${of.store}:${of.dataset}`

export class StoreReader {
  readonly engine: EngineReader
  readonly context: StoreContext
  readonly #marked: FlagRow
  readonly #erased: FlagRow

  constructor(engine: EngineReader, context: StoreContext) {
    this.engine = engine
    this.#marked = new FlagRow(engine)
    this.#erased = new FlagRow(engine)
    this.context = context
  }

  /**
   * A row's bytes, not to be kept: see `EngineReader.peek`. Overridden by transactions, which see
   * their own staged rows first.
   */
  protected row(rowKey: Uint8Array): Uint8Array | undefined {
    return this.engine.peek(rowKey)
  }

  /** The same of a key's record. */
  protected recordRow(key: string): Uint8Array | undefined {
    return this.engine.peek(recordRowKey(key))
  }

  /**
   * The record of a key, tombstones included. `copies`: where many are read that go together.
   * Throws `damaged_record`.
   */
  record(key: string, copies?: ValueCopies): StoredRecord | undefined {
    const bytes = this.recordRow(key)
    if (bytes === undefined) return undefined
    const record = decodeRecord(this.context.hasher, key, bytes)
    record.value = copies ? copies.copy(record.value) : record.value.slice()
    return record
  }

  /** As `record`, for those who need no value. */
  recordHead(key: string): VerifiedHead | undefined {
    const bytes = this.recordRow(key)
    return bytes && decodeHead(this.context.hasher, key, bytes)
  }

  /** As `recordHead`, for those who go on where the record is damaged. */
  heldHead(key: string): HeldHead | undefined {
    try {
      return this.recordHead(key)
    } catch (error) {
      if (error instanceof DenizenError && error.code === 'damaged_record') return damagedHead
      throw error
    }
  }

  recordBytes(key: string): Uint8Array | undefined {
    return this.recordRow(key)?.slice()
  }

  slotOfKey(key: string): Slot {
    const { placement } = this.context
    return placement.slotOf(placement.groupOf(key as Key))
  }

  /** Of an idempotency record. */
  slotOfScope(scope: string): Slot {
    return this.context.placement.slotOf(groupOfScope(scope))
  }

  homeMarker(group: string): HomeMarker | undefined {
    if (!this.isMarked()) return undefined
    const bytes = this.row(rowKeys.home(group))
    return bytes && decodeHomeMarker(bytes)
  }

  /**
   * False where no group of the store has a marker, as far as that is cheap to know: whole-key
   * groups have none before the first of them is moved, and they pay nothing until then.
   */
  protected isMarked(): boolean {
    if (this.context.placement.data.groupBySegments !== null) return true
    return this.#marked.isSet(() => this.row(rowKeys.marked()) !== undefined)
  }

  /** The last erasure of a group; undefined where it was never erased. */
  erasure(group: string): Erasure | undefined {
    const isErased = this.#erased.isSet(() => this.row(rowKeys.erased()) !== undefined)
    return isErased ? this.erasureOf(this.context.hashOfGroup(group)) : undefined
  }

  /** True of what a group's life until its erasure had: it must not come back. */
  isErased(group: string, term: number): boolean {
    const erasure = this.erasure(group)
    return erasure !== undefined && term <= erasure.term
  }

  erasureOf(hash: string): Erasure | undefined {
    const bytes = this.row(rowKeys.erasure(hash))
    return bytes && decodeErasure(bytes)
  }

  registrarEntry(group: string): GroupHome | undefined {
    const bytes = this.row(rowKeys.registrar(group))
    return bytes && decodeGroupHome(bytes)
  }

  /** Registrar entries of the groups after one, in order. Committed state only. */
  *registrarEntries(after: string | null): IterableIterator<{ group: string; home: GroupHome }> {
    for (const { key, value } of this.engine.range(textRange('registrar', after, null))) {
      yield { group: rowText(key), home: decodeGroupHome(value) }
    }
  }

  claimCounter(slot: Slot): ClaimCounter | undefined {
    const bytes = this.row(rowKeys.claims(slot))
    return bytes && decodeClaimCounter(bytes)
  }

  feedState(slot: Slot, feed: FeedNumber): FeedState {
    const bytes = this.row(rowKeys.feedState(slot, feed))
    return bytes ? decodeFeedState(bytes) : newFeed
  }

  digest(slot: Slot): SlotDigest {
    const bytes = this.row(rowKeys.digest(slot))
    return bytes ? decodeDigest(bytes) : emptyDigest
  }

  /** The digests of all slots that have one. Committed state only. */
  *digests(): IterableIterator<{ slot: Slot; digest: SlotDigest }> {
    for (const { key, value } of this.engine.range(tableRange('digest'))) {
      yield { slot: parseFeedRow(key).slot, digest: decodeDigest(value) }
    }
  }

  /** All erasures. Committed state only. */
  *erasures(): IterableIterator<{ hash: string; erasure: Erasure }> {
    for (const { key, value } of this.engine.range(tableRange('erasure'))) {
      yield { hash: rowText(key), erasure: decodeErasure(value) }
    }
  }

  /** The states of all feeds of all slots. Committed state only. */
  *feedStates(): IterableIterator<{ slot: Slot; feed: FeedNumber; state: FeedState }> {
    for (const { key, value } of this.engine.range(tableRange('feedState'))) {
      const { slot, feed } = parseFeedRow(key)
      yield { slot, feed, state: decodeFeedState(value) }
    }
  }

  /** The feeds of one slot. Committed state only. */
  *feedsOfSlot(slot: Slot): IterableIterator<{ feed: FeedNumber; state: FeedState }> {
    const range = { from: rowKeys.feedState(slot, 0), to: rowKeys.feedState(slot + 1, 0) }
    for (const { key, value } of this.engine.range(range)) {
      yield { feed: parseFeedRow(key).feed, state: decodeFeedState(value) }
    }
  }

  /** The home markers of the groups in (from, to]; null: no bound. Committed state only. */
  *homeMarkers(
    after: string | null,
    upTo: string | null,
  ): IterableIterator<{ group: string; marker: HomeMarker }> {
    for (const { key, value } of this.engine.range(textRange('home', after, upTo))) {
      yield { group: rowText(key), marker: decodeHomeMarker(value) }
    }
  }

  idempotencyRecord(scope: string): IdempotencyRecord | undefined {
    const bytes = this.row(rowKeys.idempotency(scope))
    return bytes && decodeIdempotencyRecord(bytes)
  }

  idempotencyBytes(scope: string): Uint8Array | undefined {
    return this.row(rowKeys.idempotency(scope))?.slice()
  }

  /** Idempotency records that the slot holds. */
  idempotencyCount(slot: Slot): number {
    const bytes = this.row(rowKeys.idempotencyCount(slot))
    return bytes ? decodeCount(bytes) : 0
  }

  /** Idempotency records of the scopes in (after, upTo]; null: no bound. Committed state only. */
  *idempotencyRows(
    after: string | null,
    upTo: string | null,
  ): IterableIterator<{ scope: string; bytes: Uint8Array }> {
    for (const { key, value } of this.engine.range(textRange('idempotency', after, upTo))) {
      yield { scope: rowText(key), bytes: value }
    }
  }

  /** What is due by `nowMs`, from the row key `from` on, in order. Committed state only. */
  *dueRows(
    nowMs: number,
    from: Uint8Array = rowKeys.expiry(0),
  ): IterableIterator<{ rowKey: Uint8Array; dueMs: number; kind: number; text: string }> {
    for (const { key } of this.engine.range({ from, to: rowKeys.expiry(nowMs + 1) })) {
      yield { rowKey: key, ...parseExpiryRow(key) }
    }
  }

  /**
   * True where some feed has a change of the record after the cursor that is given for it (none:
   * 0): who is complete up to those cursors need not have it. `but`: an entry that may be passed
   * over. Committed state only.
   */
  hasChangeAfter(
    slot: Slot,
    key: string,
    cursors: ReadonlyMap<FeedNumber, Position>,
    but: (entry: FeedEntry) => boolean = () => false,
  ): boolean {
    for (const { feed } of this.feedsOfSlot(slot)) {
      for (const entry of this.feedEntries(slot, feed, cursors.get(feed) ?? 0)) {
        if (entry.text === key && pointsToRecord(entry.kind) && !but(entry)) return true
      }
    }
    return false
  }

  /** Entries of a feed after a position, oldest first. Committed state only. */
  *feedEntries(slot: Slot, feed: FeedNumber, after: Position): IterableIterator<FeedEntry> {
    const from = rowKeys.feedEntry(slot, feed, after + 1)
    const to = rowKeys.feedEntry(slot, feed + 1, 0)
    for (const row of this.engine.range({ from, to })) yield decodeEntryRow(row)
  }

  /** Records in key order, tombstones included. Committed state only. Throws `damaged_record`. */
  *records(prefix: string, after?: string): IterableIterator<{ key: Key; record: StoredRecord }> {
    for (const { key, bytes } of this.recordRows(prefix, after)) {
      yield { key, record: decodeRecord(this.context.hasher, key, bytes) }
    }
  }

  /** As `records`, without looking into them: nothing is verified. */
  *recordRows(prefix: string, after?: string): IterableIterator<{ key: Key; bytes: Uint8Array }> {
    for (const { key: rowKey, value } of this.engine.range(recordRange(prefix, after))) {
      yield { key: rowText(rowKey) as Key, bytes: value }
    }
  }
}
