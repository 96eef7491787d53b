/**
 * Records: what is stored under a key. The same bytes lie in every region that holds a copy: a
 * follower stores what the home sent, checksum included, so that the checksum made at the home
 * covers the whole way, disks and wires.
 *
 * Layout: checksum u64 | format u8 | flags u8 | term u64 | seq u64 | feed u32 | expiresAt u64 |
 * media type length u8 | media type | value. The checksum is xxHash64 of all that follows it,
 * seeded with xxHash64 of the key, so that a record under a wrong key is damaged too.
 */
import { assert } from '../model/assert.ts'
import { fromUtf8, utf8 } from '../model/bytes.ts'
import { DenizenError } from '../model/errors.ts'
import type { Hasher } from '../model/hash.ts'
import { limits } from '../model/limits.ts'
import type { FeedNumber } from '../model/position.ts'
import type { Version } from '../model/version.ts'
import { readU53, viewOf, writeU53 } from './rows.ts'

export interface StoredRecord {
  readonly version: Version
  /** The feed that took this version; `version.seq` is its position there. */
  readonly feed: FeedNumber
  /** A deleted key: kept so that every copy learns of the deletion. Its value is empty. */
  readonly tombstone: boolean
  readonly mediaType: string
  readonly value: Uint8Array
}

const FORMAT = 1
const FLAG_TOMBSTONE = 1
const HEADER_BYTES = 39

export function encodeRecord(hasher: Hasher, key: string, record: StoredRecord): Uint8Array {
  const mediaType = utf8(record.mediaType)
  assert(mediaType.length <= limits.mediaTypeBytesMax, 'the media type was checked on the way in')
  const bytes = new Uint8Array(HEADER_BYTES + mediaType.length + record.value.length)
  const view = viewOf(bytes)
  view.setUint8(8, FORMAT)
  view.setUint8(9, record.tombstone ? FLAG_TOMBSTONE : 0)
  writeU53(view, 10, record.version.term)
  writeU53(view, 18, record.version.seq)
  view.setUint32(26, record.feed)
  writeU53(view, 30, 0)
  view.setUint8(38, mediaType.length)
  bytes.set(mediaType, HEADER_BYTES)
  bytes.set(record.value, HEADER_BYTES + mediaType.length)
  view.setBigUint64(0, checksum(hasher, key, bytes))
  return bytes
}

/** Reads a record's bytes. Throws `damaged_record` when they are not what was written. */
export function decodeRecord(hasher: Hasher, key: string, bytes: Uint8Array): StoredRecord {
  if (bytes.length < HEADER_BYTES) throw damaged('a record is shorter than its header')
  const view = viewOf(bytes)
  if (view.getBigUint64(0) !== checksum(hasher, key, bytes)) {
    throw damaged('a record does not match its checksum')
  }
  if (view.getUint8(8) !== FORMAT) throw damaged(`a record has format ${view.getUint8(8)}`)
  const valueAt = HEADER_BYTES + view.getUint8(38)
  return {
    version: { term: readU53(view, 10), seq: readU53(view, 18) },
    feed: view.getUint32(26),
    tombstone: (view.getUint8(9) & FLAG_TOMBSTONE) !== 0,
    mediaType: fromUtf8(bytes.subarray(HEADER_BYTES, valueAt)),
    value: bytes.subarray(valueAt),
  }
}

/** The stored checksum: what digests add up. */
export const recordChecksum = (bytes: Uint8Array): bigint => viewOf(bytes).getBigUint64(0)

/** Looks at the flag alone, for bytes whose checksum has been verified already. */
export const isTombstone = (bytes: Uint8Array): boolean =>
  (viewOf(bytes).getUint8(9) & FLAG_TOMBSTONE) !== 0

const checksum = (hasher: Hasher, key: string, bytes: Uint8Array): bigint =>
  hasher.h64(bytes.subarray(8), hasher.h64(utf8(key)))

const damaged = (detail: string): DenizenError => new DenizenError('damaged_record', detail)
