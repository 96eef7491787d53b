/**
 * A store with a log before LMDB, as the thread has it that owns it: log-engine.ts says what that
 * is.
 */
import { assert } from '../../model/assert.ts'
import { limits, timing } from '../../model/limits.ts'
import type { Clock } from '../../runtime/clock.ts'
import {
  type Changes,
  type Engine,
  EngineFailure,
  type RangeOptions,
  type Row,
  type SharedState,
} from '../engine.ts'
import { PackedRows } from '../packed-rows.ts'
import { Checkpoint } from './checkpoint.ts'
import type { Log } from './log.ts'
import { LogReader } from './log-reader.ts'
import type { OverlayOwner } from './overlay-owner.ts'

interface OwnedLogParts {
  /** LMDB. */
  readonly base: Engine
  readonly memory: SharedState
  readonly overlays: OverlayOwner
  /** Of the last commit. */
  readonly commitNumber: number
  /** Absent where the store is only read. */
  readonly written?: { readonly log: Log; readonly clock: Clock }
}

/** Above this, an overlay fills no faster than the checkpoint proceeds. */
const unpacedFullness = 0.5

export class OwnedLog implements Engine {
  readonly #base: Engine
  readonly #memory: SharedState
  readonly #overlays: OverlayOwner
  readonly #reader: LogReader
  readonly #written: OwnedLogParts['written']
  #commitNumber: number
  #refusal: EngineFailure | undefined
  #commitInFlight: Promise<void> | undefined
  #checkpoint: Checkpoint | undefined
  /** Resolves when the checkpoint under way has made room for the next one. Never rejects. */
  #checkpointed: Promise<void> = Promise.resolve()
  /** The active overlay holds rows since long enough. */
  #isDue = false
  /** LMDB's part is being written anew: no checkpoint begins meanwhile. */
  #copying: Promise<void> | undefined
  #cancelTimer: (() => void) | undefined
  #closing: Promise<void> | undefined
  /** What was read of a phase stays while its turn lasts: only this thread moves it. */
  readonly turn = 0

  constructor({ base, memory, overlays, commitNumber, written }: OwnedLogParts) {
    this.#base = base
    this.#memory = memory
    this.#overlays = overlays
    this.#reader = new LogReader(overlays, base, this)
    this.#commitNumber = commitNumber
    this.#written = written
    if (written === undefined) return
    if (overlays.hasFrozen) this.#startCheckpoint()
    if (!overlays.isActiveEmpty) this.#arm()
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#reader.get(key)
  }

  peek(key: Uint8Array): Uint8Array | undefined {
    return this.#reader.peek(key)
  }

  range(options: RangeOptions): IterableIterator<Row> {
    return this.#reader.range(options)
  }

  /** Nothing is committed amid a turn of this thread. */
  atOnce<T>(read: () => T): T {
    return read()
  }

  stamp(): number {
    return this.#refusal === undefined ? this.#reader.stamp() : Number.NaN
  }

  enter(): number {
    this.#refuseIfBroken()
    return this.#overlays.phase
  }

  covers = (): boolean => true

  async commit(changes: Changes): Promise<void> {
    assert(this.#written, 'a store that was opened to be read is not written')
    assert(this.#commitInFlight === undefined, 'one commit at a time')
    const rows = PackedRows.of(changes)
    this.#refuseIfBroken()
    if (rows.length === 0) return
    this.#commitInFlight = this.#write(rows, this.#written.log)
    try {
      await this.#commitInFlight
    } finally {
      this.#commitInFlight = undefined
    }
  }

  async #write(changes: PackedRows, log: Log): Promise<void> {
    try {
      if (isLarge(changes)) {
        while (!this.#isAtRest) await this.#turnOver()
        await this.#base.commit(changes)
        return
      }
      await this.#makeRoom(changes, log)
      const place = this.#overlays.active
      const synced = log.append(place, this.#commitNumber + 1, changes)
      this.#overlays.insert(place, changes, this.#commitNumber + 1)
      this.#overlays.order()
      await synced
      this.#refuseIfBroken()
    } catch (error) {
      throw this.#fail(error)
    }
    this.#commitNumber += 1
    this.#overlays.publish(this.#commitNumber)
    this.#arm()
  }

  async #makeRoom(changes: PackedRows, log: Log): Promise<void> {
    const fullness = (): number =>
      Math.max(this.#overlays.fullness, log.fullness(this.#overlays.active))
    this.#freezeIfDue()
    while (fullness() >= 1 || !this.#overlays.hasRoomFor(changes)) await this.#turnOver()
    for (let running = this.#checkpoint; running !== undefined; running = this.#checkpoint) {
      if (fullness() <= unpacedFullness + (1 - unpacedFullness) * running.progress) break
      await running.step
    }
    this.#refuseIfBroken()
  }

  /** Freezes the active overlay, or waits until that can be done. */
  async #turnOver(): Promise<void> {
    if (this.#copying) await this.#copying
    else if (this.#checkpoint === undefined) this.#freeze()
    else await this.#checkpointed
    this.#refuseIfBroken()
  }

  #freeze(): void {
    this.#isDue = false
    this.#overlays.freeze()
    this.#startCheckpoint()
  }

  #startCheckpoint(): void {
    this.#checkpoint = new Checkpoint(this.#base, this.#overlays.frozenRows())
    this.#checkpointed = this.#runCheckpoint(this.#checkpoint)
      .catch(error => void this.#fail(error))
      .finally(() => {
        this.#checkpoint = undefined
        this.#freezeBetweenCommits()
      })
  }

  async #runCheckpoint(checkpoint: Checkpoint): Promise<void> {
    if (!(await checkpoint.run())) return
    const place = this.#overlays.active === 0 ? 1 : 0
    await this.#written?.log.recycle(place, this.#commitNumber)
    await this.#overlays.drop()
  }

  /** Has the next checkpoint begin after a while, if the overlay is not full before. */
  #arm(): void {
    this.#cancelTimer ??= this.#written?.clock.after(timing.checkpointIntervalMs, () => {
      this.#cancelTimer = undefined
      this.#isDue = true
      this.#freezeBetweenCommits()
    })
  }

  /** A commit that is under way arms the timer again. */
  #freezeBetweenCommits(): void {
    if (this.#refusal === undefined && !this.#commitInFlight) this.#freezeIfDue()
  }

  #freezeIfDue(): void {
    const isBusy = this.#checkpoint || this.#copying
    if (this.#isDue && !isBusy && !this.#overlays.isActiveEmpty) this.#freeze()
  }

  /** All that was committed is in LMDB, and LMDB may be written. */
  get #isAtRest(): boolean {
    return this.#overlays.isActiveEmpty && !this.#checkpoint && !this.#copying
  }

  /**
   * First what lies in the log goes to LMDB, and the files of the log are emptied: twice, as each
   * turn over fills the other one. Then LMDB is written anew. Commits go on meanwhile, until the
   * overlay is full.
   */
  async compact(): Promise<void> {
    assert(this.#written, 'a store that was opened to be read is not written')
    assert(this.#base.compact, 'LMDB can be written anew')
    while (this.#copying) await this.#copying
    for (let file = 0; file < 2; file++) await this.#emptyLog(this.#written.log)
    this.#refuseIfBroken()
    const isStopped = (): boolean => this.#closing !== undefined
    this.#copying = this.#base.compact(isStopped).catch(error => void this.#fail(error))
    await this.#copying
    this.#copying = undefined
    this.#refuseIfBroken()
    this.#freezeBetweenCommits()
  }

  async #emptyLog(log: Log): Promise<void> {
    while (this.#commitInFlight || this.#checkpoint) {
      await this.#commitInFlight?.catch(() => undefined)
      await this.#checkpointed
    }
    this.#refuseIfBroken()
    if (!this.#overlays.isActiveEmpty) this.#freeze()
    await this.#checkpointed
    await log.wipe().catch(error => void this.#fail(error))
  }

  sizeBytes(): number {
    this.#refuseIfBroken()
    return this.#base.sizeBytes() + (this.#written?.log.sizeBytes() ?? 0)
  }

  share(): SharedState | undefined {
    const shared = this.#base.share()
    return this.#written && shared && { ...shared, ...this.#memory }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    // Who waits for that commit hears how it ended; closing only has to come after it.
    await this.#commitInFlight?.catch(() => undefined)
    this.#refusal ??= new EngineFailure('The store is closed.')
    this.#cancelTimer?.()
    this.#checkpoint?.stop()
    await this.#checkpointed
    await this.#copying
    this.#overlays.stop()
    await this.#base.close()
    await this.#written?.log.close()
  }

  #refuseIfBroken(): void {
    if (this.#refusal !== undefined) throw this.#refusal
  }

  #fail(cause: unknown): EngineFailure {
    if (this.#refusal === undefined) {
      const reason = cause instanceof Error ? cause.message : `${cause}`
      this.#refusal =
        cause instanceof EngineFailure
          ? cause
          : new EngineFailure(`The store failed: ${reason}`, { cause })
      this.#overlays.stop()
    }
    return this.#refusal
  }
}

const isLarge = (changes: PackedRows): boolean =>
  changes.length > limits.overlayRowsMax / 2 || changes.overlayBytes > limits.logCommitBytesMax
