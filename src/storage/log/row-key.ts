/**
 * A row key as overlays compare it: in words of four bytes, the last one padded with zeros. Whole
 * words are compared at once; padding keeps the order of bytes, because keys whose words are the
 * same differ by length alone.
 */
import { limits } from '../../model/limits.ts'

/** The secret of a hash: two words. */
export type HashSecret = readonly [number, number]

const isLittleEndian = new Uint8Array(Int32Array.of(1).buffer)[0] === 1

export const wordsFor = (bytes: number): number => (bytes + 3) >>> 2

/** One that is used again and again: loading a key replaces the one before. */
export class RowKey {
  readonly words = new Int32Array(wordsFor(limits.rowKeyBytesMax))
  bytes = 0
  readonly #bytes = new Uint8Array(this.words.buffer)

  load(key: Uint8Array): this {
    this.words[wordsFor(key.length) - 1] = 0
    this.#bytes.set(key)
    this.bytes = key.length
    return this
  }

  /** The same of a key that lies among other bytes. */
  loadFrom(bytes: Uint8Array, at: number, length: number): this {
    this.words[wordsFor(length) - 1] = 0
    for (let i = 0; i < length; i++) this.#bytes[i] = bytes[at + i] as number
    this.bytes = length
    return this
  }

  /**
   * HalfSipHash-1-3 (Aumasson and Bernstein), over padded words: clients choose keys, and must not
   * be able to choose many of one hash.
   */
  hash([first, second]: HashSecret): number {
    const { words, bytes } = this
    const blocks = wordsFor(bytes)
    let v0 = first
    let v1 = second
    let v2 = 0x6c796765 ^ first
    let v3 = 0x74656462 ^ second
    // One round for each block, one for the length, three to finish.
    for (let i = 0; i < blocks + 4; i++) {
      const block = i < blocks ? (words[i] as number) : i === blocks ? bytes : 0
      if (i === blocks + 1) v2 ^= 0xff
      v3 ^= block
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
      v0 ^= block
    }
    return v1 ^ v3
  }
}

/**
 * Orders keys by their bytes, as `compareBytes` does: each is so many bytes of `words`, from a
 * number of a word on.
 */
export function compareKeys(
  words: Int32Array,
  at: number,
  bytes: number,
  otherWords: Int32Array,
  otherAt: number,
  otherBytes: number,
): number {
  const shared = wordsFor(Math.min(bytes, otherBytes))
  for (let i = 0; i < shared; i++) {
    const one = words[at + i] as number
    const other = otherWords[otherAt + i] as number
    if (one !== other) return inByteOrder(one) - inByteOrder(other)
  }
  return bytes - otherBytes
}

/** The word as a number whose first byte counts most. */
function inByteOrder(word: number): number {
  if (!isLittleEndian) return word >>> 0
  const swapped =
    (word << 24) | ((word << 8) & 0xff0000) | ((word >>> 8) & 0xff00) | ((word >>> 24) & 0xff)
  return swapped >>> 0
}
