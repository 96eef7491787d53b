/** Reads a store of two overlays over LMDB: for its owner, and for threads that read along. */
import { assert } from '../../model/assert.ts'
import { compareBytes } from '../../model/bytes.ts'
import {
  assertBounds,
  assertRowKey,
  type EngineReader,
  type RangeOptions,
  type Row,
  type RowChange,
} from '../engine.ts'
import { mergeRows } from './merge-rows.ts'
import type { OverlayRange, Overlays, Phase } from './overlays.ts'

/** How a thread comes to read the overlays. All throw when the engine refuses. */
export interface Entrance {
  /** The phase to read, which stays readable while the turn lasts. */
  enter(): Phase
  /** Whether LMDB, read after that phase was entered, has no more than its overlays let see. */
  covers(phase: Phase): boolean
  /** Counts the turns, as far as that matters to who reads. */
  readonly turn: number
}

type Rows = Pick<EngineReader, 'get' | 'peek' | 'range' | 'stamp'>

export class LogReader implements Rows {
  readonly #overlays: Overlays
  readonly #base: Omit<Rows, 'get'>
  readonly #entrance: Entrance
  #stamp = 0
  #seenVisible = Number.NaN
  #seenBase = Number.NaN

  constructor(overlays: Overlays, base: Omit<Rows, 'get'>, entrance: Entrance) {
    this.#overlays = overlays
    this.#base = base
    this.#entrance = entrance
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.peek(key)?.slice()
  }

  peek(key: Uint8Array): Uint8Array | undefined {
    assertRowKey(key)
    for (;;) {
      const phase = this.#entrance.enter()
      const newer = this.#overlays.peek(phase, key)
      if (newer !== undefined) return newer ?? undefined
      const value = this.#base.peek(key)
      if (this.#entrance.covers(phase)) return value
    }
  }

  /**
   * Commits become visible by one word each: that of the overlays, or the count of LMDB's. Words
   * wrap around, so they are compared with those of the last look, and the looks that differ are
   * counted.
   */
  stamp(): number {
    const { visible, isStopped } = this.#overlays
    const base = this.#base.stamp()
    if (isStopped || Number.isNaN(base)) return Number.NaN
    if (visible !== this.#seenVisible || base !== this.#seenBase) {
      this.#seenVisible = visible
      this.#seenBase = base
      this.#stamp += 1
    }
    return this.#stamp
  }

  range(options: RangeOptions): IterableIterator<Row> {
    assertBounds(options)
    this.#entrance.enter()
    return this.#rows(options)
  }

  *#rows({ from, to, limit = Number.POSITIVE_INFINITY, reverse = false }: RangeOptions) {
    this.#entrance.enter()
    if (limit <= 0 || compareBytes(from, to) >= 0) return
    const { rows, base } = this.#snapshot({ from, to, reverse })
    const { turn } = this.#entrance
    let count = 0
    try {
      for (const { key, value } of rows) {
        if (value === null) continue
        yield { key, value }
        this.#entrance.enter()
        assert(this.#entrance.turn === turn, 'a range is consumed within one turn')
        count += 1
        if (count >= limit) return
      }
    } finally {
      base.return?.()
    }
  }

  /**
   * The rows of a range, those of the overlays as copies: they are read no more after this. `open`
   * begins LMDB's part.
   */
  copied(range: OverlayRange, open: () => IterableIterator<Row>): Merged {
    return this.#snapshot(range, open, rows => [...rows].values())
  }

  /** Overlays and LMDB of one phase. The first row opens LMDB's snapshot. */
  #snapshot(
    range: OverlayRange,
    open: () => IterableIterator<Row> = () => this.#base.range(range),
    taken: (rows: Generator<RowChange>) => Iterator<RowChange> = rows => rows,
  ): Merged {
    for (;;) {
      const phase = this.#entrance.enter()
      const newer = this.#overlays.ranges(phase, this.#overlays.visible, range)
      const base = open()
      const first = base.next()
      if (!this.#isCovered(phase, base)) continue
      let rows: IterableIterator<RowChange> = resumed(first, base)
      for (const each of newer.reverse()) rows = mergeRows(taken(each), rows, range.reverse)
      return { rows, base }
    }
  }

  /** Ends LMDB's snapshot where it is none of that phase. */
  #isCovered(phase: Phase, base: IterableIterator<Row>): boolean {
    let isCovered = false
    try {
      isCovered = this.#entrance.covers(phase)
      return isCovered
    } finally {
      if (!isCovered) base.return?.()
    }
  }
}

interface Merged {
  readonly rows: Iterable<RowChange>
  /** To be ended with the rows. */
  readonly base: IterableIterator<Row>
}

/** An iterator whose first result was taken already. */
function* resumed<T>(first: IteratorResult<T, unknown>, rest: Iterable<T>): Generator<T> {
  if (first.done === true) return
  yield first.value
  yield* rest
}
