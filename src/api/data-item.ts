/**
 * Values inside bodies: a data item of the body's own form, or else `type` and `bytes`, where bytes
 * are base64url in JSON and a byte string in CBOR.
 */
import { utf8 } from '../model/bytes.ts'
import { DenizenError } from '../model/errors.ts'
import { encodeCbor, isWellFormedCbor } from '../protocol/cbor.ts'
import { EncodedCbor } from '../protocol/encoded-cbor.ts'
import { type Format, formatOf, formatTypes, tryDecode } from './media-type.ts'

/** JSON holds it without loss: no byte strings, no big integers, no NaN. Dates become text. */
export function isExactInJson(item: unknown): boolean {
  if (typeof item === 'number') return Number.isFinite(item)
  if (typeof item === 'string' || typeof item === 'boolean' || item === null) return true
  if (item instanceof Date) return true
  return everyMember(item, isExactInJson)
}

/**
 * What JSON.parse made of the text is what it said. Integers beyond 2⁵³ have lost digits by then,
 * and numbers beyond the doubles have become infinite: such values are sent only as they were put.
 */
export function isExactFromJson(item: unknown): boolean {
  if (typeof item === 'number') {
    return Number.isFinite(item) && (!Number.isInteger(item) || Number.isSafeInteger(item))
  }
  if (typeof item !== 'object' || item === null) return true
  return everyMember(item, isExactFromJson)
}

function everyMember(item: unknown, holds: (member: unknown) => boolean): boolean {
  if (typeof item !== 'object' || item === null || item instanceof Uint8Array) return false
  return Object.values(item).every(holds)
}

export interface StoredValue {
  readonly mediaType: string
  readonly bytes: Uint8Array
}

/** A data item of a body as the value to store. Throws `bad_body`. */
export function valueFromItem(item: unknown, format: Format): StoredValue {
  if (format === 'cbor') {
    const bytes = item instanceof EncodedCbor ? item.bytes : encodeCbor(item)
    return { mediaType: formatTypes.cbor, bytes }
  }
  if (!isExactFromJson(item)) {
    throw new DenizenError(
      'bad_body',
      'a number is too large to be copied exactly: PUT the value by itself, or send CBOR',
    )
  }
  return { mediaType: formatTypes.json, bytes: utf8(JSON.stringify(item)) }
}

/** `bytes` of a body: base64url in JSON, a byte string in CBOR. Throws `bad_body`. */
export function bytesFromItem(item: string | Uint8Array, format: Format): Uint8Array {
  if (format === 'cbor') {
    if (item instanceof Uint8Array) return item
    throw new DenizenError('bad_body', 'in CBOR, bytes is a byte string')
  }
  if (typeof item === 'string') return fromBase64Url(item)
  throw new DenizenError('bad_body', 'in JSON, bytes is base64url')
}

export interface ItemMembers {
  readonly value?: unknown
  readonly bytes?: string | Uint8Array
}

/** A stored value as members of a body: `value` where the body's form can hold it, else `bytes`. */
export function itemFromValue(stored: StoredValue, format: Format): ItemMembers {
  const storedFormat = formatOf(stored.mediaType)
  if (storedFormat === 'cbor' && format === 'cbor' && isWellFormedCbor(stored.bytes)) {
    return { value: new EncodedCbor(stored.bytes) }
  }
  const decoded = storedFormat && tryDecode(storedFormat, stored.bytes)
  if (decoded) {
    const { item } = decoded
    const exact = storedFormat === 'json' ? isExactFromJson(item) : isExactInJson(item)
    if (exact) return { value: item }
  }
  return bytesMember(stored.bytes, format)
}

export const bytesMember = (bytes: Uint8Array, format: Format): ItemMembers => ({
  bytes: format === 'cbor' ? bytes : toBase64Url(bytes),
})

const toBase64Url = (bytes: Uint8Array): string =>
  bytes.toBase64({ alphabet: 'base64url', omitPadding: true })

function fromBase64Url(text: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(text, { alphabet: 'base64url' })
  } catch {
    throw new DenizenError('bad_body', 'bytes is not base64url')
  }
}
