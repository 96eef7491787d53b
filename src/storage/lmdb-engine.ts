/**
 * The durable engine: one LMDB environment, `<directory>/data.mdb`, over lmdb-js.
 *
 * `overlappingSync` is off, so a commit writes its pages, syncs them, and only then writes the meta
 * page through a file descriptor with O_DSYNC; readers find the new state after that. There is no
 * moment at which anybody can read what a power cut could take away.
 *
 * Commits use lmdb-js's asynchronous `batch`: one write transaction each, committed on a thread of
 * libuv's pool. Beside `transactionSync` it makes 0.7, 0.9 and 1.0 times the commits per second (1,
 * 32 and 256 changes a commit), but this thread goes on meanwhile: it served 18, 45 and 180 times
 * the reads while it committed, as the other blocks it until the disk has answered. The
 * asynchronous `transaction` makes 0.8 to 1.1 times the commits of `batch`.
 *
 * Owed to lmdb-js: values are read from the caller's memory while the commit runs, so the caller
 * leaves them alone until it has resolved; buffers that come out are reused and larger than what
 * they hold, so every read copies.
 */
import { statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { assert } from '../model/assert.ts'
import { compareBytes } from '../model/bytes.ts'
import {
  type AttachedReader,
  assertBounds,
  assertRowKey,
  type Changes,
  type Engine,
  EngineFailure,
  type EngineKind,
  type EngineOpenOptions,
  type RangeOptions,
  type Row,
  type SharedState,
} from './engine.ts'
import { copyRows, dropUnfinishedCopy, keepInPlace, putInPlace } from './lmdb-compaction.ts'
import { causeOfCommit, messageOf } from './lmdb-errors.ts'
import { type Environment, fileName, openStore, prepareStore } from './lmdb-file.ts'
import { LmdbOpened, owned } from './lmdb-opened.ts'

const firstKey = Uint8Array.of(0)

export const lmdbEngine: EngineKind = {
  name: 'lmdb',
  async open(directory: string, options: EngineOpenOptions = {}): Promise<Engine> {
    const readOnly = options.readOnly === true
    const file = join(resolve(directory), fileName)
    try {
      await prepareStore(file, readOnly)
      if (!readOnly) await dropUnfinishedCopy(dirname(file))
      return new LmdbEngine(openStore(dirname(file), readOnly), file, { readOnly })
    } catch (cause) {
      throw new EngineFailure(`Can't open the store in ${directory}: ${messageOf(cause)}`, {
        cause,
      })
    }
  },
  async attach(directory: string, shared: SharedState): Promise<AttachedReader> {
    const commits = shared[commitsName]
    assert(commits, 'the owner of an LMDB store shares its count of commits')
    const file = join(resolve(directory), fileName)
    return new LmdbEngine(openStore(dirname(file), false), file, {
      follows: new Int32Array(commits),
    })
  },
}

const commitsName = 'commits'
/** What the owner counts there: its commits, and how often it has written the store anew. */
const word = { commits: 0, files: 1 }
const everything = { from: firstKey, to: Uint8Array.of(0xff) }

interface Manner {
  readonly readOnly?: boolean
  /** Another thread owns the store, and counts its commits here. */
  readonly follows?: Int32Array
}

class LmdbEngine implements Engine {
  readonly #opened: LmdbOpened
  readonly #file: string
  readonly #readOnly: boolean
  /**
   * Counted up by the owner before a commit can be seen and after: odd while one is under way. A
   * snapshot is as good as new while the count is even and has not moved since it was taken.
   */
  readonly #commits: Int32Array
  readonly #follows: boolean
  /** Of the files that it has open. */
  #files: number
  /** Reads go on in the snapshot of the first one. */
  #isPinned = false
  #isRenewed = false
  #refusal: EngineFailure | undefined
  #commitInFlight: Promise<void> | undefined
  #compacting: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor(environment: Environment, file: string, { readOnly = false, follows }: Manner) {
    this.#opened = new LmdbOpened(environment)
    this.#file = file
    this.#readOnly = readOnly
    this.#follows = follows !== undefined
    this.#commits = follows ?? new Int32Array(new SharedArrayBuffer(8))
    this.#files = Atomics.load(this.#commits, word.files)
    if (this.#follows) this.#awaitFiles()
  }

  get(key: Uint8Array): Uint8Array | undefined {
    // `getBinary` copies, too; this takes a fifth of its time.
    return this.peek(key)?.slice()
  }

  peek(key: Uint8Array): Uint8Array | undefined {
    assertRowKey(key)
    return this.#guard(() => {
      this.#renewSnapshot()
      const { environment, snapshot } = this.#opened
      const bytes = environment.getBinaryFast(key, snapshot)
      // A plain view, of the length that lmdb-js gives its buffer for this read.
      return bytes && new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    })
  }

  stamp(): number {
    const commits = Atomics.load(this.#commits, word.commits)
    const isCounted = !this.#readOnly && this.#refusal === undefined && commits % 2 === 0
    return isCounted ? commits : Number.NaN
  }

  range(options: RangeOptions): IterableIterator<Row> {
    assertBounds(options)
    this.#refuseIfBroken()
    return this.#rows(options, false)
  }

  /** `isLong`: it lasts for more than a turn. */
  *#rows(
    { from, to, limit = Number.POSITIVE_INFINITY, reverse = false }: RangeOptions,
    isLong: boolean,
  ) {
    this.#refuseIfBroken()
    const first = from.length === 0 ? firstKey : from
    if (limit <= 0 || compareBytes(first, to) >= 0) return
    const { entries, release } = this.#guard(() => {
      this.#renewSnapshot()
      return this.#opened.range({ first, to, reverse, isLong })
    })
    try {
      for (let count = 0; count < limit; count++) {
        const entry = this.#guard(() => entries.next())
        if (entry.done === true) return
        yield { key: owned(entry.value.key), value: owned(entry.value.value) }
      }
    } finally {
      release()
    }
  }

  atOnce<T>(read: () => T): T {
    assert(!this.#isPinned, 'reads of one state are not nested')
    this.#isPinned = true
    this.#isRenewed = false
    try {
      return read()
    } finally {
      this.#isPinned = false
    }
  }

  /** In a transaction of its own, which no commit of the owner waits for. */
  snapshot(options: RangeOptions): IterableIterator<Row> {
    return this.#rows(options, true)
  }

  async commit(changes: Changes): Promise<void> {
    assert(!this.#readOnly && !this.#follows, 'a store that is only read is not written')
    assert(this.#commitInFlight === undefined, 'one commit at a time')
    for (const { key } of changes) assertRowKey(key)
    if (this.#compacting) await this.#compacting
    this.#refuseIfBroken()
    if (changes.length === 0) return
    this.#commitInFlight = this.#write(changes)
    try {
      await this.#commitInFlight
    } finally {
      this.#commitInFlight = undefined
    }
  }

  async #write(changes: Changes): Promise<void> {
    this.#count()
    try {
      const { environment } = this.#opened
      await environment.batch(() => {
        for (const { key, value } of changes) {
          if (value === null) environment.remove(key)
          else environment.put(key, value)
        }
      })
      environment.resetReadTxn()
    } catch (error) {
      throw this.#fail(await causeOfCommit(error))
    }
    this.#count()
  }

  #count(): void {
    Atomics.add(this.#commits, word.commits, 1)
    Atomics.notify(this.#commits, word.commits)
  }

  async compact(isStopped = () => this.#closing !== undefined): Promise<void> {
    while (this.#commitInFlight) await this.#commitInFlight.catch(() => undefined)
    this.#refuseIfBroken()
    try {
      this.#compacting = this.#compact(isStopped)
      await this.#compacting
    } catch (error) {
      throw this.#fail(error)
    } finally {
      this.#compacting = undefined
    }
  }

  async #compact(isStopped: () => boolean): Promise<void> {
    const directory = dirname(this.#file)
    const copy = await copyRows(directory, this.snapshot(everything), isStopped)
    putInPlace(directory)
    this.#opened.replace(copy)
    Atomics.add(this.#commits, word.files, 1)
    Atomics.notify(this.#commits, word.files)
    await keepInPlace(directory)
  }

  share(): SharedState {
    return { [commitsName]: this.#commits.buffer as SharedArrayBuffer }
  }

  sizeBytes(): number {
    return this.#guard(() => statSync(this.#file).size)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    // Who waits for that commit hears how it ended; closing only has to come after it.
    await this.#commitInFlight?.catch(() => undefined)
    await this.#compacting?.catch(() => undefined)
    this.#refusal ??= new EngineFailure('The store is closed.')
    await this.#opened.close()
  }

  /** Others may write what only they own: a reader of it looks at the newest commit. */
  #renewSnapshot(): void {
    if (this.#isPinned && this.#isRenewed) return
    this.#isRenewed = true
    if (this.#readOnly) this.#opened.environment.resetReadTxn()
    if (!this.#follows) return
    this.#renewFiles()
    this.#opened.snapshot.renew(this.#commits)
  }

  #renewFiles(): void {
    const files = Atomics.load(this.#commits, word.files)
    if (files === this.#files) return
    this.#files = files
    this.#opened.replace(openStore(dirname(this.#file), false))
  }

  /** Who does not read lets go of files that are no more, too. */
  #awaitFiles(): void {
    const moved = Atomics.waitAsync(this.#commits, word.files, this.#files)
    // Who is closed has nothing to renew; any other failure is told to whoever reads next.
    void Promise.resolve(moved.value)
      .then(() => this.#guard(() => this.#renewFiles()))
      .then(() => this.#awaitFiles())
      .catch(() => undefined)
  }

  #guard<T>(read: () => T): T {
    this.#refuseIfBroken()
    try {
      return read()
    } catch (cause) {
      throw this.#fail(cause)
    }
  }

  #refuseIfBroken(): void {
    if (this.#refusal !== undefined) throw this.#refusal
  }

  #fail(cause: unknown): EngineFailure {
    this.#refusal ??= new EngineFailure(`The store failed: ${messageOf(cause)}`, { cause })
    return this.#refusal
  }
}
