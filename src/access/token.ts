/**
 * Tokens: `dz_<id>_<secret>`. The id is public: files, lists and logs name a token by it. The
 * secret is 256 random bits in base64url; what is kept is its SHA-256, which needs neither salt nor
 * stretching, because nobody can guess what was never chosen. The prefix lets scanners of public
 * code find tokens that were committed by mistake.
 */
import { utf8 } from '../model/bytes.ts'
import type { Random } from '../runtime/random.ts'

export interface TokenParts {
  readonly id: string
  readonly secret: string
}

export interface NewToken {
  readonly id: string
  /** The whole text, to be shown once. */
  readonly token: string
  /** SHA-256 of the secret's text, in hex. */
  readonly hash: string
}

const SECRET_BYTES = 32
const ID_CHARACTERS = 12

/** A letter first, so that no YAML tool reads an id as a number. */
export const tokenIdPattern = /^[a-z][0-9a-z]{7,31}$/

const tokenPattern = /^dz_([a-z][0-9a-z]{7,31})_([A-Za-z0-9_-]{43})$/

/** `undefined` for what is no token, such as a JWT. */
export function parseToken(text: string): TokenParts | undefined {
  const [, id, secret] = tokenPattern.exec(text) ?? []
  return id === undefined || secret === undefined ? undefined : { id, secret }
}

export async function createToken(random: Random): Promise<NewToken> {
  const [first = 0, ...rest] = random.bytes(ID_CHARACTERS)
  const id =
    ((first & 15) + 10).toString(36) +
    rest
      .map(byte => byte & 31)
      .map(digit)
      .join('')
  const secret = random.bytes(SECRET_BYTES).toBase64({ alphabet: 'base64url', omitPadding: true })
  return { id, token: `dz_${id}_${secret}`, hash: await hashSecret(secret) }
}

const digit = (value: number): string => value.toString(32)

/** SHA-256 of the secret's text, in hex, as `printf %s SECRET | sha256sum` shows it. */
export async function hashSecret(secret: string): Promise<string> {
  const bytes = new Uint8Array(utf8(secret))
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)).toHex()
}

/** Compares two hashes in a time that does not tell where they differ. */
export function sameHash(a: string, b: string): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}
