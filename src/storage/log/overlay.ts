/**
 * An overlay: rows that are durable in the log and not yet in LMDB, in memory that all threads of
 * the process share. One thread inserts; others find rows at the same time without a lock.
 *
 * The memory is an array of words of four bytes: the number of rows; a table of open addressing,
 * from a key's hash to its row; the rows in the order in which they came; and an arena that is only
 * ever appended to, which holds
 *
 *   rows       hash | key bytes | newest version | key, padded with zeros
 *   versions   commit number, its lower 32 bits | older version | value bytes, or -1 | value
 *
 * A row or version is written whole before the one word that leads to it. Readers know the last
 * commit that is visible, and step over versions that are younger.
 */
import { limits } from '../../model/limits.ts'
import type { RowChange } from '../engine.ts'
import { type HashSecret, isSameKey, type KeyWords, type RowKey, wordsFor } from './row-key.ts'

/** A number of a row within its overlay: where its words begin. */
export type RowOffset = number

const wordBytes = Int32Array.BYTES_PER_ELEMENT
/** Half of it stays empty, so that probes are short. */
const tableSlots = 2 * limits.overlayRowsMax
const tableAt = 1
const rowsAt = tableAt + tableSlots
const arenaAt = rowsAt + limits.overlayRowsMax
const arenaEnd = arenaAt + limits.overlayBytesMax / wordBytes

const rowHeaderWords = 3
const versionHeaderWords = 3
const deleted = -1

export class Overlay {
  static readonly memoryBytes = arenaEnd * wordBytes

  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  readonly #secret: HashSecret
  /** Known to the thread that inserts. */
  #used = arenaAt

  constructor(memory: SharedArrayBuffer, secret: HashSecret) {
    this.#words = new Int32Array(memory)
    this.#bytes = new Uint8Array(memory)
    this.#secret = secret
  }

  /** Rows that were inserted, whether they are visible or not. */
  get rows(): number {
    return Atomics.load(this.#words, 0)
  }

  /** What an overlay takes at most for these changes, in bytes. */
  static bytesFor(changes: readonly RowChange[]): number {
    let words = changes.length * (rowHeaderWords + versionHeaderWords)
    for (const { key, value } of changes) {
      words += wordsFor(key.length) + wordsFor(value?.length ?? 0)
    }
    return words * wordBytes
  }

  hasRoomFor(changes: readonly RowChange[]): boolean {
    return (
      this.#used + Overlay.bytesFor(changes) / wordBytes <= arenaEnd &&
      this.rows + changes.length <= limits.overlayRowsMax
    )
  }

  /** From 0, empty, to 1. */
  get fullness(): number {
    const bytes = (this.#used - arenaAt) / (arenaEnd - arenaAt)
    return Math.max(bytes, this.rows / limits.overlayRowsMax)
  }

  /** There must be room for it. `key` is the change's. */
  insert(key: RowKey, value: Uint8Array | null, commitNumber: number): void {
    const words = this.#words
    const hash = key.hash(this.#secret)
    const slot = this.#slotOf(key, hash)
    const row = (words[slot] as number) || this.#insertRow(key, hash, slot)
    const at = this.#used
    words[at] = commitNumber
    words[at + 1] = words[row + 2] as number
    words[at + 2] = value === null ? deleted : value.length
    if (value !== null) this.#bytes.set(value, (at + versionHeaderWords) * wordBytes)
    this.#used = at + versionHeaderWords + wordsFor(value?.length ?? 0)
    Atomics.store(words, row + 2, at)
  }

  #insertRow(key: RowKey, hash: number, slot: number): RowOffset {
    const words = this.#words
    const row = this.#used
    words[row] = hash
    words[row + 1] = key.bytes
    words[row + 2] = 0
    const blocks = wordsFor(key.bytes)
    for (let i = 0; i < blocks; i++) words[row + rowHeaderWords + i] = key.words[i] as number
    this.#used = row + rowHeaderWords + blocks
    Atomics.store(words, slot, row)
    const { rows } = this
    words[rowsAt + rows] = row
    Atomics.store(words, 0, rows + 1)
    return row
  }

  find(key: RowKey): RowOffset | undefined {
    const row = Atomics.load(this.#words, this.#slotOf(key, key.hash(this.#secret)))
    return row === 0 ? undefined : row
  }

  /** The slot that holds the key, or the empty one where it would be. */
  #slotOf(key: RowKey, hash: number): number {
    const words = this.#words
    for (let probe = hash; ; probe++) {
      const slot = tableAt + (probe & (tableSlots - 1))
      const row = Atomics.load(words, slot)
      if (row === 0) return slot
      if (words[row] === hash && isSameKey(this.keyOf(row), key)) return slot
    }
  }

  /** The row that came as number `index`. */
  rowAt(index: number): RowOffset {
    return this.#words[rowsAt + index] as number
  }

  keyOf(row: RowOffset): KeyWords {
    return {
      words: this.#words,
      at: row + rowHeaderWords,
      bytes: this.#words[row + 1] as number,
    }
  }

  copyKey(row: RowOffset): Uint8Array {
    const { at, bytes } = this.keyOf(row)
    return this.#view(at, bytes).slice()
  }

  /**
   * The row's value as of a commit, not copied; null where that deleted it, undefined where the row
   * is younger.
   */
  valueOf(row: RowOffset, visible: number): Uint8Array | null | undefined {
    const words = this.#words
    let version = Atomics.load(words, row + 2)
    while (version !== 0 && ((visible - (words[version] as number)) | 0) < 0) {
      version = words[version + 1] as number
    }
    if (version === 0) return undefined
    const bytes = words[version + 2] as number
    return bytes === deleted ? null : this.#view(version + versionHeaderWords, bytes)
  }

  #view(at: number, bytes: number): Uint8Array {
    const start = at * wordBytes
    return this.#bytes.subarray(start, start + bytes)
  }

  /** Nobody may be reading it. */
  clear(): void {
    this.#words.fill(0, 0, rowsAt)
    this.#used = arenaAt
  }
}
