/** Where the feeds of a region end: what others have to be complete up to. */
import { type ClusterRecord, feedOf } from '../coordination/cluster-record.ts'
import type { Placement } from '../model/placement.ts'
import type { Position } from '../model/position.ts'
import type { RegionId, Slot } from '../model/slot.ts'
import { allFeedStates, type ReplicationOperations } from '../replication/shard-operations.ts'
import type { ShardClient } from '../storage/shard-client.ts'

export const slotsOf = ({ data }: Placement): Slot[] =>
  Array.from({ length: data.slots }, (_, slot) => slot)

export interface OwnEndsOptions {
  readonly self: RegionId
  readonly adopted: ClusterRecord
  readonly shards: ShardClient<ReplicationOperations>
}

/** Of this region, by slot. */
export async function ownEnds(
  { self, adopted, shards }: OwnEndsOptions,
  placement: Placement,
): Promise<Position[]> {
  const feed = feedOf(adopted, self)
  const states = await allFeedStates(shards, placement.id)
  const ends = slotsOf(placement).map(() => 0)
  for (const { slot, feed: of, state } of states) if (of === feed) ends[slot] = state.end
  return ends
}
