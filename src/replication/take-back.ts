/**
 * A region that was restored from a backup takes back what others hold of its own feeds, before it
 * acts as a home again. Then it opens a new generation of each feed, above all that anybody may
 * have seen. docs/PROTOCOL.md says what would happen without.
 */
import { assert } from '../model/assert.ts'
import { type FeedNumber, generationOf, generationStart, type Position } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import { BOUNDARIES_MAX } from '../storage/row-values.ts'
import type { StoreReader } from '../storage/store.ts'
import type { StoreTransaction } from '../storage/transaction.ts'
import { applyItem } from './apply.ts'
import type { FeedItem } from './messages.ts'
import { ITEM_OVERHEAD_BYTES, isGone, readItem } from './read-feeds.ts'

/**
 * A restored region goes on so many generations above the newest that others hold. Since the backup
 * the lost disk may have seen a start, and with it a generation, of which only clients know: their
 * ETags and session tokens must not meet other values. As many make a start a minute for days.
 */
export const GENERATIONS_SKIPPED = 4_096

export interface HeldFeedRequest {
  readonly slot: Slot
  /** Any feed of the slot: a copy keeps the entries of all. */
  readonly feed: FeedNumber
  readonly after: Position
  readonly bytesMax: number
}

export interface HeldFeed {
  readonly items: readonly FeedItem[]
  /** Where to go on; null: this was all. */
  readonly next: Position | null
  /** The newest position of the feed that is known here. */
  readonly seen: Position
  readonly bytes: number
}

/**
 * What this copy holds of a feed after a position, complete or not: an interrupted snapshot leaves
 * entries beyond the end that the feed's state tells.
 */
export function readHeldFeed(store: StoreReader, request: HeldFeedRequest): HeldFeed {
  const { slot, feed, after, bytesMax } = request
  const items: FeedItem[] = []
  let bytes = 0
  let last = after
  let next: Position | null = null
  for (const entry of store.feedEntries(slot, feed, after)) {
    if (bytes >= bytesMax && entry.position !== last) {
      next = last
      break
    }
    last = entry.position
    if (isGone(store, entry)) continue
    const item = readItem(store, entry)
    items.push(item)
    bytes += item.bytes.length + item.text.length + ITEM_OVERHEAD_BYTES
  }
  const { end } = store.feedState(slot, feed)
  return { items, next, seen: Math.max(end, last), bytes }
}

export interface TakeBackRequest {
  readonly slot: Slot
  readonly items: readonly FeedItem[]
}

/** Takes in what another region holds of this region's own feed. Nothing newer is overwritten. */
export function takeBack(store: StoreTransaction, { slot, items }: TakeBackRequest): null {
  for (const item of items) applyItem(store, slot, store.context.ownFeed, item)
  return null
}

export interface ReopenFeedRequest {
  readonly slot: Slot
  /** The newest position of the feed that any region knows of. */
  readonly seen: Position
}

/** Opens a new generation of this region's feed at once; `seen` is where the one before ended. */
export function reopenFeed(store: StoreTransaction, { slot, seen }: ReopenFeedRequest): null {
  const feed = store.context.ownFeed
  const { end, boundaries } = store.feedState(slot, feed)
  const previousEnd = Math.max(end, seen)
  const following = generationOf(previousEnd) + 1
  const generation = following + GENERATIONS_SKIPPED
  const start = generationStart(generation)
  assert(start > previousEnd, 'a new generation begins above the one before')
  store.putFeedState(slot, feed, {
    end: start,
    complete: start,
    replacing: false,
    // Followers look for the generation after their own, so that one gets a boundary too.
    boundaries: [
      ...boundaries.filter(before => before.generation < following),
      { generation: following, previousEnd },
      { generation, previousEnd },
    ].slice(-BOUNDARIES_MAX),
  })
  return null
}
