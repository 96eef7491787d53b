/**
 * A checkpoint: writes rows to LMDB in the order of their keys, so that each page is written for as
 * many of them as possible, and in many small transactions, so that commits go on meanwhile.
 */
import { limits } from '../../model/limits.ts'
import type { Engine } from '../engine.ts'
import { PackedRows } from '../packed-rows.ts'
import type { FrozenRows } from './overlay-owner.ts'

export class Checkpoint {
  readonly #base: Engine
  readonly #frozen: FrozenRows
  #passed = 0
  #isStopped = false
  #step: Promise<void> = Promise.resolve()

  constructor(base: Engine, frozen: FrozenRows) {
    this.#base = base
    this.#frozen = frozen
  }

  /** From 0 to 1, all written. */
  get progress(): number {
    return this.#passed / Math.max(1, this.#frozen.count)
  }

  /** The transaction under way. */
  get step(): Promise<void> {
    return this.#step
  }

  /** Resolves to whether everything was written. */
  async run(): Promise<boolean> {
    for (const { batch, passed } of batches(this.#frozen)) {
      this.#step = this.#base.commit(batch)
      await this.#step
      this.#passed = passed
      if (this.#isStopped) return false
    }
    return true
  }

  /** After the transaction under way. What was not written is still in the log. */
  stop(): void {
    this.#isStopped = true
  }
}

/**
 * One after the other in the same memory: each is done with when the next one is asked for.
 * `passed`: frozen rows that were looked at by then.
 */
function* batches(frozen: FrozenRows): Generator<{ batch: PackedRows; passed: number }> {
  const batch = new PackedRows()
  let passed = 0
  for (const row of frozen.rows) {
    frozen.appendTo(batch, row)
    passed += 1
    if (batch.length < limits.checkpointRowsMax && batch.end < limits.checkpointBytesMax) continue
    yield { batch, passed }
    batch.clear()
  }
  if (batch.length > 0) yield { batch, passed }
}
