/**
 * The environment that an engine reads and writes, and those before it, which stay open for as long
 * as something is being read of them: LMDB must not be closed under an open cursor.
 */
import type { Environment, Transaction } from './lmdb-file.ts'
import { LmdbSnapshot } from './lmdb-snapshot.ts'

interface Opened {
  readonly environment: Environment
  /** Of one that follows. */
  readonly snapshot: LmdbSnapshot
  /** Release the ranges that are being read. */
  readonly ranges: Set<() => void>
}

export interface LmdbRange {
  /** Not empty, and below `to`. */
  readonly first: Uint8Array
  readonly to: Uint8Array
  readonly reverse: boolean
  /** It lasts for more than a turn. */
  readonly isLong: boolean
}

export class LmdbOpened {
  #current: Opened
  readonly #former = new Set<Opened>()

  constructor(environment: Environment) {
    this.#current = opened(environment)
  }

  get environment(): Environment {
    return this.#current.environment
  }

  get snapshot(): LmdbSnapshot {
    return this.#current.snapshot
  }

  range({ first, to, reverse, isLong }: LmdbRange) {
    const of = this.#current
    const shared = isLong ? undefined : of.snapshot.transaction
    // A transaction of our own: where lmdb-js renews one for us and fails, the range looks empty.
    const transaction: Transaction = shared ?? of.environment.useReadTransaction()
    const bounds = reverse
      ? { start: to, exclusiveStart: true, end: first, inclusiveEnd: true, reverse }
      : { start: first, end: to }
    const entries = of.environment.getRange({ ...bounds, transaction })[Symbol.iterator]()
    const release = () => {
      if (!of.ranges.delete(release)) return
      entries.return?.()
      if (!shared) transaction.done()
      if (this.#former.has(of)) this.#letGo(of)
    }
    of.ranges.add(release)
    return { entries, release }
  }

  replace(environment: Environment): void {
    const before = this.#current
    before.snapshot.drop()
    this.#current = opened(environment)
    this.#former.add(before)
    this.#letGo(before)
  }

  #letGo(former: Opened): void {
    if (former.ranges.size > 0) return
    this.#former.delete(former)
    void former.environment.close()
  }

  async close(): Promise<void> {
    for (const { environment, snapshot, ranges } of [...this.#former, this.#current]) {
      this.#former.clear()
      for (const release of ranges) release()
      snapshot.drop()
      await environment.close()
    }
  }
}

const opened = (environment: Environment): Opened => ({
  environment,
  snapshot: new LmdbSnapshot(environment),
  ranges: new Set(),
})

/** lmdb-js copied already; this drops its Buffer, and a pool that it may be part of. */
export function owned(bytes: Uint8Array): Uint8Array {
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  return view.byteLength === view.buffer.byteLength ? view : view.slice()
}
