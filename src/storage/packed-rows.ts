/**
 * Changes of rows in one piece of memory, in the order in which they were made: of two changes of
 * one row the later counts. This is the payload of an entry of the log, byte for byte:
 *
 *   key bytes u32 | value bytes u32, or 2^32 - 1 to delete | key | value
 *
 * so that a commit is written from where its rows were made, and none of them is an object of its
 * own: making and collecting those cost more than all the rest of a small write.
 */
import { assert } from '../model/assert.ts'
import { limits } from '../model/limits.ts'
import type { Changes, RowChange } from './engine.ts'
import { readU32, writeU32 } from './rows.ts'

/** Left free before the first row, for what the log writes there. */
export const rowsStart = 24

const changeHeaderBytes = 8
export const deletedBytes = 2 ** 32 - 1
const initialBytes = 64 * 1024
/** Memory beyond this is given up with the rows that needed it. */
const keptBytesMax = 1024 * 1024
/** What a row of an overlay takes beside its key and value, in words. */
const overlayHeaderWords = 6

const wordsOf = (bytes: number): number => (bytes + 3) >>> 2

export class PackedRows implements Changes {
  #bytes = Buffer.allocUnsafeSlow(initialBytes)
  #end = rowsStart
  #length = 0
  #words = 0
  /** Where rows begin that no store has had before: see `putNew`. */
  #newRows: number[] = []

  static of(changes: Changes): PackedRows {
    if (changes instanceof PackedRows) return changes
    const rows = new PackedRows()
    rows.refill(changes)
    return rows
  }

  /** With these in place of what it has. */
  refill(changes: Iterable<RowChange>): void {
    this.clear()
    for (const { key, value } of changes) this.append(key, value)
  }

  /** Another one after rows were added. */
  get bytes(): Buffer {
    return this.#bytes
  }

  /** Where the rows end. */
  get end(): number {
    return this.#end
  }

  get length(): number {
    return this.#length
  }

  /** The bytes that an overlay takes for them at most. */
  get overlayBytes(): number {
    return 4 * this.#words
  }

  clear(): void {
    if (this.#bytes.length > keptBytesMax) this.#bytes = Buffer.allocUnsafeSlow(initialBytes)
    this.#end = rowsStart
    this.#length = 0
    this.#words = 0
    this.#newRows = []
  }

  append(key: Uint8Array, value: Uint8Array | null): void {
    const at = this.begin(key.length + (value?.length ?? 0))
    this.#bytes.set(key, at)
    if (value === null) {
      this.delete(at + key.length)
      return
    }
    this.#bytes.set(value, at + key.length)
    this.put(at + key.length, at + key.length + value.length)
  }

  /**
   * Makes room for a row of so many bytes. Returns where its key goes: whoever calls writes it to
   * `bytes` there, its value right after it, and ends the row with `put` or `delete`.
   */
  begin(keyAndValueBytes: number): number {
    const at = this.#end + changeHeaderBytes
    // The log fills up its entries to eight bytes.
    if (at + keyAndValueBytes + 8 > this.#bytes.length) this.#grow(at + keyAndValueBytes + 8)
    return at
  }

  put(valueAt: number, end: number): void {
    this.#add(valueAt, end, end - valueAt)
  }

  /**
   * As `put`, of a key that this store has never had. It makes no difference to what is read, and
   * saves work where the row is deleted before it has come to LMDB.
   */
  putNew(valueAt: number, end: number): void {
    this.#newRows.push(this.#end)
    this.put(valueAt, end)
  }

  /** Where the rows of `putNew` begin, in order. */
  get newRows(): readonly number[] {
    return this.#newRows
  }

  delete(keyEnd: number): void {
    this.#add(keyEnd, keyEnd, deletedBytes)
  }

  #add(keyEnd: number, end: number, valueBytes: number): void {
    const keyBytes = keyEnd - this.#end - changeHeaderBytes
    assert(keyBytes > 0 && keyBytes <= limits.rowKeyBytesMax, 'a row has a key of permitted length')
    writeU32(this.#bytes, this.#end, keyBytes)
    writeU32(this.#bytes, this.#end + 4, valueBytes)
    this.#end = end
    this.#length += 1
    this.#words += overlayHeaderWords + wordsOf(keyBytes) + wordsOf(end - keyEnd)
  }

  #grow(bytes: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(bytes, 2 * this.#bytes.length))
    this.#bytes.copy(grown, 0, 0, this.#end)
    this.#bytes = grown
  }

  /** Forgets the rows from `end` on: an `end` of before. */
  truncate(end: number): void {
    for (let at = end; at < this.#end; at = this.after(at)) {
      this.#length -= 1
      this.#words -= overlayHeaderWords + wordsOf(this.keyBytes(at)) + wordsOf(this.valueBytes(at))
    }
    this.#end = end
    while ((this.#newRows.at(-1) ?? -1) >= end) this.#newRows.pop()
  }

  /** Rows by where they begin: the first at `rowsStart`, the last before `end`. */
  after(at: number): number {
    return at + changeHeaderBytes + this.keyBytes(at) + this.valueBytes(at)
  }

  keyAt(at: number): number {
    return at + changeHeaderBytes
  }

  keyBytes(at: number): number {
    return readU32(this.#bytes, at)
  }

  isDeletion(at: number): boolean {
    return readU32(this.#bytes, at + 4) === deletedBytes
  }

  /** 0 of a deletion. */
  valueBytes(at: number): number {
    const bytes = readU32(this.#bytes, at + 4)
    return bytes === deletedBytes ? 0 : bytes
  }

  /** Shows the memory, until rows are added. */
  value(at: number): Uint8Array | null {
    if (this.isDeletion(at)) return null
    const valueAt = this.keyAt(at) + this.keyBytes(at)
    return view(this.#bytes, valueAt, this.valueBytes(at))
  }

  /** Rows that show the memory, until rows are added. */
  *[Symbol.iterator](): IterableIterator<RowChange> {
    for (let at = rowsStart; at < this.#end; at = this.after(at)) {
      yield { key: view(this.#bytes, this.keyAt(at), this.keyBytes(at)), value: this.value(at) }
    }
  }
}

const view = ({ buffer, byteOffset }: Buffer, at: number, bytes: number): Uint8Array =>
  new Uint8Array(buffer, byteOffset + at, bytes)
