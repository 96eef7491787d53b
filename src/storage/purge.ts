/**
 * Applies an erasure to a store: removes every row that names the group and belongs to its life
 * until then, and enters the erasure in the ledger, in one commit.
 *
 * What is known of the group may be its hash alone. Every record, marker and idempotency record has
 * an entry in the index of some feed, so the entries of the slot lead to all of them; only entries
 * of the registrar have none.
 *
 * A feed in which the group was named gets an entry of the erasure in place of the last one that
 * is taken out. So whoever follows that feed and passes the place has applied the erasure, and does
 * not call itself complete without what was taken out and without the reason.
 *
 * It looks at committed rows: the transaction must have staged nothing of the group (see `alone` of
 * the shard's handlers).
 */

import { groupOfScope } from '../model/idempotency.ts'
import type { Key } from '../model/key.ts'
import type { FeedNumber, Position } from '../model/position.ts'
import { decodeMovedTo, decodePurge, type Erasure, encodePurge, type Purge } from './erasure.ts'
import { entryKind, erasureEntry, type FeedEntry } from './feed-entry.ts'
import { damagedHead } from './record.ts'
import { rowKeys } from './rows.ts'
import type { StoreReader } from './store.ts'
import type { StoreTransaction } from './transaction.ts'

/** Where an erasure was heard of. */
export interface ErasurePlace {
  readonly feed: FeedNumber
  readonly position: Position
}

/**
 * `place` undefined: not from a feed, so that there is no entry to make. `to`: the partition in
 * which the group's life goes on, at the home that ends it here.
 */
export function applyErasure(
  store: StoreTransaction,
  hash: string,
  erasure: Erasure,
  place: ErasurePlace | undefined,
  to?: string,
): void {
  const { slot } = erasure
  const held = store.erasureOf(hash)
  if (!held || held.term < erasure.term) {
    // One in another feed stays: whoever follows that has to hear of this erasure, too.
    if (held && held.feed === place?.feed) {
      store.dropEntry(slot, held.feed, erasureEntry(hash, held.position))
    }
    purge(store, hash, erasure, to)
    if (mayBeReclaimed(store, hash)) store.dropRow(rowKeys.reclaim(hash))
    store.putErasure(hash, erasure)
  }
  if (place) store.putEntry(slot, place.feed, erasureEntry(hash, place.position))
}

/** Where a group that was erased has gone to; undefined: nowhere, as far as this store knows. */
export function movedTo(store: StoreReader, hash: string): string | undefined {
  const bytes = store.engine.get(rowKeys.purge(hash))
  return (bytes && decodeMovedTo(bytes)) || undefined
}

/** The name of a group that has gone elsewhere is free again. */
export function forgetMove(store: StoreTransaction, hash: string): void {
  const bytes = store.engine.get(rowKeys.purge(hash))
  if (!bytes || !decodeMovedTo(bytes)) return
  store.putRow(rowKeys.purge(hash), encodePurge(decodePurge(bytes)))
}

/**
 * The home of an erased group is about to claim it anew: from now on the registrar may have an
 * entry of it, or get one, whatever becomes of the claim's answer and of the write behind it.
 */
export function noteReclaim(store: StoreTransaction, hash: string): void {
  if (!mayBeReclaimed(store, hash)) store.putRow(rowKeys.reclaim(hash), new Uint8Array())
}

/** It was, since the erasure that the ledger has. */
export const mayBeReclaimed = (store: StoreReader, hash: string): boolean =>
  store.engine.get(rowKeys.reclaim(hash)) !== undefined

function purge(
  store: StoreTransaction,
  hash: string,
  { slot, term }: Erasure,
  to: string | undefined,
): void {
  const { hashOfGroup, placement } = store.context
  const isIt = remembered(group => hashOfGroup(group) === hash)
  const groupOf = (entry: FeedEntry): string =>
    entry.kind === entryKind.idempotency
      ? groupOfScope(entry.text)
      : entry.kind === entryKind.home
        ? entry.text
        : placement.groupOf(entry.text as Key)
  const keys = new Set<string>()
  const scopes = new Set<string>()
  const lasts: ErasurePlace[] = []
  let name: string | undefined
  let rows = 0
  for (const { feed } of store.feedsOfSlot(slot)) {
    let last: Position | undefined
    for (const entry of store.feedEntries(slot, feed, 0)) {
      if (entry.kind === entryKind.erasure || !isIt(groupOf(entry))) continue
      name = groupOf(entry)
      if (isLater(store, entry, term)) continue
      store.dropEntry(slot, feed, entry)
      if (entry.kind === entryKind.idempotency) scopes.add(entry.text)
      else if (entry.kind !== entryKind.home) keys.add(entry.text)
      last = entry.position
      rows += 1
    }
    if (last !== undefined) lasts.push({ feed, position: last })
  }
  for (const key of keys) store.dropRecord(slot, key)
  for (const scope of scopes) store.dropIdempotencyRecord(slot, scope)
  // After all that takes entries out: at these places, too.
  for (const { feed, position } of lasts) store.putEntry(slot, feed, erasureEntry(hash, position))
  rows += keys.size + scopes.size
  for (const group of name === undefined ? store.registeredGroups(slot) : [name]) {
    if (!isIt(group)) continue
    rows += store.dropHomes(group, term)
  }
  const found: Purge = { keys: keys.size, rows, compactedAtMs: 0 }
  store.putRow(rowKeys.purge(hash), encodePurge(found, to))
}

/** What the entry leads to was written after the erasure. */
function isLater(store: StoreTransaction, { kind, text }: FeedEntry, term: number): boolean {
  if (kind === entryKind.home) return (store.homeMarker(text)?.term ?? -1) > term
  if (kind === entryKind.idempotency) {
    return (store.idempotencyRecord(text)?.version.term ?? -1) > term
  }
  const head = store.heldHead(text)
  return head !== undefined && head !== damagedHead && head.version.term > term
}

/** Entries of one group often follow each other. */
function remembered(test: (text: string) => boolean): (text: string) => boolean {
  let last: string | undefined
  let answer = false
  return text => {
    if (text !== last) {
      answer = test(text)
      last = text
    }
    return answer
  }
}

export type { Purge }
