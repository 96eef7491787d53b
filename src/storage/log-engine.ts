/**
 * The second durable engine: an append-only log in front of LMDB.
 *
 * A commit is one entry of the log, written and synced at once; its rows go into the overlay, where
 * all threads find them. When the overlay is full, or has held rows for some seconds, it is frozen,
 * another one and the other file of the log take the commits, and a checkpoint writes the frozen
 * rows to LMDB in bulk; then they are dropped, and their file is used again. A row that was written
 * ten times is written to LMDB once, a page of LMDB once for all its rows.
 *
 * What is on disk at any moment: LMDB, and what the log's two files say on top of it, the earlier
 * file first. Rows that a checkpoint had written already are written again to the same effect. So
 * a start reads both files into the overlays and goes on from there; closing leaves the log as it
 * is.
 *
 * A commit too large for the log waits until all that came before it is in LMDB and the log is
 * empty, and is then a transaction of LMDB: a log that is read again must hold nothing older than
 * what LMDB holds.
 */
import { resolve } from 'node:path'
import { assert } from '../model/assert.ts'
import { limits, timing } from '../model/limits.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Random } from '../runtime/random.ts'
import {
  type AttachedReader,
  type Changes,
  type Engine,
  EngineFailure,
  type EngineKind,
  type RangeOptions,
  type Row,
  type SharedState,
} from './engine.ts'
import { lmdbEngine } from './lmdb-engine.ts'
import { AttachedLog } from './log/attached-log.ts'
import { Checkpoint } from './log/checkpoint.ts'
import { Log } from './log/log.ts'
import { createLog, hasLog, readLog } from './log/log-directory.ts'
import { LogReader } from './log/log-reader.ts'
import { OverlayOwner } from './log/overlay-owner.ts'
import { createOverlayMemory } from './log/overlays.ts'
import { PackedRows } from './packed-rows.ts'

export interface LogEngineOptions {
  readonly clock: Clock
  readonly random: Random
}

export function createLogEngineKind({ clock, random }: LogEngineOptions): EngineKind {
  return {
    name: 'log',
    async open(directory, { readOnly = false } = {}): Promise<Engine> {
      const base = await lmdbEngine.open(directory, { readOnly })
      try {
        const memory = createOverlayMemory(random)
        const overlays = new OverlayOwner(memory)
        if (!readOnly && !hasLog(resolve(directory))) await createLog(resolve(directory), random)
        // Without one, it is a store of LMDB alone, or its first start was cut off.
        const parts = hasLog(resolve(directory)) ? await readLog(resolve(directory)) : []
        const commitNumber = overlays.replay(parts)
        if (readOnly) return new LogEngine({ base, memory, overlays, commitNumber })
        const log = new Log(resolve(directory), parts, random)
        await log.sync()
        return new LogEngine({ base, memory, overlays, commitNumber, written: { log, clock } })
      } catch (cause) {
        await base.close()
        const reason = cause instanceof Error ? cause.message : `${cause}`
        throw new EngineFailure(`Can't open the store in ${directory}: ${reason}`, { cause })
      }
    },
    async attach(directory, shared): Promise<AttachedReader> {
      return new AttachedLog(await lmdbEngine.attach(directory, shared), shared)
    },
  }
}

interface LogEngineParts {
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

class LogEngine implements Engine {
  readonly #base: Engine
  readonly #memory: SharedState
  readonly #overlays: OverlayOwner
  readonly #reader: LogReader
  readonly #written: LogEngineParts['written']
  #commitNumber: number
  #refusal: EngineFailure | undefined
  #commitInFlight: Promise<void> | undefined
  #checkpoint: Checkpoint | undefined
  /** Resolves when the checkpoint under way has made room for the next one. Never rejects. */
  #checkpointed: Promise<void> = Promise.resolve()
  /** The active overlay holds rows since long enough. */
  #isDue = false
  #cancelTimer: (() => void) | undefined
  #closing: Promise<void> | undefined
  /** What was read of a phase stays while its turn lasts: only this thread moves it. */
  readonly turn = 0

  constructor({ base, memory, overlays, commitNumber, written }: LogEngineParts) {
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
        while (!this.#overlays.isActiveEmpty || this.#checkpoint) await this.#turnOver()
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
    if (this.#checkpoint === undefined) this.#freeze()
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
    if (this.#isDue && !this.#checkpoint && !this.#overlays.isActiveEmpty) this.#freeze()
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
