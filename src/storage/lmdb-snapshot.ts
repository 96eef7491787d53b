/**
 * What a thread reads in that follows the owner of an LMDB store: one snapshot until the owner
 * commits again. lmdb-js begins one for each turn of the event loop, with a timer to end it, which
 * costs more than the read of a row.
 */
import type { Environment, Transaction } from './lmdb-file.ts'

export class LmdbSnapshot {
  readonly #environment: Environment
  /** lmdb-js begins one for the turn where this is undefined, as it is amid a commit. */
  transaction: Transaction | undefined
  #at = -1

  constructor(environment: Environment) {
    this.#environment = environment
  }

  /** `commits`: counts the owner's, odd while one is under way; who waits is told of each step. */
  renew(commits: Int32Array): void {
    const count = Atomics.load(commits, 0)
    if (count === this.#at) return
    this.drop()
    this.#environment.resetReadTxn()
    if (count % 2 === 0) this.#keep(commits, count)
  }

  #keep(commits: Int32Array, count: number): void {
    const moved = Atomics.waitAsync(commits, 0, count)
    if (!moved.async) return
    this.transaction = this.#environment.useReadTransaction()
    // Ours alone from here on: lmdb-js would keep a cursor open in one that it uses itself.
    this.#environment.resetReadTxn()
    this.#at = count
    // A snapshot that nobody reads any more would keep LMDB from using its pages again.
    void moved.value.then(() => {
      if (this.#at === count) this.drop()
    })
  }

  drop(): void {
    this.transaction?.done()
    this.transaction = undefined
    this.#at = -1
  }
}
