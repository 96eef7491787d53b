/**
 * Rows of an overlay in the order of their keys. Each thread that reads ranges keeps its own, and
 * catches up with what came since its last range. To hold one is to hold a snapshot: what is added
 * copies the chunks that it touches, once; but for rows that go to the end of a chunk. These may
 * turn up in older snapshots, whose readers step over them, as over all that is too young for them.
 *
 * Most rows are entries of feeds, and so come right after the one before in the same feed: they are
 * not searched for, but looked for where the last row went whose key begins alike.
 */
import { hintCount, type Overlay, type RowOffset } from './overlay.ts'
import type { RowKey } from './row-key.ts'

type Chunk = readonly RowOffset[]

const chunkRowsMax = 256

export interface KeyBounds {
  /** Inclusive. */
  readonly from: RowKey
  /** Exclusive. */
  readonly to: RowKey
}

export class OrderedRows {
  readonly #overlay: Overlay
  /** None of them is empty. */
  readonly #chunks: readonly Chunk[]
  /** How many of the overlay's rows these are: its first ones. */
  readonly count: number
  /** By the beginning of a key: the chunk in which a row went last, unless chunks were split. */
  readonly #hints: Uint32Array<ArrayBuffer>

  constructor(
    overlay: Overlay,
    chunks: readonly Chunk[] = [],
    count = 0,
    hints = new Uint32Array(hintCount),
  ) {
    this.#overlay = overlay
    this.#chunks = chunks
    this.count = count
    this.#hints = hints
  }

  /** With the rows that were inserted since. */
  caughtUp(): OrderedRows {
    const { rows } = this.#overlay
    if (rows === this.count) return this
    const chunks = [...this.#chunks]
    const own = new Set<Chunk>()
    for (let index = this.count; index < rows; index++) {
      this.#insert(this.#overlay.rowAt(index), chunks, own)
    }
    return new OrderedRows(this.#overlay, chunks, rows, this.#hints)
  }

  /** `own` are the chunks that nobody else holds. */
  #insert(row: RowOffset, chunks: Chunk[], own: Set<Chunk>): void {
    const at = this.#chunkOf(chunks, row)
    const old = chunks[at] ?? []
    const last = old.at(-1)
    if (last !== undefined && old.length < chunkRowsMax && this.#compare(last, row) < 0) {
      ;(old as RowOffset[]).push(row)
      return
    }
    const chunk = own.has(old) ? (old as RowOffset[]) : [...old]
    chunk.splice(this.#firstNotBelow(chunk, row), 0, row)
    const half = chunk.length >>> 1
    const pieces = chunk.length > chunkRowsMax ? [chunk.slice(0, half), chunk.slice(half)] : [chunk]
    if (pieces[0] === old) return
    for (const piece of pieces) own.add(piece)
    chunks.splice(at, 1, ...pieces)
  }

  /** As `chunkFor`, of a row that comes in. */
  #chunkOf(chunks: readonly Chunk[], row: RowOffset): number {
    const hint = this.#overlay.hintOf(row)
    const guess = this.#hints[hint] as number
    const at = this.#isChunkFor(chunks, guess, row) ? guess : this.#chunkFor(chunks, row)
    this.#hints[hint] = at
    return at
  }

  #isChunkFor(chunks: readonly Chunk[], at: number, row: RowOffset): boolean {
    const first = chunks[at]?.[0]
    if (first === undefined || this.#compare(first, row) > 0) return false
    const next = chunks[at + 1]?.[0]
    return next === undefined || this.#compare(next, row) > 0
  }

  *between({ from, to }: KeyBounds): Generator<RowOffset> {
    for (let at = this.#chunkFor(this.#chunks, from); at < this.#chunks.length; at++) {
      const chunk = this.#chunks[at] as Chunk
      for (let i = this.#firstNotBelow(chunk, from); i < chunk.length; i++) {
        const row = chunk[i] as RowOffset
        if (this.#overlay.compare(row, to) >= 0) return
        yield row
      }
    }
  }

  /** Last one first. */
  *betweenReversed({ from, to }: KeyBounds): Generator<RowOffset> {
    for (let at = this.#chunkFor(this.#chunks, to); at >= 0; at--) {
      const chunk = this.#chunks[at] ?? []
      for (let i = this.#firstNotBelow(chunk, to) - 1; i >= 0; i--) {
        const row = chunk[i] as RowOffset
        if (this.#overlay.compare(row, from) < 0) return
        yield row
      }
    }
  }

  *all(): Generator<RowOffset> {
    for (const chunk of this.#chunks) yield* chunk
  }

  /** The chunk that holds a key if any does: the last one that starts at or below it. */
  #chunkFor(chunks: readonly Chunk[], key: RowKey | RowOffset): number {
    let low = 0
    let high = chunks.length
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      const first = (chunks[middle] as Chunk)[0] as RowOffset
      if (this.#compare(first, key) <= 0) low = middle
      else high = middle
    }
    return low
  }

  /** The index of the first row at or above a key; the length where all are below it. */
  #firstNotBelow(chunk: Chunk, key: RowKey | RowOffset): number {
    let low = 0
    let high = chunk.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#compare(chunk[middle] as RowOffset, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #compare(row: RowOffset, key: RowKey | RowOffset): number {
    const overlay = this.#overlay
    return typeof key === 'number' ? overlay.compareRows(row, key) : overlay.compare(row, key)
  }
}
