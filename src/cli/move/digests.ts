/**
 * Digests of what was copied. That of a group goes into the receipt: SHA-256 over its records in
 * key order, of each the key without the prefix of its partition, the media type and the value,
 * each behind its length in bytes (u32, big-endian).
 */
import { createHash, type Hash } from 'node:crypto'
import { utf8 } from '../../model/bytes.ts'

export interface Content {
  /** The key without the prefix of its partition. */
  readonly rest: string
  readonly mediaType: string
  readonly bytes: Uint8Array
}

function add(hash: Hash, { rest, mediaType, bytes }: Content): void {
  for (const part of [utf8(rest), utf8(mediaType), bytes]) {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(part.length)
    hash.update(length).update(part)
  }
}

/** Of one record, salted: it stands in a file, and is to say nothing of a short value. */
export function recordDigest(salt: string, content: Content): string {
  const hash = createHash('sha256').update(salt)
  add(hash, content)
  return hash.digest('base64url')
}

export class GroupDigest {
  records = 0
  /** Of the values. */
  bytes = 0
  readonly #hash = createHash('sha256')

  add(content: Content): void {
    this.records += 1
    this.bytes += content.bytes.length
    add(this.#hash, content)
  }

  /** Once, at the end. */
  end(): { readonly records: number; readonly bytes: number; readonly digest: string } {
    return { records: this.records, bytes: this.bytes, digest: this.#hash.digest('hex') }
  }
}

/** Of texts: names a move without telling of what. */
export const nameOf = (...texts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(texts)).digest('hex')
