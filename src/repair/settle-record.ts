/**
 * Puts a copy's record right, in the shard's own turn and only if the copy still has what was
 * judged. A copy that lacks a record goes forward only (invariant T), and not past what it is
 * complete to: what lies beyond comes by its feed, with all that belongs to it.
 */
import type { Key } from '../model/key.ts'
import { feedRegionNumber } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import { compareVersions } from '../model/version.ts'
import { enteredEntry, type FeedPlace, isShared } from '../storage/feed-entry.ts'
import { decodeHead, soundHead, type VerifiedHead } from '../storage/record.ts'
import type { StoreTransaction } from '../storage/transaction.ts'
import { isClosed } from './closed-feeds.ts'
import type { Difference } from './compare-copies.ts'
import { type HeldRecord, isSame, type SoundRecord } from './judge-record.ts'
import { heldRecord, soundRecord } from './slot-walk.ts'

export interface SettleRequest {
  readonly slot: Slot
  readonly key: string
  readonly kind: Difference['kind']
  /** What the copy had when it was judged. */
  readonly held: HeldRecord
  /** What it is to have; null gives the record up. */
  readonly next: NextRecord | null
}

export interface NextRecord {
  /** What was found right. */
  readonly record: SoundRecord
  readonly bytes: Uint8Array
}

/** `moot`: the copy has changed since. `contested`: another key has the record's place here. */
export type SettleReply = 'settled' | 'moot' | 'contested'

/** Throws `damaged_record` where the bytes of `next` are. */
export function settleRecord(store: StoreTransaction, request: SettleRequest): SettleReply {
  const { slot, key, kind, next } = request
  const isAsked = store.slotOfKey(key) === slot && isSame(heldRecord(store, key), request.held)
  if (!isAsked) return 'moot'
  if (next === null) {
    store.dropRecord(slot, key, false)
    return 'settled'
  }
  const { record, bytes } = next
  const head = decodeHead(store.context.hasher, key, bytes)
  const { feed, shared, version } = head
  const held = soundHead(store.heldHead(key))
  const isPast = isClosed(store, feed) || version.seq <= store.feedState(slot, feed).complete
  if (!isPast || !isSame(soundRecord(head), record)) return 'moot'
  // A copy that has not heard of the erasure yet is no reason to bring it back.
  if (store.isErased(store.context.placement.groupOf(key as Key), version.term)) return 'moot'
  const order = held ? compareVersions(version, held.version) : 1
  if (kind === 'lacks' && order <= 0) return 'moot'
  if (isTaken(store, slot, key, head)) return 'contested'
  // The entry of what nobody has written, if there is one at its place, is another record's.
  if (kind === 'extra') store.dropRecord(slot, key, false)
  const place = { feed, position: version.seq, shared }
  store.putRecord(slot, key, bytes, place, kind === 'extra' ? undefined : held)
  enterAnew(store, slot, key, place)
  return 'settled'
}

/**
 * Nobody follows the feed that brought it any more. It was entered in another one when its region
 * left (movement/policy-rows.ts), and that entry may be lost with the record.
 */
function enterAnew(store: StoreTransaction, slot: Slot, key: string, place: FeedPlace): void {
  const { placement, regions, self, ownFeed } = store.context
  const number = feedRegionNumber(place.feed)
  if (!placement.mayHome(self) || !regions.knows(number)) return
  if (placement.mayHome(regions.idOf(number))) return
  store.putEntry(slot, ownFeed, enteredEntry(key, store.appendPosition(slot), place))
}

/**
 * A place is one change's, or of changes that were made together. Where a data directory was put
 * back by hand, its feed has given places out twice, and no index is to lose an entry by that.
 */
function isTaken(
  store: StoreTransaction,
  slot: Slot,
  key: string,
  { feed, shared, version }: VerifiedHead,
): boolean {
  for (const { position, kind, text } of store.feedEntries(slot, feed, version.seq - 1)) {
    if (position !== version.seq) return false
    if (text !== key && !(shared && isShared(kind))) return true
  }
  return false
}
