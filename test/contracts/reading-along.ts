/** What the owner of a store and the threads that read along tell each other in tests. */
import type { RowChange, SharedState } from '../../src/storage/engine.ts'

export interface ReadingOrder {
  readonly kind: 'lmdb' | 'log'
  readonly directory: string
  readonly shared: SharedState
  readonly progress: Int32Array
}

export interface ReadingReport {
  readonly states: number
  readonly problem: string | undefined
}

/** Words of `progress`: commits begun and resolved, the newest that any thread saw, and marks. */
export const words = { begun: 0, committed: 1, seen: 2, ready: 3, isOver: 4, count: 5 }

/** Above every key that these tests use. */
export const end = Uint8Array.of(0xff)

/** A commit's changes: the same rows each time, which say its number. */
export function rowsOf(commit: number, rows: number, valueBytes: number): RowChange[] {
  return Array.from({ length: rows }, (_, row) => {
    const value = new Uint8Array(4 + valueBytes)
    new DataView(value.buffer).setUint32(0, commit)
    return { key: Uint8Array.of(1, row), value }
  })
}
