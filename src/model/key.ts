/**
 * Keys: 1 to 1,024 bytes of UTF-8, ordered by bytes, in segments separated by `/`. Empty, `.` and
 * `..` segments are refused everywhere, because clients and proxies rewrite them on the way.
 */
import { fromUtf8, utf8, utf8Length } from './bytes.ts'
import { DenizenError } from './errors.ts'
import { limits } from './limits.ts'

declare const keyBrand: unique symbol
/** A text that has passed `parseKey`. */
export type Key = string & { readonly [keyBrand]: true }

/** Checks a key. Throws `bad_key`; the error never repeats the key. */
export function parseKey(text: string): Key {
  if (isPlainKey(text)) return text as Key
  if (text.length === 0) throw badKey('the key is empty')
  checkText(text, 'key')
  for (const segment of text.split('/')) {
    if (segment === '')
      throw badKey('the key has an empty segment: a leading, trailing or double /')
    if (isDotSegment(segment)) throw badKey('the key has a segment "." or ".."')
  }
  return text as Key
}

const SLASH = 0x2f
const DOT = 0x2e

/** True for most keys, in one pass: ASCII, and no dot or slash where a segment begins. */
function isPlainKey(text: string): boolean {
  const { length } = text
  if (length === 0 || length > limits.keyBytesMax) return false
  let before = SLASH
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i)
    if (unit > 0x7f || (before === SLASH && (unit === SLASH || unit === DOT))) return false
    before = unit
  }
  return before !== SLASH
}

/** Checks a key prefix: empty, or the beginning of a key. Throws `bad_key`. */
export function parseKeyPrefix(text: string): string {
  if (text === '') return text
  checkText(text, 'prefix')
  const segments = text.split('/')
  segments.forEach((segment, index) => {
    const last = index === segments.length - 1
    if (segment === '' && !last) throw badKey('the prefix has an empty segment')
    if (isDotSegment(segment) && !last) throw badKey('the prefix has a segment "." or ".."')
  })
  return text
}

/**
 * Decodes a key (or prefix) from the raw path of a request target: percent-decoding to bytes, once,
 * then strict UTF-8. `%2F` is `/`. Throws `bad_key`.
 */
export function decodePathText(raw: string): string {
  if (!raw.includes('%') && isAscii(raw)) return raw
  const bytes: number[] = []
  for (let i = 0; i < raw.length; i++) {
    if (raw[i] !== '%') {
      bytes.push(...utf8(String.fromCodePoint(raw.codePointAt(i) as number)))
      if ((raw.codePointAt(i) as number) > 0xffff) i += 1
      continue
    }
    const hex = raw.slice(i + 1, i + 3)
    if (!/^[0-9a-fA-F]{2}$/.test(hex)) throw badKey('the path has a % that is no percent-encoding')
    bytes.push(Number.parseInt(hex, 16))
    i += 2
  }
  try {
    return fromUtf8(Uint8Array.from(bytes))
  } catch {
    throw badKey('the path is not UTF-8')
  }
}

export const encodeKeyForPath = (key: string): string =>
  key.split('/').map(encodeURIComponent).join('/')

function checkText(text: string, what: string): void {
  if (!text.isWellFormed()) throw badKey(`the ${what} is not valid Unicode`)
  if (utf8Length(text) > limits.keyBytesMax) {
    throw badKey(`the ${what} is longer than ${limits.keyBytesMax} bytes`)
  }
}

const isDotSegment = (segment: string): boolean => segment === '.' || segment === '..'
// biome-ignore lint/suspicious/noControlCharactersInRegex: the whole of ASCII is meant
const isAscii = (text: string): boolean => /^[\x00-\x7f]*$/.test(text)
const badKey = (detail: string): DenizenError => new DenizenError('bad_key', detail)
