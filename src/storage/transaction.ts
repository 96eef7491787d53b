/**
 * A transaction of a store. The shard runs many requests in one transaction and commits them
 * together (group commit). A request that throws is rolled back to its savepoint alone, so a failed
 * one never leaves half of itself behind.
 */
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import { limits } from '../model/limits.ts'
import {
  type FeedNumber,
  generationOf,
  generationStart,
  nextPosition,
  type Position,
} from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import { claimedRecord } from './damaged-record.ts'
import type { DigestAudit } from './digest-audit.ts'
import type { Engine } from './engine.ts'
import { entryKind, type FeedEntry, markerEntry, recordEntry } from './feed-entry.ts'
import { encodeHomeMarker, type HomeMarker } from './home-marker.ts'
import { encodeIdempotencyRecord, type IdempotencyRecord } from './idempotency-record.ts'
import { PackedRows } from './packed-rows.ts'
import {
  damagedHead,
  expiryOf,
  type HeldHead,
  isTombstone,
  recordChecksum,
  type StoredRecord,
  valueBytesOf,
} from './record.ts'
import {
  addDigests,
  BOUNDARIES_MAX,
  type ClaimCounter,
  currentGeneration,
  digestOf,
  emptyDigest,
  encodeClaimCounter,
  encodeGroupHome,
  type FeedState,
  type GroupHome,
  type SlotDigest,
} from './row-values.ts'
import { expiryKind, rowKeys } from './rows.ts'
import { StagedStore } from './staged-store.ts'
import type { StoreContext } from './store-context.ts'

/** The generation of each own feed as it was when this process opened the store. */
export type GenerationsAtOpen = ReadonlyMap<Slot, number>

export interface TransactionOptions {
  /** What the disk still takes; default: all. */
  readonly roomBytes?: number
  /** Under way in the store, which hears of `audited` once this is committed. */
  readonly audit?: DigestAudit
  /** Where its rows are made; of use again once it is committed. Default: memory of its own. */
  readonly rows?: PackedRows
}

/** Where in a feed a record lies. */
export interface RecordPlace {
  readonly feed: FeedNumber
  readonly position: Position
  /** Other records have the same position. */
  readonly shared: boolean
}

const nothing = new Uint8Array()
/** Numbers of feeds are above it. */
const noFeed: FeedNumber = 0

export class StoreTransaction extends StagedStore {
  readonly #generationsAtOpen: GenerationsAtOpen
  readonly #audit: DigestAudit | undefined
  #roomBytes: number
  /** The position that was taken last, and the slot in which that was. */
  #appended: Position | undefined
  #appendedTo: Slot | undefined

  constructor(
    engine: Engine,
    context: StoreContext,
    generationsAtOpen: GenerationsAtOpen,
    {
      roomBytes = Number.POSITIVE_INFINITY,
      audit,
      rows = new PackedRows(),
    }: TransactionOptions = {},
  ) {
    super(engine, context, rows)
    this.#generationsAtOpen = generationsAtOpen
    this.#roomBytes = roomBytes
    this.#audit = audit
  }

  /** Takes room for so many bytes where that leaves the reserve. Throws `disk_full`. */
  takeRoom(bytes: number, reserveBytes: number): void {
    if (this.#roomBytes - bytes < reserveBytes) {
      throw new DenizenError('disk_full', `the disk of ${this.context.self} takes no more`)
    }
    this.#roomBytes -= bytes
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
    this.#appended = position
    this.#appendedTo = slot
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
   * has held so far, as `heldHead` gave it.
   */
  writeRecord(slot: Slot, key: string, record: StoredRecord, held: HeldHead | undefined): void {
    const { feed, version, shared } = record
    assert(feed === this.context.ownFeed, 'a home writes its own feed')
    this.#refuseUnless(this.context.placement.hasKey(key))
    const forgotten = held && this.#forgetRecord(slot, key, held, feed)
    const bytes = this.staged.stageNewRecord(this.context.hasher, key, record)
    this.#goWith(slot, key, bytes, { feed, position: version.seq, shared }, forgotten)
  }

  /**
   * Stages a record's bytes and its entry in a feed. The entry that the same key had in the same
   * feed is replaced; one in another feed stays until every region is complete past it.
   */
  putRecord(
    slot: Slot,
    key: string,
    bytes: Uint8Array,
    place: RecordPlace,
    held: HeldHead | undefined,
  ): void {
    this.#refuseUnless(this.context.placement.hasKey(key))
    const forgotten = held && this.#forgetRecord(slot, key, held, place.feed)
    this.staged.stageRecord(key, bytes)
    this.#goWith(slot, key, bytes, place, forgotten)
  }

  /** What goes with a record whose row has just been staged, in place of what was forgotten. */
  #goWith(
    slot: Slot,
    key: string,
    bytes: Uint8Array,
    { feed, position, shared }: RecordPlace,
    forgotten: SlotDigest | undefined,
  ): void {
    if (!isTombstone(bytes)) this.takeRoom(bytes.length, limits.diskReserveBytes)
    const [checksum, tombstone] = [recordChecksum(bytes), isTombstone(bytes)]
    const own = digestOf(key, { checksum, tombstone, valueBytes: valueBytesOf(bytes) })
    this.#count(slot, key, forgotten ? addDigests(forgotten, own) : own)
    const expiresAtMs = expiryOf(bytes)
    if (expiresAtMs !== 0) {
      this.staged.stageRow(rowKeys.expiry(expiresAtMs, expiryKind.record, key), nothing)
    }
    this.putEntry(slot, feed, recordEntry(key, position, shared))
  }

  /** Removes a record for good. Where no index names it, the entry at its place is another's. */
  dropRecord(slot: Slot, key: string, isNamed = true): void {
    const held = this.heldHead(key)
    const forgotten = held && this.#forgetRecord(slot, key, held, isNamed ? undefined : noFeed)
    if (forgotten) this.#count(slot, key, forgotten)
    this.staged.stageRecord(key, null)
  }

  /**
   * What goes with a record beside its row; its entry only in `ofFeed`, where one is named. The row
   * must still be there. Returns what is to be counted for it.
   */
  #forgetRecord(
    slot: Slot,
    key: string,
    held: HeldHead,
    ofFeed?: FeedNumber,
  ): SlotDigest | undefined {
    const claimed =
      held === damagedHead ? claimedRecord(this, slot, key) : { head: held, hasEntry: true }
    if (!claimed) return undefined
    const { feed, version, shared, expiresAtMs } = claimed.head
    if (claimed.hasEntry && feed === (ofFeed ?? feed)) {
      this.dropEntry(slot, feed, recordEntry(key, version.seq, shared))
    }
    if (expiresAtMs !== 0)
      this.staged.stageRow(rowKeys.expiry(expiresAtMs, expiryKind.record, key), null)
    return digestOf(key, claimed.head, -1)
  }

  /** Keeps the slot's digest in step: what the key held is taken out, what it holds is put in. */
  #count(slot: Slot, key: string, change: SlotDigest): void {
    this.addToDigest(slot, change)
    if (this.#audit?.hasPassed(key)) {
      const { audited } = this.staged
      audited.set(slot, addDigests(audited.get(slot) ?? emptyDigest, change))
    }
  }

  /** Of what has been staged: the part that an audit of the digests would miss. */
  get audited(): IterableIterator<[Slot, SlotDigest]> {
    return this.staged.audited.entries()
  }

  addToDigest(slot: Slot, change: SlotDigest): void {
    this.staged.digests.set(slot, addDigests(this.digest(slot), change))
  }

  putEntry(slot: Slot, feed: FeedNumber, entry: FeedEntry): void {
    const isNew = entry.position === this.#appended && slot === this.#appendedTo
    this.staged.stageEntry(slot, feed, entry, isNew && feed === this.context.ownFeed)
  }

  dropEntry(slot: Slot, feed: FeedNumber, entry: FeedEntry): void {
    this.staged.dropEntry(slot, feed, entry)
  }

  /** Stages a marker and its entry: default at the place that the marker itself names. */
  putHomeMarker(
    slot: Slot,
    group: string,
    marker: HomeMarker,
    { feed, position }: Omit<RecordPlace, 'shared'> = marker,
  ): void {
    this.#refuseUnless(this.context.placement.hasGroup(group))
    const held = this.homeMarker(group)
    if (held?.feed === feed) this.dropEntry(slot, feed, markerEntry(group, held.position))
    this.staged.stageRow(rowKeys.home(group), encodeHomeMarker(marker))
    this.mark()
    this.putEntry(slot, feed, markerEntry(group, position))
  }

  /** Stages an idempotency record and its entry, in the feed and at the position that it names. */
  putIdempotencyRecord(slot: Slot, scope: string, record: IdempotencyRecord): void {
    this.#refuseUnless(this.context.placement.hasGroup(scope))
    this.dropIdempotencyRecord(slot, scope)
    const { feed, version, expiresAtMs } = record
    this.staged.stageRow(rowKeys.idempotency(scope), encodeIdempotencyRecord(record))
    this.staged.stageRow(rowKeys.expiry(expiresAtMs, expiryKind.idempotency, scope), nothing)
    this.putEntry(slot, feed, { position: version.seq, kind: entryKind.idempotency, text: scope })
    this.staged.idempotencyCounts.set(slot, this.idempotencyCount(slot) + 1)
  }

  /** Removes an idempotency record and all that points to it, if there is one. */
  dropIdempotencyRecord(slot: Slot, scope: string): void {
    const held = this.idempotencyRecord(scope)
    if (!held) return
    const { feed, version, expiresAtMs } = held
    this.staged.stageRow(rowKeys.idempotency(scope), null)
    this.staged.stageRow(rowKeys.expiry(expiresAtMs, expiryKind.idempotency, scope), null)
    this.dropEntry(slot, feed, { position: version.seq, kind: entryKind.idempotency, text: scope })
    this.staged.idempotencyCounts.set(slot, this.idempotencyCount(slot) - 1)
  }

  putFeedState(slot: Slot, feed: FeedNumber, state: FeedState): void {
    assert(state.complete <= state.end, 'nothing is complete past its end')
    this.staged.stageFeedState(slot, feed, state)
  }

  putRegistrarEntry(group: string, home: GroupHome): void {
    this.#refuseUnless(this.context.placement.hasGroup(group))
    this.staged.stageRow(rowKeys.registrar(group), encodeGroupHome(home))
  }

  putClaimCounter(slot: Slot, counter: ClaimCounter): void {
    this.staged.stageRow(rowKeys.claims(slot), encodeClaimCounter(counter))
  }

  /** Partitions may be stored in different places: none takes in the keys of another. */
  #refuseUnless(inPlace: boolean): void {
    if (inPlace) return
    throw new DenizenError('residency_violation', 'a key of another partition came to this store')
  }
}
