/**
 * A transaction of a store: staged rows over committed ones. The shard runs many requests in one
 * transaction and commits them together (group commit). A request that throws is rolled back to its
 * savepoint alone, so a failed one never leaves half of itself behind.
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
import { encodeRecord, isTombstone, recordChecksum, type StoredRecord } from './record.ts'
import {
  BOUNDARIES_MAX,
  type ClaimCounter,
  currentGeneration,
  encodeClaimCounter,
  encodeDigest,
  encodeFeedState,
  encodeGroupHome,
  encodeHomeMarker,
  type FeedState,
  type GroupHome,
  type HomeMarker,
} from './row-values.ts'
import { rowKeys } from './rows.ts'
import { encodeEntry, entryKind, type StoreContext, StoreReader } from './store.ts'

/** The generation of each own feed as it was when this process opened the store. */
export type GenerationsAtOpen = ReadonlyMap<Slot, number>

export class StoreTransaction extends StoreReader {
  readonly #staged = new Map<string, RowChange>()
  readonly #undo: { name: string; before: RowChange | undefined }[] = []
  readonly #grown = new Set<Slot>()
  readonly #generationsAtOpen: GenerationsAtOpen

  constructor(engine: Engine, context: StoreContext, generationsAtOpen: GenerationsAtOpen) {
    super(engine, context)
    this.#generationsAtOpen = generationsAtOpen
  }

  protected override row(rowKey: Uint8Array): Uint8Array | undefined {
    const staged = this.#staged.get(nameOf(rowKey))
    return staged ? (staged.value ?? undefined) : super.row(rowKey)
  }

  #stage(key: Uint8Array, value: Uint8Array | null): void {
    const name = nameOf(key)
    this.#undo.push({ name, before: this.#staged.get(name) })
    this.#staged.set(name, { key, value })
  }

  savepoint(): number {
    return this.#undo.length
  }

  rollBackTo(savepoint: number): void {
    while (this.#undo.length > savepoint) {
      const { name, before } = this.#undo.pop() as { name: string; before: RowChange | undefined }
      if (before) this.#staged.set(name, before)
      else this.#staged.delete(name)
    }
  }

  get changes(): RowChange[] {
    return [...this.#staged.values()]
  }

  /**
   * Where this region's feeds will end after the commit: their followers have something to read.
   */
  get grown(): { slot: Slot; end: Position }[] {
    const { ownFeed } = this.context
    return [...this.#grown]
      .filter(slot => this.#staged.has(nameOf(rowKeys.feedState(slot, ownFeed))))
      .map(slot => ({ slot, end: this.feedState(slot, ownFeed).end }))
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
    this.#grown.add(slot)
    this.putFeedState(slot, feed, {
      end: position,
      complete: position,
      replacing: false,
      boundaries,
    })
    return position
  }

  /** Stages a record that this region, as the group's home, has just made. */
  writeRecord(slot: Slot, key: string, record: StoredRecord): void {
    assert(record.feed === this.context.ownFeed, 'a home writes its own feed')
    const bytes = encodeRecord(this.context.hasher, key, record)
    this.putRecord(slot, key, bytes, { feed: record.feed, position: record.version.seq })
  }

  /**
   * Stages a record's bytes and its entry in a feed. The entry that the same key had in the same
   * feed is replaced; one in another feed stays until every region is complete past it.
   */
  putRecord(
    slot: Slot,
    key: string,
    bytes: Uint8Array,
    entry: { feed: FeedNumber; position: Position },
  ): void {
    this.#refuseUnless(this.context.placement.hasKey(key))
    const before = this.record(key)
    if (before?.feed === entry.feed) this.dropEntry(slot, entry.feed, before.version.seq)
    this.#countRecord(slot, key, bytes)
    this.#stage(rowKeys.record(key), bytes)
    this.putEntry(slot, entry, entryKind.record, key)
  }

  putEntry(
    slot: Slot,
    { feed, position }: { feed: FeedNumber; position: Position },
    kind: 1 | 2,
    text: string,
  ): void {
    this.#stage(rowKeys.feedEntry(slot, feed, position), encodeEntry(kind, text))
  }

  dropEntry(slot: Slot, feed: FeedNumber, position: Position): void {
    this.#stage(rowKeys.feedEntry(slot, feed, position), null)
  }

  /** Removes a record for good; only a replacing snapshot does that. */
  dropRecord(slot: Slot, key: string): void {
    const held = this.record(key)
    if (held) this.dropEntry(slot, held.feed, held.version.seq)
    this.#countRecord(slot, key, undefined)
    this.#stage(rowKeys.record(key), null)
  }

  putHomeMarker(slot: Slot, group: string, marker: HomeMarker): void {
    this.#refuseUnless(this.context.placement.hasGroup(group))
    this.#stage(rowKeys.home(group), encodeHomeMarker(marker))
    this.putEntry(slot, marker, entryKind.home, group)
  }

  putFeedState(slot: Slot, feed: FeedNumber, state: FeedState): void {
    assert(state.complete <= state.end, 'nothing is complete past its end')
    this.#stage(rowKeys.feedState(slot, feed), encodeFeedState(state))
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

  /** Keeps the slot's digest in step: what the key held is taken out, what it holds is put in. */
  #countRecord(slot: Slot, key: string, next: Uint8Array | undefined): void {
    let { sum, records, tombstones } = this.digest(slot)
    const count = (bytes: Uint8Array, sign: 1 | -1): void => {
      if (isTombstone(bytes)) tombstones += sign
      else {
        sum = BigInt.asUintN(64, sum + BigInt(sign) * recordChecksum(bytes))
        records += sign
      }
    }
    const before = this.recordBytes(key)
    if (before) count(before, -1)
    if (next) count(next, 1)
    this.#stage(rowKeys.digest(slot), encodeDigest({ sum, records, tombstones }))
  }
}

/** A row key as a map key: one character a byte. */
const nameOf = (rowKey: Uint8Array): string =>
  Buffer.from(rowKey.buffer, rowKey.byteOffset, rowKey.byteLength).toString('latin1')
