/**
 * Invariant X: a mutation with an `Idempotency-Key` is applied at most once while its record is
 * kept. The record commits with what the mutation changed, at the same position of the feed. Only
 * what changed something is remembered: a request that failed, or found nothing to delete, may be
 * repeated freely.
 */
import { compareBytes, concatBytes, utf8 } from '../model/bytes.ts'
import { DenizenError } from '../model/errors.ts'
import type { Hasher } from '../model/hash.ts'
import { type IdempotencyKey, idempotencyScope } from '../model/idempotency.ts'
import { limits, timing } from '../model/limits.ts'
import type { Slot } from '../model/slot.ts'
import type { Version } from '../model/version.ts'
import type { IdempotencyRecord } from '../storage/idempotency-record.ts'
import type { StoreTransaction } from '../storage/transaction.ts'

/** A mutation that is applied once. */
export interface OnceOnly {
  readonly slot: Slot
  readonly scope: string
  readonly fingerprint: Uint8Array
}

/**
 * `request` and `values` are all that makes the mutation what it is: `request` as JSON can hold it,
 * and the bytes of values beside it.
 */
export function onceOnly(
  hasher: Hasher,
  slot: Slot,
  group: string,
  key: IdempotencyKey,
  request: unknown,
  values: readonly Uint8Array[],
): OnceOnly {
  const parts = [utf8(JSON.stringify(request)), ...values]
  const half = (seed: bigint): Uint8Array => {
    const bytes = new Uint8Array(8)
    const sum = parts.reduce((before, part) => hasher.h64(part, before), seed)
    new DataView(bytes.buffer).setBigUint64(0, sum)
    return bytes
  }
  return { slot, scope: idempotencyScope(group, key), fingerprint: concatBytes(half(0n), half(1n)) }
}

/** What came of an earlier run. Throws `idempotency_mismatch`, `idempotency_full`. */
export function earlierRun(
  store: StoreTransaction,
  { slot, scope, fingerprint }: OnceOnly,
): IdempotencyRecord | undefined {
  const record = store.idempotencyRecord(scope)
  if (record) {
    if (compareBytes(record.fingerprint, fingerprint) === 0) return record
    throw new DenizenError('idempotency_mismatch', 'the key was used for a different request')
  }
  if (store.idempotencyCount(slot) >= limits.idempotencyRecordsPerSlotMax) {
    throw new DenizenError('idempotency_full', 'the slot keeps as many records as it may')
  }
  return undefined
}

/** Stages the record of a run that has changed something. */
export function remember(
  store: StoreTransaction,
  { slot, scope, fingerprint }: OnceOnly,
  version: Version,
  outcome: Pick<IdempotencyRecord, 'succeeded' | 'effects'>,
  nowMs: number,
): void {
  const expiresAtMs = nowMs + timing.idempotencyKeptMs
  const feed = store.context.ownFeed
  store.putIdempotencyRecord(slot, scope, { version, feed, expiresAtMs, fingerprint, ...outcome })
}
