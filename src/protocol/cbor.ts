/**
 * CBOR (RFC 8949), the form of everything between nodes and of bodies that are not JSON.
 *
 * cbor-x reads and writes it. Strangers' bytes pass `checkCbor` first; what is to be written is
 * asserted and copied into forms that cbor-x writes as the table says. Against one pass of our own
 * that checked and built at once, this runs at 0.6 of the speed (six fields, batches of 500).
 *
 * | CBOR | JavaScript |
 * |---|---|
 * | integer | number where it is safe, else bigint; written in the shortest form |
 * | float 16, 32, 64 | number; written as float 64, but −0 as the integer 0 |
 * | byte string | `Uint8Array`, a view of the input or of a copy of it |
 * | text string | string |
 * | array | array |
 * | map with text or integer keys | plain object; integer keys become decimal text |
 * | false, true, null, undefined | the same; members that are undefined are not written |
 * | tag 0, tag 1 | Date; written as tag 1, whole milliseconds |
 * | tag 55799 | what it holds: it only says "this is CBOR" |
 *
 * Refused: every other tag, other simple values, other map keys, duplicate keys, `__proto__` as a
 * key, malformed UTF-8, nesting beyond a limit, lengths beyond the input, bytes after the item;
 * and what cbor-x can't do: strings of indefinite length (arrays and maps may be), texts
 * with a length of 64 bits (its native reader loses its place), −2^64, and undefined in tag 55799.
 */
import { Decoder, Encoder, isNativeAccelerationEnabled } from 'cbor-x'
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import { limits } from '../model/limits.ts'
import { checkCbor, type MarkedText } from './cbor-check.ts'

/** Of a text with a length of 32 bits. */
const HEADER_AND_MARK = 8

const libraryOptions = {
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  tagUint8Array: false,
}
const encoder = new Encoder({ ...libraryOptions })
/** Gives all integers of 64 bits out as numbers. */
const decoder = new Decoder({ ...libraryOptions, ...{ int64AsNumber: true } })
/** Gives all integers of 64 bits out as bigints. */
const wideDecoder = new Decoder({ ...libraryOptions })

/**
 * Encodes a value of the table above into bytes that belong to the caller. Throws `bad_body` for
 * what CBOR text or integers can't hold; a value of another type is a bug and fails an assertion.
 */
export function encodeCbor(value: unknown): Uint8Array {
  return new Uint8Array(encoder.encode(writable(value, 0)))
}

export interface DecodeOptions {
  /** Nesting of arrays, maps and tags. Default: limits.cborDepthMax, which is for bodies. */
  readonly depthMax?: number
}

/**
 * Decodes one item that fills `bytes`. Throws `bad_body` with the offset and what is wrong there,
 * never with content. Byte strings may be views of `bytes`: copy what outlives it.
 */
export function decodeCbor(bytes: Uint8Array, options: DecodeOptions = {}): unknown {
  // A plain view: of a Node Buffer, subarray() would give Buffers out as byte strings.
  let input: Uint8Array = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const found = checkCbor(input, options.depthMax ?? limits.cborDepthMax)
  if (found.unsafeIntegers) input = withFloats(input, found.safeIntegersAt)
  // The extension that reads strings natively keeps byte order marks.
  if (!isNativeAccelerationEnabled) input = withSecondMarks(input, found.markedTexts)
  return (found.unsafeIntegers ? wideDecoder : decoder).decode(input)
}

/** Whether `decodeCbor` takes the bytes: not every tag that RFC 8949 calls well-formed does. */
export function isWellFormedCbor(bytes: Uint8Array): boolean {
  try {
    checkCbor(bytes, limits.cborDepthMax)
    return true
  } catch (error) {
    if (error instanceof DenizenError) return false
    throw error
  }
}

/** cbor-x writes integers beyond 32 bits as floats, unless they are bigints. */
const writableNumber = (value: number): number | bigint =>
  Number.isSafeInteger(value) && (value >= 2 ** 32 || value < -(2 ** 32)) ? BigInt(value) : value

/** It writes all bigints in 64 bits, and those that need more as bignums. */
function writableBigint(value: bigint): number | bigint {
  if (value >= 2n ** 64n || value <= -(2n ** 64n)) {
    throw new DenizenError('bad_body', 'an integer needs more than 64 bits')
  }
  return value >= -(2n ** 32n) && value < 2n ** 32n ? Number(value) : value
}

function writableText(value: string): string {
  if (value.isWellFormed()) return value
  throw new DenizenError('bad_body', 'a text holds half of a surrogate pair')
}

/** A copy as cbor-x is to write it. Copying all measured as fast as copying what must change. */
function writable(value: unknown, depth: number): unknown {
  assert(depth <= limits.messageDepthMax, 'a value to encode is nested too deep, or in a circle')
  if (typeof value === 'string') return writableText(value)
  if (typeof value === 'number') return writableNumber(value)
  if (typeof value === 'bigint') return writableBigint(value)
  if (typeof value === 'boolean' || value === null || value === undefined) return value
  assert(typeof value === 'object', `CBOR has no ${typeof value}`)
  if (value instanceof Uint8Array) return value
  if (Array.isArray(value)) return value.map(item => writable(item, depth + 1))
  if (value instanceof Date) {
    assert(!Number.isNaN(value.getTime()), 'a date to encode is valid')
    return value
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  assert(prototype === Object.prototype || prototype === null, 'only plain objects are encoded')
  return writableMap(value, depth)
}

function writableMap(map: object, depth: number): object {
  const result: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(map)) {
    assert(writableText(key) !== '__proto__', 'no object to encode has the key __proto__')
    if (member !== undefined) result[key] = writable(member, depth + 1)
  }
  return result
}

/** Turns integers of 64 bits into floats, which are as long and come out as numbers. */
function withFloats(bytes: Uint8Array, integersAt: readonly number[]): Uint8Array {
  const copy = bytes.slice()
  const view = new DataView(copy.buffer)
  for (const at of integersAt) {
    const argument = Number(view.getBigUint64(at + 1))
    view.setFloat64(at + 1, copy[at] === 0x1b ? argument : -1 - argument)
    copy[at] = 0xfb
  }
  return copy
}

/** Puts a second byte order mark into each of the texts, as cbor-x's own reader drops one. */
function withSecondMarks(bytes: Uint8Array, texts: readonly MarkedText[]): Uint8Array {
  if (texts.length === 0) return bytes
  const grown = texts.reduce((sum, { start, from }) => sum + HEADER_AND_MARK - (from - start), 0)
  const result = new Uint8Array(bytes.length + grown)
  const view = new DataView(result.buffer)
  let at = 0
  let done = 0
  for (const { start, from, length } of texts) {
    result.set(bytes.subarray(done, start), at)
    at += start - done
    result.set([0x7a, 0, 0, 0, 0, 0xef, 0xbb, 0xbf], at)
    view.setUint32(at + 1, length + 3)
    at += HEADER_AND_MARK
    done = from
  }
  result.set(bytes.subarray(done), at)
  return result
}
