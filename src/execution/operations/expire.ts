/**
 * `expire` turns values whose time is over into tombstones, if this region is their home, and
 * removes idempotency records that no longer have to be kept, wherever they are. `expireKey` does
 * it for one key that somebody is reading. Replicas hide expired values and wait for the tombstone.
 */
import type { Key } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import { soundHead } from '../../storage/record.ts'
import { expiryKind } from '../../storage/rows.ts'
import type { StoreTransaction } from '../../storage/transaction.ts'
import { settled } from '../change.ts'
import { standingOf } from '../home.ts'

export interface ExpireRequest {
  /** Wall clock. */
  readonly nowMs: number
  /** Where the last turn stopped. */
  readonly from?: Uint8Array
}

export interface ExpireReply {
  /** More is due: from here on. */
  readonly next?: Uint8Array
}

export function expire(store: StoreTransaction, { nowMs, from }: ExpireRequest): ExpireReply {
  let rows = 0
  for (const { rowKey, dueMs, kind, text } of store.dueRows(nowMs, from)) {
    if (rows === limits.expiryRowsPerTurn) return { next: rowKey }
    rows += 1
    if (kind === expiryKind.record) expireKey(store, { key: text as Key, nowMs })
    else if (store.idempotencyRecord(text)?.expiresAtMs === dueMs) {
      store.dropIdempotencyRecord(store.slotOfScope(text), text)
    }
  }
  return {}
}

export interface ExpireKeyRequest {
  readonly key: Key
  /** Wall clock. */
  readonly nowMs: number
}

export function expireKey(store: StoreTransaction, { key, nowMs }: ExpireKeyRequest): undefined {
  const { placement } = store.context
  const group = placement.groupOf(key)
  // A damaged record is not known to have expired: it waits for its repair.
  const held = soundHead(store.heldHead(key))
  const standing = standingOf(store, group, held)
  if (standing.kind !== 'home') return undefined
  settled(store, { slot: placement.slotOf(group), key, nowMs }, standing.home.term, held)
  return undefined
}
