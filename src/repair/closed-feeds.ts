/**
 * Feeds that nobody writes or follows any more, as their region stores the dataset no longer. What
 * was in them came to the regions of now before that, by their feeds or with snapshots, and not
 * every region has a cursor of them: a region that gained the dataset later has none. So they say
 * nothing of where a copy stands, and all of their changes are owed by every copy.
 */
import { type FeedNumber, feedRegionNumber } from '../model/position.ts'
import type { StoreReader } from '../storage/store.ts'

export function isClosed({ context }: StoreReader, feed: FeedNumber): boolean {
  const number = feedRegionNumber(feed)
  const { regions, placement } = context
  return regions.knows(number) && !placement.mayStore(regions.idOf(number))
}
