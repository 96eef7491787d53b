/** Accept (RFC 9110, section 12.5.1), and the form in which a stored value is sent. */
import { type Accept, parseAccept } from 'hono/utils/accept'
import { utf8 } from '../model/bytes.ts'
import { DenizenError } from '../model/errors.ts'
import { encodeCbor } from '../protocol/cbor.ts'
import { isExactFromJson, isExactInJson } from './data-item.ts'
import { essenceOf, type Format, formatOf, formatTypes, tryDecode } from './media-type.ts'

export interface Representation {
  readonly bytes: Uint8Array
  readonly mediaType: string
  /** Ends the ETag of a transcoded value, so that the two forms are never confused. */
  readonly suffix: '' | '-j' | '-c'
}

/** How welcome a type is, 0 to 1. The most specific range decides; no Accept welcomes all. */
function quality(ranges: readonly Accept[], essence: string): number {
  if (ranges.length === 0) return 1
  let best = { specificity: 0, q: 0 }
  for (const { type, q } of ranges) {
    const specificity = specificityOf(type.toLowerCase(), essence)
    const better = specificity === best.specificity && q > best.q
    if (specificity > best.specificity || better) best = { specificity, q }
  }
  return best.specificity === 0 ? 0 : best.q
}

function specificityOf(range: string, essence: string): number {
  if (range === essence) return 3
  if (range === '*/*' || range === '*') return 1
  return range.endsWith('/*') && essence.startsWith(range.slice(0, -1)) ? 2 : 0
}

const rangesOf = (accept: string | undefined): readonly Accept[] =>
  accept === undefined ? [] : parseAccept(accept)

export const qualityOf = (accept: string | undefined, essence: string): number =>
  quality(rangesOf(accept), essence)

/** The form of a structured reply: JSON unless CBOR is more welcome. */
export function preferredFormat(accept: string | undefined): Format {
  if (accept === undefined || accept === '*/*') return 'json'
  const ranges = rangesOf(accept)
  const json = quality(ranges, formatTypes.json)
  return quality(ranges, formatTypes.cbor) > json ? 'cbor' : 'json'
}

/** The same for problem details; who names only their own types gets those. */
export function problemFormat(accept: string | undefined): Format {
  if (accept === undefined || accept === '*/*') return 'json'
  const ranges = rangesOf(accept)
  const welcome = (format: Format): number =>
    Math.max(quality(ranges, `application/problem+${format}`), quality(ranges, formatTypes[format]))
  return welcome('cbor') > welcome('json') ? 'cbor' : 'json'
}

/**
 * A stored value as Accept wants it: as it was put wherever that is welcome, else transcoded from
 * JSON to CBOR or back. Throws `not_acceptable`.
 */
export function represent(
  mediaType: string,
  bytes: Uint8Array,
  accept: string | undefined,
): Representation {
  const asStored: Representation = { bytes, mediaType, suffix: '' }
  if (accept === undefined || accept === '*/*') return asStored
  const ranges = rangesOf(accept)
  const storedQuality = quality(ranges, essenceOf(mediaType))
  const stored = formatOf(mediaType)
  const other = stored === 'json' ? 'cbor' : 'json'
  const otherQuality = stored === undefined ? 0 : quality(ranges, formatTypes[other])
  if (stored !== undefined && otherQuality > storedQuality) {
    const transcoded = transcode(stored, bytes)
    if (transcoded) return transcoded
  }
  if (storedQuality > 0) return asStored
  throw new DenizenError(
    'not_acceptable',
    'the value is of a type that Accept leaves out, and can not be written in one that it names',
    { extra: { mediaType } },
  )
}

/** Undefined where the other form can't hold the value as it is. */
function transcode(stored: Format, bytes: Uint8Array): Representation | undefined {
  const decoded = tryDecode(stored, bytes)
  if (!decoded) return undefined
  const { item } = decoded
  if (stored === 'json') {
    if (!isExactFromJson(item)) return undefined
    return { bytes: encodeCbor(item), mediaType: formatTypes.cbor, suffix: '-c' }
  }
  if (!isExactInJson(item)) return undefined
  return { bytes: utf8(JSON.stringify(item)), mediaType: formatTypes.json, suffix: '-j' }
}
