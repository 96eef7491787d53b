/**
 * Bytes that come in pieces, in one buffer that doubles: a list of pieces of one byte each would
 * cost a hundred times its size.
 */
export class GrowingBytes {
  #buffer: Uint8Array
  #length = 0

  /** The first size in bytes; it grows beyond. */
  constructor(firstBytes: number) {
    this.#buffer = new Uint8Array(firstBytes)
  }

  get length(): number {
    return this.#length
  }

  push(piece: Uint8Array): void {
    this.buffer(piece.length).set(piece, this.#length)
    this.#length += piece.length
  }

  /** The buffer with room for so many bytes behind `length`: write there, then `advance`. */
  buffer(room: number): Uint8Array {
    const needed = this.#length + room
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(this.#buffer.length * 2, needed))
      grown.set(this.#buffer.subarray(0, this.#length))
      this.#buffer = grown
    }
    return this.#buffer
  }

  advance(count: number): void {
    this.#length += count
  }

  /** A copy of all bytes so far, which are forgotten. */
  take(): Uint8Array {
    const bytes = this.#buffer.slice(0, this.#length)
    this.clear()
    return bytes
  }

  clear(): void {
    this.#length = 0
  }
}
