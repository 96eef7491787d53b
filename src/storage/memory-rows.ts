/** Rows of the memory engine, in chunks that snapshots share. */
import { compareBytes } from '../model/bytes.ts'
import type { Row, RowChange } from './engine.ts'

const chunkRowsMax = 256

/** Rows in byte order. Never changed once made, so that holding one is holding a snapshot. */
export class Rows {
  /** None of them is empty. */
  readonly #chunks: readonly (readonly Row[])[]
  readonly sizeBytes: number

  constructor(chunks: readonly (readonly Row[])[], sizeBytes: number) {
    this.#chunks = chunks
    this.sizeBytes = sizeBytes
  }

  get(key: Uint8Array): Row | undefined {
    const chunk = this.#chunks[chunkFor(this.#chunks, key)]
    const row = chunk?.[firstNotBelow(chunk, key)]
    return row !== undefined && compareBytes(row.key, key) === 0 ? row : undefined
  }

  /** The rows of [from, to). */
  *between(from: Uint8Array, to: Uint8Array): Generator<Row> {
    for (let at = chunkFor(this.#chunks, from); at < this.#chunks.length; at++) {
      const chunk = this.#chunks[at] as readonly Row[]
      for (let i = firstNotBelow(chunk, from); i < chunk.length; i++) {
        const row = chunk[i] as Row
        if (compareBytes(row.key, to) >= 0) return
        yield row
      }
    }
  }

  /** The rows of [from, to), last one first. */
  *betweenReversed(from: Uint8Array, to: Uint8Array): Generator<Row> {
    for (let at = chunkFor(this.#chunks, to); at >= 0; at--) {
      const chunk = this.#chunks[at] ?? []
      for (let i = firstNotBelow(chunk, to) - 1; i >= 0; i--) {
        const row = chunk[i] as Row
        if (compareBytes(row.key, from) < 0) return
        yield row
      }
    }
  }

  /** What these rows become. Chunks that no change touches are shared. */
  after(changes: readonly RowChange[]): Rows {
    const chunks: (readonly Row[])[] = [...this.#chunks]
    const own = new Set<readonly Row[]>()
    let sizeBytes = this.sizeBytes
    for (const { key, value } of changes) {
      const at = chunkFor(chunks, key)
      const old = chunks[at] ?? []
      const chunk = own.has(old) ? (old as Row[]) : [...old]
      const index = firstNotBelow(chunk, key)
      const replaced = chunk[index]
      const found = replaced !== undefined && compareBytes(replaced.key, key) === 0
      if (found) sizeBytes -= rowBytes(replaced)
      if (value === null) {
        if (!found) continue
        chunk.splice(index, 1)
      } else {
        const row = { key, value }
        sizeBytes += rowBytes(row)
        chunk.splice(index, found ? 1 : 0, row)
      }
      if (chunk === old && chunk.length > 0 && chunk.length <= chunkRowsMax) continue
      const pieces = piecesOf(chunk)
      for (const piece of pieces) own.add(piece)
      chunks.splice(at, 1, ...pieces)
    }
    return new Rows(chunks, sizeBytes)
  }
}

/** The chunk that holds a key if any does: the last one that starts at or below it. */
function chunkFor(chunks: readonly (readonly Row[])[], key: Uint8Array): number {
  let low = 0
  let high = chunks.length
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    const first = (chunks[middle] as readonly Row[])[0] as Row
    if (compareBytes(first.key, key) <= 0) low = middle
    else high = middle
  }
  return low
}

/** The index of the first row at or above a key; the length where all are below it. */
function firstNotBelow(rows: readonly Row[], key: Uint8Array): number {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareBytes((rows[middle] as Row).key, key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

function piecesOf(rows: Row[]): Row[][] {
  if (rows.length === 0) return []
  if (rows.length <= chunkRowsMax) return [rows]
  const half = rows.length >>> 1
  return [rows.slice(0, half), rows.slice(half)]
}

const rowBytes = (row: Row): number => row.key.length + row.value.length
