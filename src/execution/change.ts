/** What a home makes of one key: the records that writes, transactions and expiry stage. */
import { assert } from '../model/assert.ts'
import type { Slot } from '../model/slot.ts'
import { compareVersions, type Version } from '../model/version.ts'
import {
  type HeldHead,
  isExpired,
  type StoredRecord,
  soundHead,
  type VerifiedHead,
} from '../storage/record.ts'
import type { StoreTransaction } from '../storage/transaction.ts'

export interface NewValue {
  readonly bytes: Uint8Array
  readonly mediaType: string
  /** Life of the value in ms; without it as long as the dataset's policy says. */
  readonly ttlMs?: number
}

export interface Change {
  readonly slot: Slot
  readonly key: string
  readonly version: Version
  /** Other records of the same transaction have the same position. */
  readonly shared: boolean
  /** What the key has held so far. */
  readonly held: HeldHead | undefined
  /** The home's wall clock. */
  readonly nowMs: number
}

/** `value` undefined deletes. */
export function putChange(
  store: StoreTransaction,
  change: Change,
  value: NewValue | undefined,
): void {
  const { slot, key, version, shared, held, nowMs } = change
  const { ownFeed: feed, placement } = store.context
  const before = soundHead(held)
  assert(!before || compareVersions(version, before.version) > 0, 'versions of a key only go up')
  const ttlMs = value?.ttlMs ?? placement.data.ttlMs
  const record: StoredRecord = {
    version,
    feed,
    tombstone: !value,
    shared,
    expiresAtMs: !value || ttlMs === undefined ? 0 : nowMs + ttlMs,
    mediaType: value?.mediaType ?? '',
    value: value?.bytes ?? noBytes,
  }
  store.writeRecord(slot, key, record, held)
}

const noBytes = new Uint8Array()

/**
 * What a key holds at its home: a value whose time is over becomes a tombstone first, at a position
 * of its own. So nobody is told of its absence before the absence is in the feed, and a session
 * that has seen it gone never sees it again, whatever the clocks of other regions show.
 */
export function settled(
  store: StoreTransaction,
  { slot, key, nowMs }: { readonly slot: Slot; readonly key: string; readonly nowMs: number },
  term: number,
  held: VerifiedHead | undefined,
): VerifiedHead | undefined {
  if (!held || !isExpired(held, nowMs)) return held
  const version = { term, seq: store.appendPosition(slot) }
  putChange(store, { slot, key, version, shared: false, held, nowMs }, undefined)
  return store.recordHead(key)
}
