/**
 * JSON (RFC 8259), read strictly: what `JSON.parse` takes, less duplicate names (it keeps the
 * last), `__proto__` as a name, deep nesting, malformed UTF-8, and halves of surrogate pairs, which
 * no UTF-8 can hold and CBOR therefore neither.
 */
import { fromUtf8, utf8Length } from '../model/bytes.ts'
import { DenizenError } from '../model/errors.ts'
import { limits } from '../model/limits.ts'

/** Throws `bad_body` with what is wrong and where, never with content. */
export function decodeJson(bytes: Uint8Array): unknown {
  const text = textOf(bytes)
  scan(text)
  try {
    return JSON.parse(text)
  } catch {
    // The error's text quotes the input, so it goes no further.
    throw new DenizenError('bad_body', 'JSON: malformed')
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes)
  } catch {
    throw new DenizenError('bad_body', 'JSON: not UTF-8')
  }
}

/** An open object with the names it has had, or an open array. */
interface Open {
  readonly names: Set<string> | null
  /** In an object: the next string is a name. */
  nameNext: boolean
}

/**
 * Walks the tokens that matter: brackets, commas, colons, strings. It takes some text that is not
 * JSON, which `JSON.parse` then refuses, and refuses nothing that is.
 */
function scan(text: string): void {
  const open: Open[] = []
  let top: Open | undefined
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: {
        const end = endOfString(text, at)
        checkString(text, at, end, top)
        at = end
        break
      }
      case 0x7b: // {
      case 0x5b: // [
        if (open.length >= limits.cborDepthMax) fail(text, at, 'nested too deep')
        top =
          text[at] === '{' ? { names: new Set(), nameNext: true } : { names: null, nameNext: false }
        open.push(top)
        break
      case 0x7d: // }
      case 0x5d: // ]
        open.pop()
        top = open.at(-1)
        break
      case 0x2c: // ,
        if (top?.names) top.nameNext = true
        break
      case 0x3a: // :
        if (top) top.nameNext = false
        break
    }
  }
}

/** The index of the closing quote, or of the text's last unit when there is none. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (at < text.length) {
    const unit = text.charCodeAt(at)
    if (unit === 0x22) return at
    at += unit === 0x5c ? 2 : 1
  }
  return text.length - 1
}

function checkString(text: string, start: number, end: number, top: Open | undefined): void {
  const token = text.slice(start + 1, end)
  const value = token.includes('\\') ? unescaped(token) : token
  if (!value.isWellFormed()) fail(text, start, 'a text holds half of a surrogate pair')
  if (!top?.names || !top.nameNext) return
  if (value === '__proto__') fail(text, start, 'an object has the name __proto__')
  if (top.names.has(value)) fail(text, start, 'an object has the same name twice')
  top.names.add(value)
}

/** A malformed escape leaves the token as it is: JSON.parse of the whole refuses it in its turn. */
function unescaped(token: string): string {
  try {
    const value: unknown = JSON.parse(`"${token}"`)
    return typeof value === 'string' ? value : token
  } catch {
    return token
  }
}

function fail(text: string, at: number, what: string): never {
  throw new DenizenError('bad_body', `JSON, byte ${utf8Length(text.slice(0, at))}: ${what}`)
}
