/**
 * Repairing one record, in the shard. Which version a damaged record had is not known, so the copy
 * that takes its place has to be proven not to be older (invariants T and D): every change of the
 * record that some feed has brought here must lie within what the asked regions are complete to.
 * Then each of them has that change or a later one, and the newest of their copies is at least as
 * new as what was lost. A region's copy that is absent or damaged itself proves nothing. Changes of
 * closed feeds are owed by every copy, whatever cursor it has of them (closed-feeds.ts): what only
 * they led to has been entered in an open feed, too, and that is looked at. For what this region
 * has entered so, it is as good to be complete in the feed that it was taken from: while the record
 * is damaged here, nobody gets past that entry.
 *
 * The home is no exception: what it acknowledged and nobody else has yet lies in its own feed, past
 * all other cursors, and is given up only when somebody writes the key anew.
 */
import type { Key } from '../model/key.ts'
import { type FeedNumber, generationOf, type Position } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import { compareVersions } from '../model/version.ts'
import { GENERATIONS_SKIPPED } from '../replication/take-back.ts'
import type { FeedEntry } from '../storage/feed-entry.ts'
import { damagedHead, decodeHead } from '../storage/record.ts'
import type { StoreReader } from '../storage/store.ts'
import type { StoreTransaction } from '../storage/transaction.ts'
import { isClosed } from './closed-feeds.ts'

/** What a region has of a record. */
export type CopyOfRecord =
  | {
      readonly state: 'sound'
      readonly bytes: Uint8Array
      /** Up to where it is complete in each feed of the record's slot. */
      readonly cursors: readonly { readonly feed: FeedNumber; readonly position: Position }[]
    }
  | { readonly state: 'absent' | 'damaged' }

export function copyOf(store: StoreReader, { key }: { readonly key: string }): CopyOfRecord {
  const held = store.heldHead(key)
  const bytes = store.recordBytes(key)
  if (!held || !bytes) return { state: 'absent' }
  if (held === damagedHead) return { state: 'damaged' }
  const cursors = [...store.feedsOfSlot(store.slotOfKey(key))].map(({ feed, state }) => ({
    feed,
    position: state.complete,
  }))
  return { state: 'sound', bytes, cursors }
}

export interface RepairRequest {
  readonly key: string
  /** Of all regions that answered. */
  readonly copies: readonly CopyOfRecord[]
}

/** No change has such a position. */
const PAST_ALL: Position = Number.MAX_SAFE_INTEGER - 1

/** `unproven`: the copies may be older than what was lost, or newer than what this one may have. */
export type RepairReply = 'repaired' | 'sound' | 'unproven'

/** Throws `damaged_record` where the bytes of a copy are. */
export function repairRecord(store: StoreTransaction, request: RepairRequest): RepairReply {
  const { key, copies } = request
  const held = store.heldHead(key)
  if (held && held !== damagedHead) return 'sound'
  const slot = store.slotOfKey(key)
  const cursors = new Map<FeedNumber, Position>()
  let newest: (Extract<CopyOfRecord, { state: 'sound' }> & Headed) | undefined
  for (const copy of copies) {
    if (copy.state !== 'sound') continue
    const head = decodeHead(store.context.hasher, key, copy.bytes)
    if (!newest || compareVersions(head.version, newest.head.version) > 0)
      newest = { ...copy, head }
    for (const { feed, position } of copy.cursors) {
      cursors.set(feed, Math.max(position, cursors.get(feed) ?? 0))
    }
  }
  if (!newest || !areComplete(store, slot, key, cursors)) return 'unproven'
  const { feed, shared, version } = newest.head
  if (store.isErased(store.context.placement.groupOf(key as Key), version.term)) return 'unproven'
  // A change that has not come here yet comes by its feed, with all that belongs to it.
  const isHere = isClosed(store, feed) || version.seq <= store.feedState(slot, feed).end
  if (!isHere) return 'unproven'
  store.putRecord(slot, key, newest.bytes, { feed, position: version.seq, shared }, held)
  return 'repaired'
}

/** Whoever is complete up to these cursors has what this copy had, or something later. */
function areComplete(
  store: StoreReader,
  slot: Slot,
  key: string,
  cursors: ReadonlyMap<FeedNumber, Position>,
): boolean {
  const owed = new Map(cursors)
  for (const { feed } of store.feedsOfSlot(slot)) {
    if (isClosed(store, feed)) owed.set(feed, PAST_ALL)
  }
  const isHad = ({ of }: FeedEntry): boolean =>
    of !== undefined && isOfSameRun(cursors.get(of.feed) ?? 0, of.position)
  return !store.hasChangeAfter(slot, key, owed, isHad)
}

/**
 * A feed that was opened again goes on far above where it had ended, with nothing of what was in it
 * (`reopenFeed`): who is complete there need not have had that.
 */
const isOfSameRun = (cursor: Position, position: Position): boolean =>
  cursor >= position && generationOf(cursor) - generationOf(position) < GENERATIONS_SKIPPED

interface Headed {
  readonly head: ReturnType<typeof decodeHead>
}
