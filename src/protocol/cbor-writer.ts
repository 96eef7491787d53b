/** The writer behind `encodeCbor`; cbor.ts says what it takes. */
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'

const encoder = new TextEncoder()
const SHORT_TEXT = 48
/** Most messages fit; a larger one makes its own buffer, which is dropped with it. */
const SCRATCH_BYTES = 64 * 1024
const scratch = new Uint8Array(SCRATCH_BYTES)

/** Encodes one value. The turn is never left meanwhile, so that writers share the scratch buffer. */
export class CborWriter {
  readonly #depthMax: number
  #bytes: Uint8Array = scratch
  #view = new DataView(scratch.buffer)
  #at = 0

  constructor(depthMax: number) {
    this.#depthMax = depthMax
  }

  encode(value: unknown): Uint8Array {
    this.#item(value, 0)
    return this.#bytes.slice(0, this.#at)
  }

  #item(value: unknown, depth: number): void {
    assert(depth <= this.#depthMax, 'a value to encode is nested too deep, or in a circle')
    if (typeof value === 'string') this.#text(value)
    else if (typeof value === 'number') this.#number(value)
    else if (typeof value === 'boolean') this.#byte(value ? 0xf5 : 0xf4)
    else if (value === null) this.#byte(0xf6)
    else if (value === undefined) this.#byte(0xf7)
    else if (typeof value === 'bigint') this.#bigint(value)
    else if (typeof value === 'object') this.#object(value, depth)
    else assert(false, `CBOR has no ${typeof value}`)
  }

  #object(value: object, depth: number): void {
    if (Array.isArray(value)) {
      this.#header(4, value.length)
      for (let i = 0; i < value.length; i++) this.#item(value[i], depth + 1)
    } else if (value instanceof Uint8Array) {
      this.#header(2, value.length)
      this.#reserve(value.length)
      this.#bytes.set(value, this.#at)
      this.#at += value.length
    } else if (value instanceof Date) {
      assert(!Number.isNaN(value.getTime()), 'a date to encode is valid')
      this.#byte(0xc1)
      this.#number(value.getTime() / 1000)
    } else {
      this.#map(value, depth)
    }
  }

  #map(value: object, depth: number): void {
    const prototype: unknown = Object.getPrototypeOf(value)
    assert(prototype === Object.prototype || prototype === null, 'only plain objects are encoded')
    const entries = Object.entries(value).filter(([, member]) => member !== undefined)
    this.#header(5, entries.length)
    for (const [key, member] of entries) {
      this.#text(key)
      this.#item(member, depth + 1)
    }
  }

  #number(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) this.#float(value)
    else if (value >= 0) this.#header(0, value)
    else this.#header(1, -1 - value)
  }

  #float(value: number): void {
    this.#reserve(9)
    this.#bytes[this.#at] = 0xfb
    this.#view.setFloat64(this.#at + 1, value)
    this.#at += 9
  }

  #bigint(value: bigint): void {
    const argument = value < 0n ? -1n - value : value
    if (argument >= 1n << 64n) {
      throw new DenizenError('bad_body', 'an integer needs more than 64 bits')
    }
    const major = value < 0n ? 1 : 0
    if (argument <= Number.MAX_SAFE_INTEGER) {
      this.#header(major, Number(argument))
      return
    }
    this.#reserve(9)
    this.#bytes[this.#at] = (major << 5) | 27
    this.#view.setBigUint64(this.#at + 1, argument)
    this.#at += 9
  }

  #text(text: string): void {
    if (text.length < SHORT_TEXT && this.#ascii(text)) return
    if (!text.isWellFormed()) {
      throw new DenizenError('bad_body', 'a text holds half of a surrogate pair')
    }
    // The header's size depends on the length, known only afterwards: guess it, then correct.
    this.#reserve(9 + text.length * 3)
    const guess = headerBytes(text.length)
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(this.#at + guess))
    const actual = headerBytes(written)
    if (actual !== guess) {
      this.#bytes.copyWithin(this.#at + actual, this.#at + guess, this.#at + guess + written)
    }
    this.#header(3, written)
    this.#at += written
  }

  #ascii(text: string): boolean {
    this.#reserve(2 + text.length)
    const from = this.#at + headerBytes(text.length)
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 0x7f) return false
      this.#bytes[from + i] = unit
    }
    this.#header(3, text.length)
    this.#at += text.length
    return true
  }

  #byte(byte: number): void {
    this.#reserve(1)
    this.#bytes[this.#at] = byte
    this.#at += 1
  }

  /** A major type with its argument, in the shortest form. */
  #header(major: number, argument: number): void {
    this.#reserve(9)
    const at = this.#at
    const size = headerBytes(argument)
    const info = size === 1 ? argument : 24 + Math.log2(size - 1)
    this.#bytes[at] = (major << 5) | info
    if (size === 2) this.#bytes[at + 1] = argument
    else if (size === 3) this.#view.setUint16(at + 1, argument)
    else if (size === 5) this.#view.setUint32(at + 1, argument)
    else if (size === 9) {
      this.#view.setUint32(at + 1, Math.floor(argument / 2 ** 32))
      this.#view.setUint32(at + 5, argument >>> 0)
    }
    this.#at = at + size
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + bytes))
    larger.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = larger
    this.#view = new DataView(larger.buffer)
  }
}

function headerBytes(argument: number): 1 | 2 | 3 | 5 | 9 {
  if (argument < 24) return 1
  if (argument < 2 ** 8) return 2
  if (argument < 2 ** 16) return 3
  return argument < 2 ** 32 ? 5 : 9
}
