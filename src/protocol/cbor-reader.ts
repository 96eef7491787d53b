/** The strict reader behind `decodeCbor`; cbor.ts says what it takes. */
import { concatBytes, fromUtf8 } from '../model/bytes.ts'
import { DenizenError } from '../model/errors.ts'

const INDEFINITE = 31
const BREAK = 0xff
/** Shorter texts are decoded here: a call of TextDecoder costs more than they do. */
const SHORT_TEXT = 48
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/

export class CborReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #depthMax: number
  #at = 0

  constructor(bytes: Uint8Array, depthMax: number) {
    // A plain view: of a Node Buffer, subarray() would give Buffers out as byte strings.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#depthMax = depthMax
  }

  readAll(): unknown {
    const value = this.#item(0)
    if (this.#at !== this.#bytes.length) this.#fail('bytes follow the item')
    return value
  }

  #item(depth: number): unknown {
    const start = this.#at
    if (depth > this.#depthMax) this.#fail('nested too deep')
    const initial = this.#take(1)
    const info = initial & 0x1f
    switch (initial >> 5) {
      case 0:
        return this.#argument(info, start)
      case 1:
        return negative(this.#argument(info, start))
      case 2:
        return this.#byteString(info, start)
      case 3:
        return this.#text(info, start)
      case 4:
        return this.#array(info, start, depth)
      case 5:
        return this.#map(info, start, depth)
      case 6:
        return this.#tagged(info, start, depth)
      default:
        return this.#simple(info, start)
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

  /** A length in `unit`s of at least one byte each, so that no header can claim what is not there. */
  #length(info: number, start: number, unitBytes: number): number {
    const length = Number(this.#argument(info, start))
    if (length * unitBytes > this.#bytes.length - this.#at) {
      this.#fail('a length reaches beyond the input', start)
    }
    return length
  }

  #slice(length: number): Uint8Array {
    const from = this.#at
    this.#at = from + length
    return this.#bytes.subarray(from, this.#at)
  }

  #byteString(info: number, start: number): Uint8Array {
    if (info !== INDEFINITE) return this.#slice(this.#length(info, start, 1))
    return concatBytes(...this.#chunks(2, (chunkInfo, at) => this.#byteString(chunkInfo, at)))
  }

  #text(info: number, start: number): string {
    if (info === INDEFINITE) {
      return this.#chunks(3, (chunkInfo, at) => this.#text(chunkInfo, at)).join('')
    }
    const length = this.#length(info, start, 1)
    return (length < SHORT_TEXT ? this.#ascii(length) : undefined) ?? this.#utf8(length, start)
  }

  #ascii(length: number): string | undefined {
    let text = ''
    const end = this.#at + length
    for (let i = this.#at; i < end; i++) {
      const byte = this.#bytes[i] as number
      if (byte > 0x7f) return undefined
      text += String.fromCharCode(byte)
    }
    this.#at = end
    return text
  }

  #utf8(length: number, start: number): string {
    try {
      return fromUtf8(this.#slice(length))
    } catch {
      return this.#fail('a text is not UTF-8', start)
    }
  }

  /** The definite chunks of an indefinite string, each complete in itself (RFC 8949, 3.2.3). */
  #chunks<T>(major: number, read: (info: number, start: number) => T): T[] {
    const chunks: T[] = []
    while (!this.#takeBreak()) {
      const start = this.#at
      const initial = this.#take(1)
      if (initial >> 5 !== major || (initial & 0x1f) === INDEFINITE) {
        this.#fail('an indefinite string holds something else than its chunks', start)
      }
      chunks.push(read(initial & 0x1f, start))
    }
    return chunks
  }

  #takeBreak(): boolean {
    if (this.#bytes[this.#at] !== BREAK) return false
    this.#at += 1
    return true
  }

  #array(info: number, start: number, depth: number): unknown[] {
    const items: unknown[] = []
    if (info === INDEFINITE) {
      while (!this.#takeBreak()) items.push(this.#item(depth + 1))
      return items
    }
    const length = this.#length(info, start, 1)
    for (let i = 0; i < length; i++) items.push(this.#item(depth + 1))
    return items
  }

  #map(info: number, start: number, depth: number): Record<string, unknown> {
    const map: Record<string, unknown> = {}
    if (info === INDEFINITE) {
      while (!this.#takeBreak()) this.#member(map, depth)
      return map
    }
    const length = this.#length(info, start, 2)
    for (let i = 0; i < length; i++) this.#member(map, depth)
    return map
  }

  #member(map: Record<string, unknown>, depth: number): void {
    const start = this.#at
    const key = this.#key()
    if (key === '__proto__') this.#fail('a map has the key __proto__', start)
    if (Object.hasOwn(map, key)) this.#fail('a map has the same key twice', start)
    map[key] = this.#item(depth + 1)
  }

  #key(): string {
    const start = this.#at
    const initial = this.#take(1)
    const info = initial & 0x1f
    switch (initial >> 5) {
      case 0:
        return String(this.#argument(info, start))
      case 1:
        return String(negative(this.#argument(info, start)))
      case 3:
        return this.#text(info, start)
      default:
        return this.#fail('a map key is neither text nor an integer', start)
    }
  }

  #tagged(info: number, start: number, depth: number): unknown {
    const tag = this.#argument(info, start)
    // Decided before the content is read: a refused tag costs nothing, however long it is.
    if (tag !== 0 && tag !== 1 && tag !== 55_799) this.#fail('a tag that is not taken', start)
    const content = this.#item(depth + 1)
    if (tag === 55_799) return content
    const date = tag === 0 ? dateOfText(content) : dateOfSeconds(content)
    return date && !Number.isNaN(date.getTime()) ? date : this.#fail('not a date', start)
  }

  #simple(info: number, start: number): unknown {
    switch (info) {
      case 20:
        return false
      case 21:
        return true
      case 22:
        return null
      case 23:
        return undefined
      case 25:
        return float16(this.#take(2))
      case 26:
        this.#take(4)
        return this.#view.getFloat32(start + 1)
      case 27:
        this.#take(4)
        this.#take(4)
        return this.#view.getFloat64(start + 1)
      case INDEFINITE:
        return this.#fail('a break outside of an indefinite item', start)
      default:
        return this.#fail('a simple value that is not taken', start)
    }
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

/** IEEE 754 half precision (RFC 8949, appendix D). */
function float16(bits: number): number {
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  const sign = bits & 0x8000 ? -1 : 1
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return sign * (1024 + fraction) * 2 ** (exponent - 25)
}

const dateOfText = (content: unknown): Date | undefined =>
  typeof content === 'string' && DATE_TIME.test(content) ? new Date(content) : undefined

const dateOfSeconds = (content: unknown): Date | undefined =>
  typeof content === 'number' ? new Date(Math.round(content * 1000)) : undefined
