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

/** Where a key lies. */
export interface KeyWords {
  readonly words: Int32Array
  readonly at: number
  readonly bytes: number
}

/** One that is used again and again: loading a key replaces the one before. */
export class RowKey implements KeyWords {
  readonly words = new Int32Array(wordsFor(limits.rowKeyBytesMax))
  readonly at = 0
  bytes = 0
  readonly #bytes = new Uint8Array(this.words.buffer)

  load(key: Uint8Array): this {
    this.words[wordsFor(key.length) - 1] = 0
    this.#bytes.set(key)
    this.bytes = key.length
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

/** Orders keys by their bytes, as `compareBytes` does. */
export function compareKeys(a: KeyWords, b: KeyWords): number {
  const shared = wordsFor(Math.min(a.bytes, b.bytes))
  for (let i = 0; i < shared; i++) {
    const one = a.words[a.at + i] as number
    const other = b.words[b.at + i] as number
    if (one !== other) return inByteOrder(one) - inByteOrder(other)
  }
  return a.bytes - b.bytes
}

export function isSameKey(a: KeyWords, b: KeyWords): boolean {
  if (a.bytes !== b.bytes) return false
  const blocks = wordsFor(a.bytes)
  for (let i = 0; i < blocks; i++) if (a.words[a.at + i] !== b.words[b.at + i]) return false
  return true
}

/** The word as a number whose first byte counts most. */
function inByteOrder(word: number): number {
  if (!isLittleEndian) return word >>> 0
  const swapped =
    (word << 24) | ((word << 8) & 0xff0000) | ((word >>> 8) & 0xff00) | ((word >>> 24) & 0xff)
  return swapped >>> 0
}
