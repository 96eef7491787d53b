/**
 * A checkpoint: writes rows to LMDB in the order of their keys, so that each page is written for as
 * many of them as possible, and in many small transactions, so that commits go on meanwhile.
 */
import { limits } from '../../model/limits.ts'
import type { Engine, RowChange } from '../engine.ts'

export class Checkpoint {
  readonly #base: Engine
  readonly #rows: number
  readonly #changes: Iterable<RowChange>
  #written = 0
  #isStopped = false
  #step: Promise<void> = Promise.resolve()

  constructor(base: Engine, { rows, changes }: { rows: number; changes: Iterable<RowChange> }) {
    this.#base = base
    this.#rows = rows
    this.#changes = changes
  }

  /** From 0 to 1, all written. */
  get progress(): number {
    return this.#written / Math.max(1, this.#rows)
  }

  /** The transaction under way. */
  get step(): Promise<void> {
    return this.#step
  }

  /** Resolves to whether everything was written. */
  async run(): Promise<boolean> {
    for (const changes of batches(this.#changes)) {
      this.#step = this.#base.commit(changes)
      await this.#step
      this.#written += changes.length
      if (this.#isStopped) return false
    }
    return true
  }

  /** After the transaction under way. What was not written is still in the log. */
  stop(): void {
    this.#isStopped = true
  }
}

function* batches(changes: Iterable<RowChange>): Generator<RowChange[]> {
  let batch: RowChange[] = []
  let bytes = 0
  for (const change of changes) {
    batch.push(change)
    bytes += change.key.length + (change.value?.length ?? 0)
    if (batch.length < limits.checkpointRowsMax && bytes < limits.checkpointBytesMax) continue
    yield batch
    batch = []
    bytes = 0
  }
  if (batch.length > 0) yield batch
}
