/** The rows that make a repeated mutation harmless. */
import { DenizenError } from '../model/errors.ts'
import type { FeedNumber } from '../model/position.ts'
import type { Version } from '../model/version.ts'
import { readU32, readU53, writeU32, writeU53 } from './rows.ts'

/** What an operation did, as idempotency records keep it. */
export const effects = { read: 0, created: 1, replaced: 2, deleted: 3, absent: 4 } as const
export type Effect = keyof typeof effects

const effectNames = Object.keys(effects) as readonly Effect[]

/**
 * What came of a mutation with an `Idempotency-Key`: enough to answer its repeats. It is stored,
 * and sent to other regions, together with what the mutation changed.
 */
export interface IdempotencyRecord {
  readonly version: Version
  /** The feed in which `version.seq` is the position of the change, and of this record. */
  readonly feed: FeedNumber
  /** Wall-clock ms of the home. */
  readonly expiresAtMs: number
  /** 16 bytes that tell a repeat from another request under the same key. */
  readonly fingerprint: Uint8Array
  /** Of a transaction: its conditions held. */
  readonly succeeded: boolean
  /** One for each operation that ran; which they were follows from the request. */
  readonly effects: readonly Effect[]
}

export const FINGERPRINT_BYTES = 16
const IDEMPOTENCY_HEADER_BYTES = 45

/** term u64 | seq u64 | feed u32 | expiresAt u64 | fingerprint | succeeded u8 | effects u8 each. */
export function encodeIdempotencyRecord(record: IdempotencyRecord): Uint8Array {
  const bytes = new Uint8Array(IDEMPOTENCY_HEADER_BYTES + record.effects.length)
  writeU53(bytes, 0, record.version.term)
  writeU53(bytes, 8, record.version.seq)
  writeU32(bytes, 16, record.feed)
  writeU53(bytes, 20, record.expiresAtMs)
  bytes.set(record.fingerprint, 28)
  bytes[44] = record.succeeded ? 1 : 0
  for (const [index, effect] of record.effects.entries()) {
    bytes[IDEMPOTENCY_HEADER_BYTES + index] = effects[effect]
  }
  return bytes
}

/** Throws `damaged_record`. */
export function decodeIdempotencyRecord(bytes: Uint8Array): IdempotencyRecord {
  const names = Array.from(bytes.subarray(IDEMPOTENCY_HEADER_BYTES), code => effectNames[code])
  if (names.length === 0 || !names.every(name => name !== undefined)) {
    throw new DenizenError('damaged_record', 'an idempotency record is not what was written')
  }
  return {
    version: { term: readU53(bytes, 0), seq: readU53(bytes, 8) },
    feed: readU32(bytes, 16),
    expiresAtMs: readU53(bytes, 20),
    fingerprint: bytes.slice(28, 28 + FINGERPRINT_BYTES),
    succeeded: bytes[44] === 1,
    effects: names,
  }
}
