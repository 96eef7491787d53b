/** A store as a transaction sees it: what it has staged, over what is committed. */
import type { FeedNumber, Position } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import type { Engine } from './engine.ts'
import { type Erasure, encodeErasure } from './erasure.ts'
import type { PackedRows } from './packed-rows.ts'
import type { FeedState, SlotDigest } from './row-values.ts'
import { rowKeys, rowText, tableRange } from './rows.ts'
import { StagedChanges } from './staged-changes.ts'
import { StoreReader } from './store.ts'
import type { StoreContext } from './store-context.ts'

const noValue = new Uint8Array()

export class StagedStore extends StoreReader {
  protected readonly staged: StagedChanges
  /** May be true for a marker that was taken back. */
  #mayBeMarked: boolean | undefined

  constructor(engine: Engine, context: StoreContext, rows: PackedRows) {
    super(engine, context)
    this.staged = new StagedChanges(rows, context.ownFeed)
  }

  protected override row(rowKey: Uint8Array): Uint8Array | undefined {
    const staged = this.staged.row(rowKey)
    return staged === undefined ? super.row(rowKey) : (staged ?? undefined)
  }

  protected override recordRow(key: string): Uint8Array | undefined {
    const staged = this.staged.record(key)
    return staged === undefined ? super.recordRow(key) : (staged ?? undefined)
  }

  /** Asked for once in a transaction: thousands of writes need not look each. */
  protected override isMarked(): boolean {
    this.#mayBeMarked ??= super.isMarked()
    return this.#mayBeMarked
  }

  /** For the markers of this transaction, and all that follow. */
  protected mark(): void {
    this.#mayBeMarked = true
    if (this.row(rowKeys.marked()) === undefined) this.staged.stageRow(rowKeys.marked(), noValue)
  }

  putRow(rowKey: Uint8Array, value: Uint8Array): void {
    this.staged.stageRow(rowKey, value)
  }

  dropRow(rowKey: Uint8Array): void {
    this.staged.stageRow(rowKey, null)
  }

  /** Enters an erasure in the ledger: its entry in a feed is another matter. */
  putErasure(hash: string, erasure: Erasure): void {
    this.putRow(rowKeys.erasure(hash), encodeErasure(erasure))
    this.putRow(rowKeys.erased(), noValue)
  }

  /** Groups of a slot that this region has registered. Committed state only. */
  *registeredGroups(slot: Slot): IterableIterator<string> {
    for (const { key } of this.engine.range(tableRange('registrar'))) {
      const group = rowText(key)
      if (this.context.placement.slotOf(group) === slot) yield group
    }
  }

  /** Drops what tells of a group's homes up to a term; returns the rows. */
  dropHomes(group: string, term: number): number {
    const entry = this.registrarEntry(group)
    const marker = this.homeMarker(group)
    const isEntryOld = entry !== undefined && entry.term <= term
    const isMarkerOld = marker !== undefined && marker.term <= term
    if (isEntryOld) this.staged.stageRow(rowKeys.registrar(group), null)
    if (isMarkerOld) this.staged.stageRow(rowKeys.home(group), null)
    return Number(isEntryOld) + Number(isMarkerOld)
  }

  override feedState(slot: Slot, feed: FeedNumber): FeedState {
    return this.staged.feedState(slot, feed) ?? super.feedState(slot, feed)
  }

  override digest(slot: Slot): SlotDigest {
    return this.staged.digests.get(slot) ?? super.digest(slot)
  }

  override idempotencyCount(slot: Slot): number {
    return this.staged.idempotencyCounts.get(slot) ?? super.idempotencyCount(slot)
  }

  /** What is staged from here on can be taken back. */
  savepoint(): void {
    this.staged.savepoint()
  }

  /** To the last savepoint. */
  rollBack(): void {
    this.staged.rollBack()
  }

  /** Runs a part of a request: what it has staged is taken back where it throws. */
  whole<T>(part: () => T): T {
    this.staged.savepointWithin()
    try {
      return part()
    } catch (error) {
      this.staged.rollBackWithin()
      throw error
    }
  }

  /** Of the rows so far. */
  get stagedBytes(): number {
    return this.staged.bytes
  }

  /** What is to be committed. Nothing is staged after this. */
  get changes(): PackedRows {
    return this.staged.sealed()
  }

  /** Of the records that the commit puts or drops: what watches want to know. */
  get changedKeys(): string[] {
    return this.staged.recordKeys()
  }

  /**
   * Where this region's feeds will end after the commit: their followers have something to read.
   */
  get grown(): { slot: Slot; end: Position }[] {
    return this.staged.ownEnds()
  }
}
