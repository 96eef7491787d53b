/** What the driver of erasures reads and writes in the shard. */
import {
  decodeMovedTo,
  decodePurge,
  type Erasure,
  encodePurge,
  type Purge,
} from '../storage/erasure.ts'
import { applyErasure, noteReclaim } from '../storage/purge.ts'
import { rowKeys, rowText, tableRange } from '../storage/rows.ts'
import type { StoreReader } from '../storage/store.ts'
import type { StoreTransaction } from '../storage/transaction.ts'

export interface ErasureState {
  /** Undefined: this copy has not heard of it. */
  readonly erasure: Erasure | undefined
  /** What it has removed here. */
  readonly purge: Purge | undefined
}

export function erasureState(
  store: StoreReader,
  { hash }: { readonly hash: string },
): ErasureState {
  const bytes = store.engine.get(rowKeys.purge(hash))
  return { erasure: store.erasureOf(hash), purge: bytes && decodePurge(bytes) }
}

/** Erasures whose bytes may still lie in the store's file. */
export function uncompacted(store: StoreReader): string[] {
  if (store.engine.get(rowKeys.erased()) === undefined) return []
  const hashes: string[] = []
  for (const { key, value } of store.engine.range(tableRange('purge'))) {
    if (decodePurge(value).compactedAtMs === 0) hashes.push(rowText(key))
  }
  return hashes
}

export interface CompactedRequest {
  /** That were applied before the store was written anew. */
  readonly hashes: readonly string[]
  readonly atMs: number
}

export function compacted(store: StoreTransaction, { hashes, atMs }: CompactedRequest): null {
  for (const hash of hashes) {
    const bytes = store.engine.get(rowKeys.purge(hash))
    if (!bytes) continue
    const purge = { ...decodePurge(bytes), compactedAtMs: atMs }
    store.putRow(rowKeys.purge(hash), encodePurge(purge, decodeMovedTo(bytes)))
  }
  return null
}

export interface LedgerEntry {
  readonly hash: string
  readonly erasure: Erasure
}

/** The part of a ledger that belongs to this store's slots. */
export const ledger = (store: StoreReader): LedgerEntry[] => [...store.erasures()]

/**
 * Enters what another ledger has, and applies it here. Of a group that this region has erased
 * itself a backup does not tell whether it has claimed it since.
 */
export function replayErasure(store: StoreTransaction, { hash, erasure }: LedgerEntry): null {
  const { feed, position, slot } = erasure
  const isLost = feed === store.context.ownFeed && position > store.feedState(slot, feed).end
  applyErasure(store, hash, erasure, isLost ? undefined : { feed, position })
  if (feed === store.context.ownFeed) noteReclaim(store, hash)
  return null
}
