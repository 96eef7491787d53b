/**
 * Writes CBOR straight into one buffer: what replies are made of, objects and arrays of texts and
 * small integers, with values among them that are encoded already. Everything else is left to
 * `encodeCbor`, and the bytes are the same. Measured on results of batches (five members, 500 a
 * body): 4 times as fast as `encodeCbor`, which copies before it writes.
 */
import { assert } from '../model/assert.ts'
import { limits } from '../model/limits.ts'
import { encodeCbor } from './cbor.ts'
import { EncodedCbor } from './encoded-cbor.ts'
import { GrowingBytes } from './growing-bytes.ts'

const FIRST_BYTES = 4 * 1024
/** Initial byte and an argument of 32 bits. */
const HEAD_BYTES_MAX = 5
/** Up to here a loop over the units is faster than TextEncoder. */
const SHORT_TEXT_UNITS = 64

const NULL = Uint8Array.of(0xf6)
const TRUE = Uint8Array.of(0xf5)
const FALSE = Uint8Array.of(0xf4)

const QUOTE = 0x22
const DOT = 0x2e
const ZERO = 0x30

const encoder = new TextEncoder()

/** As `encodeCbor`, and takes `EncodedCbor` as a value or member. Throws as it does. */
export function writeCbor(value: unknown): Uint8Array {
  const writer = new CborWriter()
  writer.item(value)
  return writer.take()
}

/** For those who know the form of what they write, item by item and head by head. */
export class CborWriter {
  readonly #bytes: GrowingBytes

  /** The first size in bytes; it grows beyond. */
  constructor(firstBytes = FIRST_BYTES) {
    this.#bytes = new GrowingBytes(firstBytes)
  }

  /** A copy of all that was written, which is forgotten. */
  take(): Uint8Array {
    return this.#bytes.take()
  }

  get length(): number {
    return this.#bytes.length
  }

  /** Forgets what was written. */
  clear(): void {
    this.#bytes.clear()
  }

  /** Bytes that are encoded already. */
  encoded(bytes: Uint8Array): void {
    this.#bytes.push(bytes)
  }

  /** So many items follow. */
  arrayHead(length: number): void {
    this.#head(0x80, length)
  }

  byteString(bytes: Uint8Array): void {
    this.#head(0x40, bytes.length)
    this.#bytes.push(bytes)
  }

  /** The text `"<a>.<b>"`, quotes included, of two non-negative safe integers: most ETags. */
  quotedPair(a: number, b: number): void {
    const digits = digitsOf(a)
    const length = digits + digitsOf(b) + 3
    this.#head(0x60, length)
    const buffer = this.#bytes.buffer(length)
    const at = this.#bytes.length
    buffer[at] = QUOTE
    writeDecimal(buffer, at + 1 + digits, a)
    buffer[at + 1 + digits] = DOT
    writeDecimal(buffer, at + length - 1, b)
    buffer[at + length - 1] = QUOTE
    this.#bytes.advance(length)
  }

  item(value: unknown, depth = 0): void {
    assert(depth <= limits.messageDepthMax, 'a value to encode is nested too deep, or in a circle')
    if (typeof value === 'string') this.#text(value)
    else if (typeof value === 'number' && isShortInteger(value)) this.#head(0x00, value)
    else if (value === null) this.#bytes.push(NULL)
    else if (typeof value === 'boolean') this.#bytes.push(value ? TRUE : FALSE)
    else if (value instanceof EncodedCbor) this.#bytes.push(value.bytes)
    else if (value instanceof Uint8Array) this.byteString(value)
    else if (Array.isArray(value)) this.#array(value, depth)
    else if (isPlain(value)) this.#map(value, depth)
    else this.#bytes.push(encodeCbor(value))
  }

  #head(major: number, argument: number): void {
    const buffer = this.#bytes.buffer(HEAD_BYTES_MAX)
    const at = this.#bytes.length
    if (argument < 24) {
      buffer[at] = major | argument
      this.#bytes.advance(1)
    } else if (argument < 2 ** 8) {
      buffer[at] = major | 24
      buffer[at + 1] = argument
      this.#bytes.advance(2)
    } else if (argument < 2 ** 16) {
      buffer[at] = major | 25
      buffer[at + 1] = argument >>> 8
      buffer[at + 2] = argument
      this.#bytes.advance(3)
    } else {
      buffer[at] = major | 26
      new DataView(buffer.buffer).setUint32(at + 1, argument)
      this.#bytes.advance(5)
    }
  }

  #text(text: string): void {
    if (text.length > SHORT_TEXT_UNITS || !this.#shortAscii(text)) this.#longText(text)
  }

  /** False where there is something beyond ASCII: then nothing was written. */
  #shortAscii(text: string): boolean {
    const { length } = text
    const start = this.#bytes.length
    const buffer = this.#bytes.buffer(HEAD_BYTES_MAX + length)
    const from = start + (length < 24 ? 1 : 2)
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 0x7f) return false
      buffer[from + i] = unit
    }
    this.#head(0x60, length)
    this.#bytes.advance(length)
    return true
  }

  #longText(text: string): void {
    if (!text.isWellFormed()) {
      // It says what is wrong with it.
      this.#bytes.push(encodeCbor(text))
      return
    }
    const bytes = encoder.encode(text)
    this.#head(0x60, bytes.length)
    this.#bytes.push(bytes)
  }

  #array(items: readonly unknown[], depth: number): void {
    this.arrayHead(items.length)
    for (const item of items) this.item(item, depth + 1)
  }

  #map(map: Readonly<Record<string, unknown>>, depth: number): void {
    const names = Object.keys(map)
    let count = 0
    for (const name of names) if (map[name] !== undefined) count++
    this.#head(0xa0, count)
    for (const name of names) {
      const member = map[name]
      if (member === undefined) continue
      assert(name !== '__proto__', 'no object to encode has the key __proto__')
      this.#text(name)
      this.item(member, depth + 1)
    }
  }
}

const isShortInteger = (value: number): boolean =>
  Number.isInteger(value) && value >= 0 && value < 2 ** 32

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function digitsOf(value: number): number {
  let digits = 1
  for (let bound = 10; value >= bound; bound *= 10) digits += 1
  return digits
}

/** Writes the digits so that they end before `end`. */
function writeDecimal(buffer: Uint8Array, end: number, value: number): void {
  let at = end
  let left = value
  // Beyond 31 bits a division is slow: it is done once for nine digits.
  while (left > 0x7fffffff) {
    const high = Math.floor(left / 1e9)
    let low = left - high * 1e9
    for (let i = 0; i < 9; i++) {
      const next = (low / 10) | 0
      buffer[--at] = ZERO + low - next * 10
      low = next
    }
    left = high
  }
  do {
    const next = (left / 10) | 0
    buffer[--at] = ZERO + left - next * 10
    left = next
  } while (left > 0)
}
