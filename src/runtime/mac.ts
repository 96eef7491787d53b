/** HMAC-SHA-256 under one key, at once: a turn of the event loop costs more than the hash. */
import { createHmac, createSecretKey } from 'node:crypto'

/** Texts in each of the two halves of the memory, and their length: about 2 MiB in all. */
const REMEMBERED_MAX = 8_192
const REMEMBERED_LENGTH_MAX = 64

/**
 * `hexKey`: 32 bytes, hexadecimal. Gives base64url. The MACs of short texts are remembered for a
 * while, because those of hot keys are asked for again and again, and making one takes a tenth of
 * a GET.
 */
export function hmacSha256(hexKey: string): (text: string) => string {
  const key = createSecretKey(hexKey, 'hex')
  let young = new Map<string, string>()
  let old = young
  return text => {
    const known = young.get(text) ?? old.get(text)
    if (known !== undefined) return known
    const mac = createHmac('sha256', key).update(text).digest('base64url')
    if (text.length > REMEMBERED_LENGTH_MAX) return mac
    if (young.size >= REMEMBERED_MAX) {
      old = young
      young = new Map()
    }
    young.set(text, mac)
    return mac
  }
}

/** A key of its own for another purpose. Both are 32 bytes, hexadecimal. */
export const derivedKey = (hexKey: string, purpose: string): string =>
  createHmac('sha256', createSecretKey(hexKey, 'hex')).update(`key ${purpose}`).digest('hex')
