/**
 * The engine of the simulator: a disk with an explicit flush boundary, in memory.
 *
 * A commit waits in the disk's cache until the disk flushes; only then is it durable, visible and
 * resolved. `crash` is the power cut: what was not flushed is lost, the promises of those commits
 * never settle (the process that waited for them is gone), and the engines that were open refuse
 * everything. What was flushed stays under its directory's name for the next `open` of the same
 * kind instance, as it would on a disk.
 */
import { assert } from '../model/assert.ts'
import { limits } from '../model/limits.ts'
import {
  assertRowKey,
  type Changes,
  type Engine,
  EngineFailure,
  type EngineKind,
  type EngineOpenOptions,
  type RangeOptions,
  type Row,
  type RowChange,
} from './engine.ts'
import { Rows } from './memory-rows.ts'

export interface MemoryEngineOptions {
  /**
   * Called once per commit with what flushes the disk up to and including it. Default: before the
   * next macrotask. A simulator passes it to its clock with a drawn delay, or ignores it and calls
   * `flush` itself.
   */
  readonly whenToFlush?: (flush: () => void, directory: string) => void
  /** Told of each commit once it is durable and visible, in order. Default: nobody looks. */
  readonly onFlushed?: (directory: string, changes: readonly RowChange[]) => void
}

export interface MemoryEngineKind extends EngineKind {
  readonly name: 'memory'
  /** Makes every waiting commit of the directory durable, in order. */
  flush(directory: string): void
  /** Commits that wait for a flush. */
  waitingCommits(directory: string): number
  /**
   * Cuts the power. `landed` says that the waiting commits did reach the disk, although nobody was
   * told: real disks do that too.
   */
  crash(directory: string, options?: { readonly landed?: boolean }): void
  /** What is durable now, whoever has it open; undefined where nothing ever was. */
  rows(directory: string): Rows | undefined
  /** Flips the last bit of a row, as a disk that rots. Nobody is told. */
  rot(directory: string, key: Uint8Array): void
  /** Changes rows, as a disk that lost what it had been told. Nobody is told; nothing may wait. */
  alter(directory: string, changes: readonly RowChange[]): void
  /** Removes a directory that nobody has open. */
  erase(directory: string): void
  /** The next flush of the directory fails, as a write or sync does on a broken disk. */
  failNextFlush(directory: string): void
}

export function createMemoryEngineKind(options: MemoryEngineOptions = {}): MemoryEngineKind {
  const whenToFlush = options.whenToFlush ?? (flush => queueMicrotask(flush))
  const disks = new Map<string, Disk>()
  const onFlushed = options.onFlushed ?? (() => {})
  return {
    name: 'memory',
    async open(directory: string, { readOnly = false }: EngineOpenOptions = {}): Promise<Engine> {
      let disk = disks.get(directory)
      if (disk === undefined) {
        if (readOnly) throw new EngineFailure(`Can't open the store in ${directory}: it is absent`)
        disk = new Disk(
          flush => whenToFlush(flush, directory),
          changes => onFlushed(directory, changes),
        )
        disks.set(directory, disk)
      }
      return new MemoryEngine(disk, readOnly)
    },
    attach: () => Promise.reject(new EngineFailure('Memory is read by its own thread only.')),
    erase: directory => void disks.delete(directory),
    flush: directory => disks.get(directory)?.flush(),
    waitingCommits: directory => disks.get(directory)?.waiting.length ?? 0,
    crash: (directory, { landed = false } = {}) => disks.get(directory)?.crash(landed),
    rows: directory => disks.get(directory)?.rows,
    rot: (directory, key) => disks.get(directory)?.rot(key),
    alter: (directory, changes) => disks.get(directory)?.alter(changes),
    failNextFlush: directory => {
      const disk = disks.get(directory)
      assert(disk !== undefined, 'a disk that fails was opened before')
      disk.failNextFlush = true
    },
  }
}

interface WaitingCommit {
  readonly changes: readonly RowChange[]
  resolve(): void
  reject(failure: EngineFailure): void
}

/** One directory: what is durable, and what waits to be. */
class Disk {
  rows = new Rows([], 0)
  waiting: WaitingCommit[] = []
  /** Counts commits that have become visible to the engines of now. */
  flushes = 0
  /** Counts power cuts: engines of an earlier one are dead. */
  crashes = 0
  failNextFlush = false
  readonly #whenToFlush: (flush: () => void) => void
  readonly #onFlushed: (changes: readonly RowChange[]) => void

  constructor(
    whenToFlush: (flush: () => void) => void,
    onFlushed: (changes: readonly RowChange[]) => void,
  ) {
    this.#whenToFlush = whenToFlush
    this.#onFlushed = onFlushed
  }

  commit(changes: readonly RowChange[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const commit = { changes, resolve, reject }
      this.waiting.push(commit)
      this.#whenToFlush(() => this.flush(commit))
    })
  }

  /** Flushes up to and including `last`, if it still waits; without it, everything. */
  flush(last = this.waiting.at(-1)): void {
    if (last === undefined) return
    const flushed = this.waiting.splice(0, this.waiting.indexOf(last) + 1)
    if (flushed.length === 0) return
    if (this.failNextFlush) {
      this.failNextFlush = false
      const failure = new EngineFailure('The store failed: the disk could not be written')
      for (const commit of flushed) commit.reject(failure)
      return
    }
    for (const commit of flushed) {
      this.#land(commit)
      this.flushes += 1
      commit.resolve()
    }
  }

  #land({ changes }: WaitingCommit): void {
    this.rows = this.rows.after(changes)
    this.#onFlushed(changes)
  }

  rot(key: Uint8Array): void {
    const value = this.rows.get(key)?.value.slice()
    const last = value?.at(-1)
    if (!value || last === undefined) return
    value[value.length - 1] = last ^ 1
    this.rows = this.rows.after([{ key, value }])
  }

  alter(changes: readonly RowChange[]): void {
    assert(this.waiting.length === 0, 'what waits was made of the rows as they are')
    this.rows = this.rows.after(changes)
  }

  crash(landed: boolean): void {
    if (landed) for (const commit of this.waiting) this.#land(commit)
    this.waiting = []
    this.failNextFlush = false
    this.crashes += 1
  }
}

class MemoryEngine implements Engine {
  readonly #disk: Disk
  readonly #readOnly: boolean
  readonly #crashesAtOpen: number
  #peeked = new Uint8Array()
  #refusal: EngineFailure | undefined
  #commitInFlight: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor(disk: Disk, readOnly: boolean) {
    this.#disk = disk
    this.#readOnly = readOnly
    this.#crashesAtOpen = disk.crashes
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.peek(key)?.slice()
  }

  peek(key: Uint8Array): Uint8Array | undefined {
    assertRowKey(key)
    this.#refuseIfBroken()
    // Who keeps what was peeked at finds this.
    this.#peeked.fill(0xdb)
    const value = this.#disk.rows.get(key)?.value
    if (value === undefined) return undefined
    this.#peeked = new Uint8Array(value)
    return this.#peeked
  }

  range(options: RangeOptions): IterableIterator<Row> {
    assert(
      options.from.length <= limits.rowKeyBytesMax,
      'a bound of a range is no longer than a key',
    )
    assert(options.to.length <= limits.rowKeyBytesMax, 'a bound of a range is no longer than a key')
    this.#refuseIfBroken()
    return this.#rows(options)
  }

  *#rows({ from, to, limit = Number.POSITIVE_INFINITY, reverse = false }: RangeOptions) {
    this.#refuseIfBroken()
    const { rows } = this.#disk
    let count = 0
    if (limit <= 0) return
    for (const row of reverse ? rows.betweenReversed(from, to) : rows.between(from, to)) {
      yield { key: new Uint8Array(row.key), value: new Uint8Array(row.value) }
      this.#refuseIfBroken()
      count += 1
      if (count >= limit) return
    }
  }

  atOnce<T>(read: () => T): T {
    return read()
  }

  async commit(changes: Changes): Promise<void> {
    assert(!this.#readOnly, 'a store that was opened to be read is not written')
    assert(this.#commitInFlight === undefined, 'one commit at a time')
    for (const { key } of changes) assertRowKey(key)
    this.#refuseIfBroken()
    if (changes.length === 0) return
    this.#commitInFlight = this.#disk.commit(Array.from(changes, copyOf))
    try {
      await this.#commitInFlight
    } catch (error) {
      this.#refusal ??= error as EngineFailure
      throw error
    } finally {
      this.#commitInFlight = undefined
    }
  }

  stamp(): number {
    return this.#crashed() || this.#refusal !== undefined ? Number.NaN : this.#disk.flushes
  }

  share(): undefined {}

  sizeBytes(): number {
    this.#refuseIfBroken()
    return this.#disk.rows.sizeBytes
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    // Who waits for that commit hears how it ended; closing only has to come after it.
    if (!this.#crashed()) await this.#commitInFlight?.catch(() => undefined)
    this.#refusal ??= new EngineFailure('The store is closed.')
  }

  #crashed(): boolean {
    return this.#disk.crashes !== this.#crashesAtOpen
  }

  #refuseIfBroken(): void {
    if (this.#crashed()) this.#refusal ??= new EngineFailure('The store lost its power.')
    if (this.#refusal !== undefined) throw this.#refusal
  }
}

/** Not with `slice`: a Buffer's shares the memory. */
const copyOf = ({ key, value }: RowChange): RowChange => ({
  key: new Uint8Array(key),
  value: value === null ? null : new Uint8Array(value),
})
