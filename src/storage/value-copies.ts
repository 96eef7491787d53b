/**
 * Copies of values that are read together, many in one piece of memory: an array buffer for each
 * costs the collector of garbage more than all else that a read of a short value does. What is
 * copied stays in memory as long as anything beside it: it is for values that go together too.
 */
const pieceBytes = 16 * 1024
/** Larger ones have memory of their own. */
const sharedBytesMax = 1024

export class ValueCopies {
  #piece = new Uint8Array()
  #used = 0

  copy(value: Uint8Array): Uint8Array {
    const { length } = value
    if (length > sharedBytesMax) return value.slice()
    if (this.#used + length > this.#piece.length) {
      this.#piece = new Uint8Array(pieceBytes)
      this.#used = 0
    }
    const from = this.#used
    this.#used += length
    this.#piece.set(value, from)
    return this.#piece.subarray(from, this.#used)
  }
}
