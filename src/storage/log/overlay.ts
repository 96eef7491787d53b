/**
 * An overlay: rows that are durable in the log and not yet in LMDB, in memory that all threads of
 * the process share. One thread inserts; others find rows at the same time without a lock.
 *
 * The memory is an array of words of four bytes: the number of rows; a table of open addressing,
 * from a key's hash to its row; the rows in the order in which they came; and an arena that is only
 * ever appended to, which holds
 *
 *   rows       hash | key bytes, and a bit for rows born here | newest version | key, padded
 *   versions   commit number, its lower 32 bits | older version | value bytes, or -1 | value
 *
 * A row or version is written whole before the one word that leads to it. Readers know the last
 * commit that is visible, and step over versions that are younger.
 */
import { limits } from '../../model/limits.ts'
import { type PackedRows, rowsStart } from '../packed-rows.ts'
import { compareKeys, type HashSecret, type RowKey, wordsFor } from './row-key.ts'

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
export const hintCount = 256
const deleted = -1
/** Beside the bytes of a key: LMDB can't have this row but from here. */
const bornHere = 2 ** 30

export class Overlay {
  static readonly memoryBytes = arenaEnd * wordBytes

  readonly #words: Int32Array
  readonly #bytes: Buffer
  readonly #secret: HashSecret
  /** Known to the thread that inserts. */
  #used = arenaAt

  constructor(memory: SharedArrayBuffer, secret: HashSecret) {
    this.#words = new Int32Array(memory)
    this.#bytes = Buffer.from(memory)
    this.#secret = secret
  }

  /** Rows that were inserted, whether they are visible or not. */
  get rows(): number {
    return Atomics.load(this.#words, 0)
  }

  hasRoomFor(changes: PackedRows): boolean {
    return (
      this.#used + changes.overlayBytes / wordBytes <= arenaEnd &&
      this.rows + changes.length <= limits.overlayRowsMax
    )
  }

  /** From 0, empty, to 1. */
  get fullness(): number {
    const bytes = (this.#used - arenaAt) / (arenaEnd - arenaAt)
    return Math.max(bytes, this.rows / limits.overlayRowsMax)
  }

  /** There must be room for them. */
  insert(changes: PackedRows, commitNumber: number, key: RowKey): void {
    const { bytes, end, newRows } = changes
    let nextNew = 0
    for (let at = rowsStart; at < end; at = changes.after(at)) {
      const keyAt = changes.keyAt(at)
      const keyBytes = changes.keyBytes(at)
      const isNew = newRows[nextNew] === at
      if (isNew) nextNew += 1
      const row = this.#rowOf(key.loadFrom(bytes, keyAt, keyBytes), isNew)
      if (changes.isDeletion(at)) this.#addVersion(row, commitNumber, bytes, 0, deleted)
      else this.#addVersion(row, commitNumber, bytes, keyAt + keyBytes, changes.valueBytes(at))
    }
  }

  /** The row of a key, new where there is none. */
  #rowOf(key: RowKey, isNew: boolean): RowOffset {
    const hash = key.hash(this.#secret)
    const slot = this.#slotOf(key, hash)
    return (this.#words[slot] as number) || this.#insertRow(key, hash, slot, isNew)
  }

  #addVersion(row: RowOffset, commitNumber: number, from: Buffer, valueAt: number, bytes: number) {
    const words = this.#words
    const at = this.#used
    words[at] = commitNumber
    words[at + 1] = words[row + 2] as number
    words[at + 2] = bytes
    const end = at + versionHeaderWords
    if (bytes > 0) from.copy(this.#bytes, end * wordBytes, valueAt, valueAt + bytes)
    this.#used = end + wordsFor(Math.max(0, bytes))
    Atomics.store(words, row + 2, at)
  }

  #insertRow(key: RowKey, hash: number, slot: number, isNew: boolean): RowOffset {
    const words = this.#words
    const row = this.#used
    words[row] = hash
    words[row + 1] = isNew ? key.bytes | bornHere : key.bytes
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
      if (words[row] === hash && this.#hasKey(row, key)) return slot
    }
  }

  /** The row that came as number `index`. */
  rowAt(index: number): RowOffset {
    return this.#words[rowsAt + index] as number
  }

  #hasKey(row: RowOffset, key: RowKey): boolean {
    const words = this.#words
    const { bytes, words: keyWords } = key
    if (this.#keyBytesOf(row) !== bytes) return false
    const at = row + rowHeaderWords
    const blocks = wordsFor(bytes)
    for (let i = 0; i < blocks; i++) if (words[at + i] !== keyWords[i]) return false
    return true
  }

  /** Below `hintCount`, the same for all entries of a feed: made of the first bytes of a key. */
  hintOf(row: RowOffset): number {
    const words = this.#words
    const at = row + rowHeaderWords
    // The second word of a shorter key is a word of a version, which does no harm.
    const mixed = Math.imul(words[at] as number, 0x9e3779b1) ^ (words[at + 1] as number)
    return Math.imul(mixed, 0x85ebca6b) >>> 24
  }

  /** How the row's key compares with another: below 0 where it comes first. */
  compare(row: RowOffset, { words, bytes }: RowKey): number {
    const own = this.#words
    return compareKeys(own, row + rowHeaderWords, this.#keyBytesOf(row), words, 0, bytes)
  }

  /** The same of two rows. */
  compareRows(one: RowOffset, other: RowOffset): number {
    const words = this.#words
    const [at, otherAt] = [one + rowHeaderWords, other + rowHeaderWords]
    return compareKeys(words, at, this.#keyBytesOf(one), words, otherAt, this.#keyBytesOf(other))
  }

  copyKey(row: RowOffset): Uint8Array {
    return this.#view(row + rowHeaderWords, this.#keyBytesOf(row)).slice()
  }

  #keyBytesOf(row: RowOffset): number {
    return (this.#words[row + 1] as number) & ~bornHere
  }

  /**
   * Appends what LMDB is to have of a row, as of a commit: nothing where the row is younger, or has
   * both come and gone since LMDB was last written.
   */
  appendTo(rows: PackedRows, row: RowOffset, visible: number): void {
    const version = this.#versionOf(row, visible)
    if (version === 0) return
    const words = this.#words
    const valueBytes = words[version + 2] as number
    if (valueBytes === deleted && ((words[row + 1] as number) & bornHere) !== 0) return
    const keyBytes = this.#keyBytesOf(row)
    const at = rows.begin(keyBytes + Math.max(0, valueBytes))
    const keyEnd = at + keyBytes
    this.#copyInto(rows.bytes, at, row + rowHeaderWords, keyBytes)
    if (valueBytes === deleted) {
      rows.delete(keyEnd)
      return
    }
    this.#copyInto(rows.bytes, keyEnd, version + versionHeaderWords, valueBytes)
    rows.put(keyEnd, keyEnd + valueBytes)
  }

  #copyInto(to: Buffer, toAt: number, at: number, bytes: number): void {
    if (bytes > 0) this.#bytes.copy(to, toAt, at * wordBytes, at * wordBytes + bytes)
  }

  /**
   * The row's value as of a commit, not copied; null where that deleted it, undefined where the row
   * is younger.
   */
  valueOf(row: RowOffset, visible: number): Uint8Array | null | undefined {
    const version = this.#versionOf(row, visible)
    if (version === 0) return undefined
    const bytes = this.#words[version + 2] as number
    return bytes === deleted ? null : this.#view(version + versionHeaderWords, bytes)
  }

  /** The newest version that is not younger than a commit; 0 where there is none. */
  #versionOf(row: RowOffset, visible: number): number {
    const words = this.#words
    let version = Atomics.load(words, row + 2)
    while (version !== 0 && ((visible - (words[version] as number)) | 0) < 0) {
      version = words[version + 1] as number
    }
    return version
  }

  #view(at: number, bytes: number): Uint8Array {
    const start = at * wordBytes
    return new Uint8Array(this.#words.buffer, start, bytes)
  }

  /** Nobody may be reading it. */
  clear(): void {
    this.#words.fill(0, 0, rowsAt)
    this.#used = arenaAt
  }
}
