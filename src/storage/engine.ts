/**
 * The engine port: one ordered map of byte strings, owned by one thread.
 *
 * Everything Denizen promises about disks rests on `commit`: it applies its changes atomically,
 * they are durable when it resolves, and nobody, this thread included, sees any of them before.
 * There is no "visible but not yet durable" state, so what was read can be sent to other regions
 * and to clients without asking again. Any failure to write or sync rejects with `EngineFailure`,
 * after which the engine refuses everything: an operating system may drop dirty pages after a
 * failed fsync and report success on the next one (Rebello et al., "Can Applications Recover from
 * fsync Failures?", 2020), so the process has to stop and start from what is on disk.
 *
 * Engines: `log` (durable, the default: a log with LMDB behind it), `lmdb` (durable, LMDB alone),
 * `memory` (with an explicit flush boundary, for the simulator). All pass
 * test/contracts/engine-contract.ts; the first two are read by other threads, too, and pass
 * test/contracts/attached-contract.ts.
 */
import { assert } from '../model/assert.ts'
import { limits } from '../model/limits.ts'

export interface RowChange {
  readonly key: Uint8Array
  /** null deletes; deleting an absent row is no error. */
  readonly value: Uint8Array | null
}

/** What one commit changes: of two changes of one row, the later counts. */
export interface Changes extends Iterable<RowChange> {
  readonly length: number
}

export interface Row {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

export interface RangeOptions {
  /** First key, inclusive. */
  readonly from: Uint8Array
  /** Last key, exclusive. */
  readonly to: Uint8Array
  readonly limit?: number
  readonly reverse?: boolean
}

/** What can be read of a store, by the thread that owns it or by one that reads along. */
export interface EngineReader {
  /** A copy of the row's value that stays valid; `undefined` when there is no such row. */
  get(key: Uint8Array): Uint8Array | undefined
  /**
   * As `get`, without the copy: for who looks and does not keep. The bytes stay what they are until
   * this thread reads the store again, or its turn of the event loop is over.
   */
  peek(key: Uint8Array): Uint8Array | undefined
  /**
   * Rows in byte order (or reversed), from one snapshot, as copies that stay valid. Consume it
   * within one turn of the event loop; leaving it early is fine.
   */
  range(options: RangeOptions): IterableIterator<Row>
  /**
   * Runs a read of several rows, all of which it then finds as one commit left them: the newest at
   * its begin. It may run more than once, and has to end at once; it must not be nested.
   */
  atOnce<T>(read: () => T): T
  /**
   * A number that has been the same before and after a read, and still is, says that the same read
   * would find the same. Each reader counts for itself; NaN where that can't be said.
   */
  stamp(): number
}

/** Memory that the owner of a store shares with the threads that read along: `attach` takes it. */
export type SharedState = Readonly<Record<string, SharedArrayBuffer>>

/** A shard's own operation: has the store written anew. */
export const compactOperation = 'compactStore'

export interface Engine extends EngineReader {
  /**
   * See above. One commit at a time: the caller waits before it starts the next, and leaves the
   * changes alone until then.
   */
  commit(changes: Changes): Promise<void>
  /**
   * Writes the store anew, so that its files hold what it holds and no byte of what was deleted or
   * written over before. Commits go on. Rejects, and changes nothing, where it is closed meanwhile
   * or `isStopped` says so. Absent: nothing of that kind stays.
   */
  compact?(isStopped?: () => boolean): Promise<void>
  /** Bytes that the store occupies. */
  sizeBytes(): number
  /** For other threads to read along; undefined where only the owner can read. */
  share(): SharedState | undefined
  close(): Promise<void>
}

/**
 * A store that another thread of this process owns. It sees a commit from the moment at which the
 * owner sees it, on every thread: once any thread has read a state, none reads an older one. So two
 * reads of one turn may find two states, but for those within `atOnce`.
 */
export interface AttachedReader extends EngineReader {
  /**
   * As `range`, for a reader that takes long: as many turns as it likes, and the owner goes on
   * meanwhile. It costs a copy of what the engine has in memory.
   */
  snapshot(options: RangeOptions): IterableIterator<Row>
  close(): Promise<void>
}

export interface EngineOpenOptions {
  /** Opens what exists and never writes: for readers of stopped files. */
  readonly readOnly?: boolean
}

export interface EngineKind {
  readonly name: 'lmdb' | 'log' | 'memory'
  /** Opens the store in a directory, creating both where absent. */
  open(directory: string, options?: EngineOpenOptions): Promise<Engine>
  /** Reads along with the engine whose `share` gave `shared`. Close it before its owner closes. */
  attach(directory: string, shared: SharedState): Promise<AttachedReader>
}

export function assertRowKey(key: Uint8Array): void {
  const { rowKeyBytesMax } = limits
  assert(key.length > 0 && key.length <= rowKeyBytesMax, `a key has 1 to ${rowKeyBytesMax} bytes`)
}

export function assertBounds({ from, to }: RangeOptions): void {
  const isShort = Math.max(from.length, to.length) <= limits.rowKeyBytesMax
  assert(isShort, 'a bound of a range is no longer than a key')
}

/** The disk failed us: the shard stops loudly, nothing is papered over. */
export class EngineFailure extends Error {
  override readonly name = 'EngineFailure'
}
