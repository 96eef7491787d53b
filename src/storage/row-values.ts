/** The small rows beside records: feed states, homes, registrar entries, counters, digests. */
import { utf8Length } from '../model/bytes.ts'
import type { FeedNumber, Position } from '../model/position.ts'
import type { RegionNumber } from '../model/slot.ts'
import type { VerifiedHead } from './record.ts'
import { readU32, readU53, viewOf, writeU32, writeU53 } from './rows.ts'

/**
 * What a store knows of one feed of one slot.
 *
 * `end`: the last position that is stored here. At the feed's host, the last change made.
 * `complete`: the complete cursor: everything of the feed up to here is durably applied. At the
 * host it equals `end`. While a long range is being applied, `end` runs ahead of `complete`; the
 * slot then answers only `eventual` reads, because it mixes states.
 * `replacing`: a replacing snapshot has begun here and not ended.
 * `boundaries`: at the host, where each generation began: the newest 64, oldest first.
 */
export interface FeedState {
  readonly end: Position
  readonly complete: Position
  readonly replacing: boolean
  readonly boundaries: readonly GenerationBoundary[]
}

/** Generation `generation` began when the feed ended at `previousEnd`. */
export interface GenerationBoundary {
  readonly generation: number
  readonly previousEnd: Position
}

export const newFeed: FeedState = { end: 0, complete: 0, replacing: false, boundaries: [] }

export const BOUNDARIES_MAX = 64

const FEED_STATE_HEADER_BYTES = 17
const BOUNDARY_BYTES = 16

export function encodeFeedState(state: FeedState): Uint8Array {
  const bytes = new Uint8Array(FEED_STATE_HEADER_BYTES + state.boundaries.length * BOUNDARY_BYTES)
  writeU53(bytes, 0, state.end)
  writeU53(bytes, 8, state.complete)
  bytes[16] = state.replacing ? 1 : 0
  state.boundaries.forEach(({ generation, previousEnd }, index) => {
    const offset = FEED_STATE_HEADER_BYTES + index * BOUNDARY_BYTES
    writeU53(bytes, offset, generation)
    writeU53(bytes, offset + 8, previousEnd)
  })
  return bytes
}

export function decodeFeedState(bytes: Uint8Array): FeedState {
  const boundaries: GenerationBoundary[] = []
  for (let at = FEED_STATE_HEADER_BYTES; at < bytes.length; at += BOUNDARY_BYTES) {
    boundaries.push({ generation: readU53(bytes, at), previousEnd: readU53(bytes, at + 8) })
  }
  return {
    end: readU53(bytes, 0),
    complete: readU53(bytes, 8),
    replacing: bytes[16] === 1,
    boundaries,
  }
}

/** The generation that a host's feed is in; 0 before its first change. */
export const currentGeneration = ({ boundaries }: FeedState): number =>
  boundaries.at(-1)?.generation ?? 0

/** Who is home of a group, since which term, writing into which feed. */
export interface GroupHome {
  readonly region: RegionNumber
  readonly feed: FeedNumber
  readonly term: number
  /** Of the registrar: it follows another home, and has to have what that one has written. */
  readonly moved?: true
}

const GROUP_HOME_BYTES = 14

export function encodeGroupHome(home: GroupHome): Uint8Array {
  const bytes = new Uint8Array(GROUP_HOME_BYTES + (home.moved ? 1 : 0))
  if (home.moved) bytes[GROUP_HOME_BYTES] = 1
  bytes[0] = home.region >>> 8
  bytes[1] = home.region
  writeU32(bytes, 2, home.feed)
  writeU53(bytes, 6, home.term)
  return bytes
}

export const decodeGroupHome = (bytes: Uint8Array): GroupHome => ({
  region: ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0),
  feed: readU32(bytes, 2),
  term: readU53(bytes, 6),
  ...(bytes.length > GROUP_HOME_BYTES && bytes[GROUP_HOME_BYTES] === 1 && { moved: true }),
})

/** The registrar's claim counter of a slot, in one registrar epoch. */
export interface ClaimCounter {
  readonly epoch: number
  readonly n: number
}

export function encodeClaimCounter(counter: ClaimCounter): Uint8Array {
  const bytes = new Uint8Array(16)
  writeU53(bytes, 0, counter.epoch)
  writeU53(bytes, 8, counter.n)
  return bytes
}

export const decodeClaimCounter = (bytes: Uint8Array): ClaimCounter => ({
  epoch: readU53(bytes, 0),
  n: readU53(bytes, 8),
})

/**
 * The digest of a slot: the sum modulo 2⁶⁴ of the checksums of its live records. Order does not
 * matter, so copies that hold the same records have the same digest, however they got there.
 * Tombstones are left out: copies drop them at different times.
 */
export interface SlotDigest {
  readonly sum: bigint
  readonly records: number
  readonly tombstones: number
  /** Of live records: their keys in UTF-8, and their values. What quotas count. */
  readonly bytes: number
}

export const emptyDigest: SlotDigest = { sum: 0n, records: 0, tombstones: 0, bytes: 0 }

/** What one record adds to the digest of its slot, or (-1) takes out of it. */
export function digestOf(
  key: string,
  { checksum, tombstone, valueBytes }: Pick<VerifiedHead, 'checksum' | 'tombstone' | 'valueBytes'>,
  sign: 1 | -1 = 1,
): SlotDigest {
  if (tombstone) return { sum: 0n, records: 0, tombstones: sign, bytes: 0 }
  const sum = sign === 1 ? checksum : BigInt.asUintN(64, -checksum)
  return { sum, records: sign, tombstones: 0, bytes: sign * (utf8Length(key) + valueBytes) }
}

export const addDigests = (a: SlotDigest, b: SlotDigest): SlotDigest => ({
  sum: BigInt.asUintN(64, a.sum + b.sum),
  records: a.records + b.records,
  tombstones: a.tombstones + b.tombstones,
  bytes: a.bytes + b.bytes,
})

/** What `a` has more than `b`; undefined where they are the same. */
export function digestDifference(a: SlotDigest, b: SlotDigest): SlotDigest | undefined {
  const records = a.records - b.records
  const tombstones = a.tombstones - b.tombstones
  const bytes = a.bytes - b.bytes
  if (a.sum === b.sum && records === 0 && tombstones === 0 && bytes === 0) return undefined
  return { sum: BigInt.asUintN(64, a.sum - b.sum), records, tombstones, bytes }
}

/** A row from before bytes were counted ends here: they are 0, until a scrub has counted them. */
export const digestBytesMin = 24

export function encodeDigest(digest: SlotDigest): Uint8Array {
  const bytes = new Uint8Array(digestBytesMin + 8)
  viewOf(bytes).setBigUint64(0, digest.sum)
  writeU53(bytes, 8, digest.records)
  writeU53(bytes, 16, digest.tombstones)
  writeU53(bytes, 24, Math.max(0, digest.bytes))
  return bytes
}

export const decodeDigest = (bytes: Uint8Array): SlotDigest => ({
  sum: viewOf(bytes).getBigUint64(0),
  records: readU53(bytes, 8),
  tombstones: readU53(bytes, 16),
  bytes: readU53(bytes, 24),
})

export function encodeCount(count: number): Uint8Array {
  const bytes = new Uint8Array(8)
  writeU53(bytes, 0, count)
  return bytes
}

export const decodeCount = (bytes: Uint8Array): number => readU53(bytes, 0)
