/**
 * The strict check in front of the CBOR library: one pass of linear time that builds nothing but
 * the keys of the open maps. cbor.ts says what is taken. cbor-x 1.6 alone would take quadratic time
 * for bignums, build RegExp and Error objects for tag 27, let the last of duplicate keys win and
 * replace malformed UTF-8.
 */
import { fromUtf8 } from '../model/bytes.ts'
import { DenizenError } from '../model/errors.ts'

const INDEFINITE = 31
const UNDEFINED = 0xf7
const BREAK = 0xff
/** Longer texts go through TextDecoder in cbor-x's own reader, which strips a byte order mark. */
const MARK_KEPT_BYTES = 64
const WIDEST = 2n ** 64n - 1n
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/

/** A text at `start` whose `length` bytes begin at `from`. */
export interface MarkedText {
  readonly start: number
  readonly from: number
  readonly length: number
}

/** What a decoder must know of well-formed bytes. Offsets are of initial bytes. */
export interface CborFindings {
  /** Whether an integer is there that no number holds. */
  readonly unsafeIntegers: boolean
  /** Integers of 64 bits that a number holds. */
  readonly safeIntegersAt: readonly number[]
  /** Long texts that begin with a byte order mark. */
  readonly markedTexts: readonly MarkedText[]
}

/** Throws `bad_body` with the offset and what is wrong there, never with content. */
export function checkCbor(bytes: Uint8Array, depthMax: number): CborFindings {
  const checker = new CborChecker(bytes, depthMax)
  checker.checkAll()
  return checker
}

/**
 * Checks items amid other bytes, one by one: of the item that begins at an offset, the offset
 * behind its end. Throws `bad_body` as `checkCbor` does.
 */
export function itemChecker(bytes: Uint8Array, depthMax: number): (at: number) => number {
  const checker = new CborChecker(bytes, depthMax)
  return at => checker.checkOne(at)
}

class CborChecker implements CborFindings {
  unsafeIntegers = false
  readonly safeIntegersAt: number[] = []
  readonly markedTexts: MarkedText[] = []
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #depthMax: number
  #at = 0

  constructor(bytes: Uint8Array, depthMax: number) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#depthMax = depthMax
  }

  checkAll(): void {
    this.#item(0)
    if (this.#at !== this.#bytes.length) this.#fail('bytes follow the item')
  }

  checkOne(at: number): number {
    this.#at = at
    this.#item(0)
    return this.#at
  }

  #item(depth: number): void {
    const start = this.#at
    if (depth > this.#depthMax) this.#fail('nested too deep')
    const initial = this.#take(1)
    const info = initial & 0x1f
    switch (initial >> 5) {
      case 0:
      case 1:
        this.#integer(initial, start)
        break
      case 2:
        this.#byteString(info, start)
        break
      case 3:
        this.#text(info, start)
        break
      case 4:
        this.#array(info, start, depth)
        break
      case 5:
        this.#map(info, start, depth)
        break
      case 6:
        this.#tagged(info, start, depth)
        break
      default:
        this.#simple(info, start)
    }
  }

  /** Reads one big-endian unsigned integer of 1, 2 or 4 bytes. */
  #take(size: 1 | 2 | 4): number {
    const at = this.#at
    if (at + size > this.#bytes.length) this.#fail('the input ends inside an item')
    this.#at = at + size
    if (size === 1) return this.#bytes[at] as number
    return size === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at)
  }

  #argument(info: number, start: number): number | bigint {
    if (info < 24) return info
    if (info === 24) return this.#take(1)
    if (info === 25) return this.#take(2)
    if (info === 26) return this.#take(4)
    if (info !== 27) this.#fail('a length is not allowed here', start)
    const high = this.#take(4)
    const low = this.#take(4)
    if (high < 2 ** 21) return high * 2 ** 32 + low
    return (BigInt(high) << 32n) | BigInt(low)
  }

  /** Notes what the decoder must know of it. */
  #integer(initial: number, start: number): number | bigint {
    const info = initial & 0x1f
    const argument = this.#argument(info, start)
    const value = initial < 0x20 ? argument : negative(argument)
    if (info !== 27) return value
    if (typeof value === 'number') this.safeIntegersAt.push(start)
    else this.unsafeIntegers = true
    // The library's encoder would make a bignum of it.
    if (value === -WIDEST - 1n) this.#fail('an integer below -18446744073709551615', start)
    return value
  }

  /** A length in units of at least one byte each, so that no header can claim what is not there. */
  #length(info: number, start: number, unitBytes: number): number {
    const length = Number(this.#argument(info, start))
    const isThere = length * unitBytes <= this.#bytes.length - this.#at
    if (!isThere) this.#fail('a length reaches beyond the input', start)
    return length
  }

  #stringLength(info: number, start: number): number {
    if (info === INDEFINITE) this.#fail('a string of indefinite length', start)
    return this.#length(info, start, 1)
  }

  #byteString(info: number, start: number): void {
    const length = this.#stringLength(info, start)
    this.#at += length
  }

  #text(info: number, start: number): void {
    if (info === 27) this.#fail('a text has a length of 64 bits', start)
    const length = this.#stringLength(info, start)
    const from = this.#at
    const end = from + length
    while (this.#at < end && (this.#bytes[this.#at] as number) < 0x80) this.#at++
    if (this.#at === end) return
    if (length > MARK_KEPT_BYTES && this.#hasMark(from))
      this.markedTexts.push({ start, from, length })
    this.#at = end
    this.#utf8(from, start)
  }

  #hasMark(at: number): boolean {
    const bytes = this.#bytes
    return bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf
  }

  #utf8(from: number, start: number): string {
    try {
      return fromUtf8(this.#bytes.subarray(from, this.#at))
    } catch {
      return this.#fail('a text is not UTF-8', start)
    }
  }

  #takeBreak(): boolean {
    if (this.#bytes[this.#at] !== BREAK) return false
    this.#at += 1
    return true
  }

  #array(info: number, start: number, depth: number): void {
    if (info === INDEFINITE) {
      while (!this.#takeBreak()) this.#item(depth + 1)
      return
    }
    const length = this.#length(info, start, 1)
    for (let i = 0; i < length; i++) this.#item(depth + 1)
  }

  #map(info: number, start: number, depth: number): void {
    const keys = new Set<string>()
    if (info === INDEFINITE) {
      while (!this.#takeBreak()) this.#member(keys, depth)
      return
    }
    const length = this.#length(info, start, 2)
    for (let i = 0; i < length; i++) this.#member(keys, depth)
  }

  #member(keys: Set<string>, depth: number): void {
    const start = this.#at
    const key = this.#key()
    if (key === '__proto__') this.#fail('a map has the key __proto__', start)
    if (keys.has(key)) this.#fail('a map has the same key twice', start)
    keys.add(key)
    this.#item(depth + 1)
  }

  #key(): string {
    const start = this.#at
    const initial = this.#take(1)
    const major = initial >> 5
    if (major < 2) return String(this.#integer(initial, start))
    if (major !== 3) this.#fail('a map key is neither text nor an integer', start)
    this.#text(initial & 0x1f, start)
    return this.#textFrom(start)
  }

  /** The text that was just checked. */
  #textFrom(start: number): string {
    const info = (this.#bytes[start] as number) & 0x1f
    const from = start + 1 + (info < 24 ? 0 : 2 ** (info - 24))
    let text = ''
    for (let i = from; i < this.#at; i++) {
      const byte = this.#bytes[i] as number
      if (byte > 0x7f) return this.#utf8(from, start)
      text += String.fromCharCode(byte)
    }
    return text
  }

  #tagged(info: number, start: number, depth: number): void {
    const tag = this.#argument(info, start)
    // Decided before the content is read: a refused tag costs nothing, however long it is.
    if (tag === 55_799) {
      if (this.#bytes[this.#at] === UNDEFINED) this.#fail('a tag around undefined', start)
      this.#item(depth + 1)
    } else if (tag === 0 || tag === 1) this.#date(tag, start, depth)
    else this.#fail('a tag that is not taken', start)
  }

  #date(tag: 0 | 1, start: number, depth: number): void {
    const from = this.#at
    this.#item(depth + 1)
    const date = tag === 0 ? this.#dateOfText(from) : this.#dateOfSeconds(from)
    if (!date || Number.isNaN(date.getTime())) this.#fail('not a date', start)
  }

  #dateOfText(from: number): Date | undefined {
    if ((this.#bytes[from] as number) >> 5 !== 3) return undefined
    const text = this.#textFrom(from)
    return DATE_TIME.test(text) ? new Date(text) : undefined
  }

  #dateOfSeconds(from: number): Date | undefined {
    const initial = this.#bytes[from] as number
    let seconds: number | undefined
    if (initial === 0xf9) seconds = this.#view.getFloat16(from + 1)
    else if (initial === 0xfa) seconds = this.#view.getFloat32(from + 1)
    else if (initial === 0xfb) seconds = this.#view.getFloat64(from + 1)
    else if (initial < 0x40) {
      const end = this.#at
      this.#at = from + 1
      seconds = Number(this.#argument(initial & 0x1f, from))
      this.#at = end
    }
    return seconds === undefined ? undefined : new Date(Math.round(seconds * 1000))
  }

  #simple(info: number, start: number): void {
    if (info >= 20 && info <= 23) return
    if (info === 25) this.#take(2)
    else if (info === 26) this.#take(4)
    else if (info === 27) {
      this.#take(4)
      this.#take(4)
    } else if (info === INDEFINITE) this.#fail('a break outside of an indefinite item', start)
    else this.#fail('a simple value that is not taken', start)
  }

  #fail(what: string, at: number = this.#at): never {
    throw new DenizenError('bad_body', `CBOR, byte ${at}: ${what}`)
  }
}

/** −1 − n, as a number where that is safe. */
function negative(argument: number | bigint): number | bigint {
  if (typeof argument === 'bigint') return -1n - argument
  return argument < Number.MAX_SAFE_INTEGER ? -1 - argument : -1n - BigInt(argument)
}
