/** The shard operations that replication calls, and the handlers that answer them in the shard. */
import type { FeedNumber } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import { damagedHead } from '../storage/record.ts'
import type { FeedState, SlotDigest } from '../storage/row-values.ts'
import type { Handlers } from '../storage/shard.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import { type ApplyReply, applyChunk, applyReplace, hasErasures } from './apply.ts'
import type { FeedChunk, ReplaceChunk } from './messages.ts'
import { type ReadFeedsRequest, readFeeds, type SlotChunk } from './read-feeds.ts'
import {
  type ReadSnapshotRequest,
  readSnapshot,
  type SnapshotPart,
  type StalledSnapshot,
} from './read-snapshot.ts'
import {
  type HeldFeed,
  type HeldFeedRequest,
  type ReopenFeedRequest,
  readHeldFeed,
  reopenFeed,
  type TakeBackRequest,
  takeBack,
} from './take-back.ts'

export interface SlotFeedState {
  readonly slot: Slot
  readonly feed: FeedNumber
  readonly state: FeedState
}

export type ReplicationOperations = {
  feedStates: { request: Record<string, never>; reply: SlotFeedState[] }
  readFeeds: { request: ReadFeedsRequest; reply: SlotChunk[] }
  readSnapshot: { request: ReadSnapshotRequest; reply: SnapshotPart | StalledSnapshot }
  applyChunk: { request: FeedChunk; reply: ApplyReply }
  /** Of these keys, those whose records are damaged here. */
  damagedOf: { request: { readonly keys: readonly string[] }; reply: string[] }
  applyReplace: { request: ReplaceChunk; reply: ApplyReply }
  readHeldFeed: { request: HeldFeedRequest; reply: HeldFeed }
  takeBack: { request: TakeBackRequest; reply: null }
  reopenFeed: { request: ReopenFeedRequest; reply: null }
  digests: {
    request: Record<string, never>
    reply: { readonly slot: Slot; readonly digest: SlotDigest }[]
  }
}

export const replicationHandlers: Handlers<ReplicationOperations> = {
  reads: {
    feedStates: store => [...store.feedStates()],
    readFeeds,
    readSnapshot,
    readHeldFeed,
    damagedOf: (store, { keys }) => keys.filter(key => store.heldHead(key) === damagedHead),
    digests: store => [...store.digests()],
  },
  writes: { applyChunk, applyReplace, takeBack, reopenFeed },
  alone: {
    applyChunk: hasErasures,
    takeBack: hasErasures,
    applyReplace: ({ erasures = [] }) => erasures.length > 0,
  },
}

/** The states of all feeds of a dataset, from all its stores. */
export const allFeedStates = async (
  shards: ShardClient<ReplicationOperations>,
  dataset: string,
): Promise<SlotFeedState[]> => (await shards.callAll(dataset, 'feedStates', {})).flat()
