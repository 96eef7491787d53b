/** HMAC-SHA-256 under one key, at once: a turn of the event loop costs more than the hash. */
import { createHmac, createSecretKey } from 'node:crypto'

/** `hexKey`: 32 bytes, hexadecimal. Gives base64url. */
export function hmacSha256(hexKey: string): (text: string) => string {
  const key = createSecretKey(hexKey, 'hex')
  return text => createHmac('sha256', key).update(text).digest('base64url')
}
