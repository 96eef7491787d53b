/**
 * How far the thread that reads a backup may be ahead of the client that takes it. The thread has
 * to keep its snapshot, and so can't go back to its event loop: it waits in shared memory.
 */
import { limits, timing } from '../model/limits.ts'

const AHEAD = 0
const CANCELLED = 1

export class BackupWindow {
  readonly shared: SharedArrayBuffer
  readonly #cells: Int32Array

  constructor(shared = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT)) {
    this.shared = shared
    this.#cells = new Int32Array(shared)
  }

  /** Blocks this thread while too much waits. False: go no further, nobody takes it any more. */
  add(bytes: number): boolean {
    Atomics.add(this.#cells, AHEAD, bytes)
    for (;;) {
      if (Atomics.load(this.#cells, CANCELLED) === 1) return false
      const ahead = Atomics.load(this.#cells, AHEAD)
      if (ahead <= limits.backupAheadBytesMax) return true
      const woken = Atomics.wait(this.#cells, AHEAD, ahead, timing.backupUnreadMaxMs)
      if (woken === 'timed-out') return false
    }
  }

  taken(bytes: number): void {
    Atomics.sub(this.#cells, AHEAD, bytes)
    Atomics.notify(this.#cells, AHEAD)
  }

  cancel(): void {
    Atomics.store(this.#cells, CANCELLED, 1)
    // The thread may be on its way into its wait: what it waits for has to be another number.
    this.taken(1)
  }
}
