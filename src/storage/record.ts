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
import { fromUtf8, utf8Into } from '../model/bytes.ts'
import { DenizenError } from '../model/errors.ts'
import type { Hasher } from '../model/hash.ts'
import { limits } from '../model/limits.ts'
import type { FeedNumber } from '../model/position.ts'
import type { Version } from '../model/version.ts'
import { readU32, readU53, writeU32, writeU53 } from './rows.ts'

/** All of a record but its value. */
export interface RecordHead {
  readonly version: Version
  /** The feed that took this version; `version.seq` is its position there. */
  readonly feed: FeedNumber
  /** A deleted key: kept so that every copy learns of the deletion. Its value is empty. */
  readonly tombstone: boolean
  /** Other records have the same position: they were written by one transaction. */
  readonly shared: boolean
  /** Wall-clock ms of the home from which on the value is no longer returned; 0: never. */
  readonly expiresAtMs: number
}

/** A head whose record has been held against its checksum. */
export interface VerifiedHead extends RecordHead {
  readonly checksum: bigint
  readonly valueBytes: number
}

/** What a key holds, where a record that fails its checksum is one of the cases. */
export type HeldHead = VerifiedHead | typeof damagedHead

/** The version that a damaged record had is not known: it compares with no other. */
export const damagedHead = 'damaged'

/** What a key holds, as far as that can be read. */
export const soundHead = (held: HeldHead | undefined): VerifiedHead | undefined =>
  held === damagedHead ? undefined : held

export interface StoredRecord extends RecordHead {
  readonly mediaType: string
  readonly value: Uint8Array
}

const FORMAT = 1
const FLAG_TOMBSTONE = 1
const FLAG_SHARED = 2
const HEADER_BYTES = 39

export function encodeRecord(hasher: Hasher, key: string, record: StoredRecord): Uint8Array {
  const bytes = new Uint8Array(recordBytesMax(record))
  return bytes.slice(0, encodeRecordInto(bytes, 0, hasher, key, record))
}

/** What `encodeRecordInto` needs room for. */
export const recordBytesMax = ({ mediaType, value }: StoredRecord): number =>
  HEADER_BYTES + 3 * mediaType.length + value.length

/** Writes a record's bytes at an offset. Returns where they end. */
export function encodeRecordInto(
  bytes: Uint8Array,
  at: number,
  hasher: Hasher,
  key: string,
  { version, feed, tombstone, shared, expiresAtMs, mediaType, value }: StoredRecord,
): number {
  const valueAt = utf8Into(bytes, at + HEADER_BYTES, mediaType)
  const mediaTypeBytes = valueAt - at - HEADER_BYTES
  assert(mediaTypeBytes <= limits.mediaTypeBytesMax, 'the media type was checked on the way in')
  bytes[at + 8] = FORMAT
  bytes[at + 9] = (tombstone ? FLAG_TOMBSTONE : 0) | (shared ? FLAG_SHARED : 0)
  writeU53(bytes, at + 10, version.term)
  writeU53(bytes, at + 18, version.seq)
  writeU32(bytes, at + 26, feed)
  writeU53(bytes, at + 30, expiresAtMs)
  bytes[at + 38] = mediaTypeBytes
  bytes.set(value, valueAt)
  const end = valueAt + value.length
  writeChecksum(bytes, at, checksumOf(hasher, key, bytes, at, end))
  return end
}

/** Reads a record's bytes. Throws `damaged_record` when they are not what was written. */
export function decodeRecord(
  hasher: Hasher,
  key: string,
  bytes: Uint8Array,
): StoredRecord & { value: Uint8Array } {
  const { version, feed, tombstone, shared, expiresAtMs } = decodeHead(hasher, key, bytes)
  const valueAt = HEADER_BYTES + (bytes[38] ?? 0)
  const mediaType = mediaTypeOf(bytes, valueAt)
  const value = bytes.subarray(valueAt)
  return { version, feed, tombstone, shared, expiresAtMs, mediaType, value }
}

/** The last one read: most records have the media type of the one before. */
let lastType = { text: '', bytes: new Uint8Array() }

function mediaTypeOf(record: Uint8Array, end: number): string {
  const { text, bytes } = lastType
  let same = HEADER_BYTES + bytes.length === end
  for (let i = 0; same && i < bytes.length; i++) same = bytes[i] === record[HEADER_BYTES + i]
  if (same) return text
  const read = record.slice(HEADER_BYTES, end)
  lastType = { text: fromUtf8(read), bytes: read }
  return lastType.text
}

/** As `decodeRecord`, for those who need no value. Throws `damaged_record`. */
export function decodeHead(hasher: Hasher, key: string, bytes: Uint8Array): VerifiedHead {
  if (bytes.length < HEADER_BYTES) throw damaged('a record is shorter than its header')
  const checksum = checksumOf(hasher, key, bytes, 0, bytes.length)
  if (!hasChecksum(bytes, checksum)) throw damaged('a record does not match its checksum')
  if (bytes[8] !== FORMAT) throw damaged(`a record has format ${bytes[8]}`)
  return headOf(bytes, checksum)
}

const headOf = (bytes: Uint8Array, checksum: bigint): VerifiedHead => ({
  version: { term: readU53(bytes, 10), seq: readU53(bytes, 18) },
  feed: readU32(bytes, 26),
  tombstone: hasFlag(bytes, FLAG_TOMBSTONE),
  shared: hasFlag(bytes, FLAG_SHARED),
  expiresAtMs: expiryOf(bytes),
  checksum,
  valueBytes: valueBytesOf(bytes),
})

/** The length of a record's value. */
export const valueBytesOf = (bytes: Uint8Array): number =>
  Math.max(0, bytes.length - HEADER_BYTES - (bytes[38] ?? 0))

/**
 * What bytes that fail their checksum say of themselves; undefined where they are too short. It is
 * good for finding what has to be removed with them, if it names their key, and for nothing else.
 */
export function claimedHead(bytes: Uint8Array): VerifiedHead | undefined {
  return bytes.length < HEADER_BYTES ? undefined : headOf(bytes, recordChecksum(bytes))
}

/** A reader whose clock shows `nowMs` no longer gets the value. */
export const isExpired = ({ expiresAtMs }: RecordHead, nowMs: number): boolean =>
  expiresAtMs !== 0 && expiresAtMs <= nowMs

/** The stored checksum: what digests add up. */
export function recordChecksum(bytes: Uint8Array): bigint {
  halves[high] = readU32(bytes, 0)
  halves[low] = readU32(bytes, 4)
  return whole[0] as bigint
}

/** Looks at the flag alone, for bytes whose checksum has been verified already. */
export const isTombstone = (bytes: Uint8Array): boolean => hasFlag(bytes, FLAG_TOMBSTONE)

/** As above: `expiresAtMs` alone. */
export const expiryOf = (bytes: Uint8Array): number => readU53(bytes, 30)

const hasFlag = (bytes: Uint8Array, flag: number): boolean => ((bytes[9] ?? 0) & flag) !== 0

/** Of the record that lies between two offsets. */
const checksumOf = (
  hasher: Hasher,
  key: string,
  bytes: Uint8Array,
  at: number,
  end: number,
): bigint => hasher.h64(viewOf(bytes, at + 8, end), hasher.h64Of(key))

const viewOf = ({ buffer, byteOffset }: Uint8Array, at: number, end: number): Uint8Array =>
  new Uint8Array(buffer, byteOffset + at, end - at)

/** To take a checksum apart without arithmetic on bigints. */
const whole = new BigUint64Array(1)
const halves = new Uint32Array(whole.buffer)
const [high, low] = new Uint8Array(BigUint64Array.of(1n).buffer)[0] === 1 ? [1, 0] : [0, 1]

function writeChecksum(bytes: Uint8Array, at: number, checksum: bigint): void {
  whole[0] = checksum
  writeU32(bytes, at, halves[high] as number)
  writeU32(bytes, at + 4, halves[low] as number)
}

function hasChecksum(bytes: Uint8Array, checksum: bigint): boolean {
  whole[0] = checksum
  return readU32(bytes, 0) === halves[high] && readU32(bytes, 4) === halves[low]
}

const damaged = (detail: string): DenizenError => new DenizenError('damaged_record', detail)
