/**
 * A transaction of a store: staged rows over committed ones. The shard runs many requests in one
 * transaction and commits them together (group commit). A request that throws is rolled back to its
 * savepoint alone, so a failed one never leaves half of itself behind.
 *
 * What every write of a slot changes (the feed's state, the digest, a count) is kept decoded until
 * the commit, so that a transaction of a thousand writes encodes it once.
 */
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import {
  type FeedNumber,
  generationOf,
  generationStart,
  nextPosition,
  type Position,
} from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import type { Engine, RowChange } from './engine.ts'
import { entryKind, entryRowKey, entryRowValue, type FeedEntry } from './feed-entry.ts'
import { encodeIdempotencyRecord, type IdempotencyRecord } from './idempotency-record.ts'
import {
  encodeRecord,
  expiryOf,
  isTombstone,
  recordChecksum,
  type StoredRecord,
  type VerifiedHead,
} from './record.ts'
import {
  BOUNDARIES_MAX,
  type ClaimCounter,
  currentGeneration,
  encodeClaimCounter,
  encodeCount,
  encodeDigest,
  encodeFeedState,
  encodeGroupHome,
  encodeHomeMarker,
  type FeedState,
  type GroupHome,
  type HomeMarker,
  type SlotDigest,
} from './row-values.ts'
import { expiryKind, rowKeys } from './rows.ts'
import { Savepoints, StagedMap } from './staged-map.ts'
import { type StoreContext, StoreReader } from './store.ts'

/** The generation of each own feed as it was when this process opened the store. */
export type GenerationsAtOpen = ReadonlyMap<Slot, number>

/** Where in a feed a record lies. */
export interface RecordPlace {
  readonly feed: FeedNumber
  readonly position: Position
  /** Other records have the same position. */
  readonly shared: boolean
}

const nothing = new Uint8Array()

export class StoreTransaction extends StoreReader {
  readonly #savepoints = new Savepoints()
  readonly #rows = new StagedMap<string, RowChange>(this.#savepoints)
  /** By `feedName`. */
  readonly #feedStates = new StagedMap<number, StagedFeed>(this.#savepoints)
  readonly #digests = new StagedMap<Slot, SlotDigest>(this.#savepoints)
  readonly #idempotencyCounts = new StagedMap<Slot, number>(this.#savepoints)
  readonly #generationsAtOpen: GenerationsAtOpen

  constructor(engine: Engine, context: StoreContext, generationsAtOpen: GenerationsAtOpen) {
    super(engine, context)
    this.#generationsAtOpen = generationsAtOpen
  }

  protected override row(rowKey: Uint8Array): Uint8Array | undefined {
    const staged = this.#rows.get(nameOf(rowKey))
    return staged ? (staged.value ?? undefined) : super.row(rowKey)
  }

  #stage(key: Uint8Array, value: Uint8Array | null): void {
    this.#rows.set(nameOf(key), { key, value })
  }

  savepoint(): number {
    return this.#savepoints.mark()
  }

  rollBackTo(savepoint: number): void {
    this.#savepoints.rollBackTo(savepoint)
  }

  get changes(): RowChange[] {
    const changes = [...this.#rows.values()]
    for (const { slot, feed, state } of this.#feedStates.values()) {
      changes.push({ key: rowKeys.feedState(slot, feed), value: encodeFeedState(state) })
    }
    for (const [slot, digest] of this.#digests.entries()) {
      changes.push({ key: rowKeys.digest(slot), value: encodeDigest(digest) })
    }
    for (const [slot, count] of this.#idempotencyCounts.entries()) {
      changes.push({ key: rowKeys.idempotencyCount(slot), value: encodeCount(count) })
    }
    return changes
  }

  /**
   * Where this region's feeds will end after the commit: their followers have something to read.
   */
  get grown(): { slot: Slot; end: Position }[] {
    return [...this.#feedStates.values()]
      .filter(({ feed }) => feed === this.context.ownFeed)
      .map(({ slot, state: { end } }) => ({ slot, end }))
  }

  override feedState(slot: Slot, feed: FeedNumber): FeedState {
    return this.#feedStates.get(feedName(slot, feed))?.state ?? super.feedState(slot, feed)
  }

  override digest(slot: Slot): SlotDigest {
    return this.#digests.get(slot) ?? super.digest(slot)
  }

  override idempotencyCount(slot: Slot): number {
    return this.#idempotencyCounts.get(slot) ?? super.idempotencyCount(slot)
  }

  /**
   * Takes the next position of this region's feed in a slot. The first one after a start opens a
   * new generation: positions of the last run that never became durable can't come back.
   */
  appendPosition(slot: Slot): Position {
    const feed = this.context.ownFeed
    const state = this.feedState(slot, feed)
    assert(state.complete === state.end, 'the host of a feed is complete')
    const current = currentGeneration(state)
    const fresh = current === (this.#generationsAtOpen.get(slot) ?? 0)
    const generation = fresh ? current + 1 : current
    const position = nextPosition(fresh ? generationStart(generation) : state.end)
    assert(generationOf(position) === generation, 'a position carries its generation')
    const boundaries = fresh
      ? [...state.boundaries, { generation, previousEnd: state.end }].slice(-BOUNDARIES_MAX)
      : state.boundaries
    this.putFeedState(slot, feed, {
      end: position,
      complete: position,
      replacing: false,
      boundaries,
    })
    return position
  }

  /**
   * Stages a record that this region, as the group's home, has just made. `held` is what the key
   * has held so far, as `recordHead` gave it.
   */
  writeRecord(slot: Slot, key: string, record: StoredRecord, held: VerifiedHead | undefined): void {
    const { feed, version, shared } = record
    assert(feed === this.context.ownFeed, 'a home writes its own feed')
    const bytes = encodeRecord(this.context.hasher, key, record)
    this.putRecord(slot, key, bytes, { feed, position: version.seq, shared }, held)
  }

  /**
   * Stages a record's bytes and its entry in a feed. The entry that the same key had in the same
   * feed is replaced; one in another feed stays until every region is complete past it.
   */
  putRecord(
    slot: Slot,
    key: string,
    bytes: Uint8Array,
    { feed, position, shared }: RecordPlace,
    held: VerifiedHead | undefined,
  ): void {
    this.#refuseUnless(this.context.placement.hasKey(key))
    if (held) this.#forgetRecord(slot, key, held, held.feed === feed)
    this.#count(slot, recordChecksum(bytes), isTombstone(bytes), 1)
    const expiresAtMs = expiryOf(bytes)
    if (expiresAtMs !== 0) {
      this.#stage(rowKeys.expiry(expiresAtMs, expiryKind.record, key), nothing)
    }
    this.#stage(rowKeys.record(key), bytes)
    this.putEntry(slot, feed, { position, kind: recordEntryKind(shared), text: key })
  }

  /** Removes a record for good; only a replacing snapshot does that. */
  dropRecord(slot: Slot, key: string): void {
    const held = this.recordHead(key)
    if (held) this.#forgetRecord(slot, key, held, true)
    this.#stage(rowKeys.record(key), null)
  }

  /** What goes with a record beside its row. */
  #forgetRecord(slot: Slot, key: string, held: VerifiedHead, withEntry: boolean): void {
    const { feed, version, shared, tombstone, checksum, expiresAtMs } = held
    if (withEntry) {
      this.dropEntry(slot, feed, {
        position: version.seq,
        kind: recordEntryKind(shared),
        text: key,
      })
    }
    if (expiresAtMs !== 0) this.#stage(rowKeys.expiry(expiresAtMs, expiryKind.record, key), null)
    this.#count(slot, checksum, tombstone, -1)
  }

  /** Keeps the slot's digest in step: what the key held is taken out, what it holds is put in. */
  #count(slot: Slot, checksum: bigint, tombstone: boolean, sign: 1 | -1): void {
    const { sum, records, tombstones } = this.digest(slot)
    this.#digests.set(
      slot,
      tombstone
        ? { sum, records, tombstones: tombstones + sign }
        : {
            sum: BigInt.asUintN(64, sign === 1 ? sum + checksum : sum - checksum),
            records: records + sign,
            tombstones,
          },
    )
  }

  putEntry(slot: Slot, feed: FeedNumber, entry: FeedEntry): void {
    this.#stage(entryRowKey(slot, feed, entry), entryRowValue(entry))
  }

  dropEntry(slot: Slot, feed: FeedNumber, entry: FeedEntry): void {
    this.#stage(entryRowKey(slot, feed, entry), null)
  }

  putHomeMarker(slot: Slot, group: string, marker: HomeMarker): void {
    this.#refuseUnless(this.context.placement.hasGroup(group))
    this.#stage(rowKeys.home(group), encodeHomeMarker(marker))
    const { feed, position } = marker
    this.putEntry(slot, feed, { position, kind: entryKind.home, text: group })
  }

  /** Stages an idempotency record and its entry, in the feed and at the position that it names. */
  putIdempotencyRecord(slot: Slot, scope: string, record: IdempotencyRecord): void {
    this.#refuseUnless(this.context.placement.hasGroup(scope))
    this.dropIdempotencyRecord(slot, scope)
    const { feed, version, expiresAtMs } = record
    this.#stage(rowKeys.idempotency(scope), encodeIdempotencyRecord(record))
    this.#stage(rowKeys.expiry(expiresAtMs, expiryKind.idempotency, scope), nothing)
    this.putEntry(slot, feed, { position: version.seq, kind: entryKind.idempotency, text: scope })
    this.#idempotencyCounts.set(slot, this.idempotencyCount(slot) + 1)
  }

  /** Removes an idempotency record and all that points to it, if there is one. */
  dropIdempotencyRecord(slot: Slot, scope: string): void {
    const held = this.idempotencyRecord(scope)
    if (!held) return
    const { feed, version, expiresAtMs } = held
    this.#stage(rowKeys.idempotency(scope), null)
    this.#stage(rowKeys.expiry(expiresAtMs, expiryKind.idempotency, scope), null)
    this.dropEntry(slot, feed, { position: version.seq, kind: entryKind.idempotency, text: scope })
    this.#idempotencyCounts.set(slot, this.idempotencyCount(slot) - 1)
  }

  putFeedState(slot: Slot, feed: FeedNumber, state: FeedState): void {
    assert(state.complete <= state.end, 'nothing is complete past its end')
    this.#feedStates.set(feedName(slot, feed), { slot, feed, state })
  }

  putRegistrarEntry(group: string, home: GroupHome): void {
    this.#refuseUnless(this.context.placement.hasGroup(group))
    this.#stage(rowKeys.registrar(group), encodeGroupHome(home))
  }

  putClaimCounter(slot: Slot, counter: ClaimCounter): void {
    this.#stage(rowKeys.claims(slot), encodeClaimCounter(counter))
  }

  /** Partitions may be stored in different places: none takes in the keys of another. */
  #refuseUnless(inPlace: boolean): void {
    if (inPlace) return
    throw new DenizenError('residency_violation', 'a key of another partition came to this store')
  }
}

interface StagedFeed {
  readonly slot: Slot
  readonly feed: FeedNumber
  readonly state: FeedState
}

/** Slot and feed as one safe integer: feeds have 32 bits, slots 16. */
const feedName = (slot: Slot, feed: FeedNumber): number => slot * 2 ** 32 + feed

const recordEntryKind = (shared: boolean): 1 | 3 =>
  shared ? entryKind.sharedRecord : entryKind.record

/** A row key as a map key: one character a byte. */
const nameOf = (rowKey: Uint8Array): string =>
  Buffer.from(rowKey.buffer, rowKey.byteOffset, rowKey.byteLength).toString('latin1')
