/**
 * CBOR (RFC 8949), the form of everything between nodes and of bodies that are not JSON.
 *
 * Reading is one strict pass that checks and builds at once, so it takes linear time and memory
 * whatever strangers send: a library decoder would need a second scan in front of it (bignums in
 * quadratic time, last duplicate key wins, bad UTF-8 accepted), and its encoder emits invalid UTF-8
 * for half a surrogate pair, which the strict reader of the other node would have to refuse.
 *
 * | CBOR | JavaScript |
 * |---|---|
 * | integer | number where it is safe, else bigint; written in the shortest form |
 * | float 16, 32, 64 | number; written as float 64 |
 * | byte string | `Uint8Array`, a view of the input |
 * | text string | string |
 * | array | array |
 * | map with text or integer keys | plain object; integer keys become decimal text |
 * | false, true, null, undefined | the same; members that are undefined are not written |
 * | tag 0, tag 1 | Date; written as tag 1, whole milliseconds |
 * | tag 55799 | what it holds: it only says "this is CBOR" |
 *
 * Refused: every other tag, other simple values, other map keys, duplicate keys, `__proto__` as a
 * key, malformed UTF-8, nesting beyond a limit, lengths beyond the input, bytes after the item.
 * Indefinite lengths are read like the others.
 */
import { DenizenError } from '../model/errors.ts'
import { limits } from '../model/limits.ts'
import { CborReader } from './cbor-reader.ts'
import { CborWriter } from './cbor-writer.ts'

/**
 * Encodes a value of the table above into bytes that belong to the caller. Throws `bad_body` for
 * what CBOR text or integers can't hold; a value of another type is a bug and fails an assertion.
 */
export function encodeCbor(value: unknown): Uint8Array {
  return new CborWriter(limits.messageDepthMax).encode(value)
}

export interface DecodeOptions {
  /** Nesting of arrays, maps and tags. Default: limits.cborDepthMax, which is for bodies. */
  readonly depthMax?: number
}

/**
 * Decodes one item that fills `bytes`. Throws `bad_body` with the offset and what is wrong there,
 * never with content. Byte strings are views of `bytes`: copy what outlives it.
 */
export function decodeCbor(bytes: Uint8Array, options: DecodeOptions = {}): unknown {
  return new CborReader(bytes, options.depthMax ?? limits.cborDepthMax).readAll()
}

/** Whether `decodeCbor` takes the bytes: not every tag that RFC 8949 calls well-formed does. */
export function isWellFormedCbor(bytes: Uint8Array): boolean {
  try {
    decodeCbor(bytes)
    return true
  } catch (error) {
    if (error instanceof DenizenError) return false
    throw error
  }
}
