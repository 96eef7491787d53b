/**
 * The typed boundary between a node's main thread and its shard threads. Requests, replies and
 * growth travel in batches, one message per turn of the event loop: a message costs far more than
 * an operation.
 */
import type { PolicyData } from '../model/placement.ts'
import type { FeedNumber } from '../model/position.ts'
import type { RegionId, RegionNumber } from '../model/slot.ts'
import type { Growth, ShardReply, ShardRequest } from './shard.ts'

/** What a shard thread has to know to open its stores. */
export interface ShardConfiguration {
  readonly policy: PolicyData
  readonly policyEpoch: number
  readonly self: RegionId
  readonly regionNumbers: Readonly<Record<RegionId, RegionNumber>>
  readonly ownFeed: FeedNumber
  readonly stores: readonly {
    readonly dataset: string
    readonly store: number
    readonly directory: string
  }[]
}

export type ToShard =
  | { readonly kind: 'open'; readonly configuration: ShardConfiguration }
  | { readonly kind: 'requests'; readonly requests: readonly ShardRequest[] }
  | { readonly kind: 'close' }

export type FromShard =
  | { readonly kind: 'opened' }
  | { readonly kind: 'replies'; readonly replies: readonly ShardReply[] }
  | { readonly kind: 'growth'; readonly growth: Growth }
  /** A bug in a handler, for the log. */
  | { readonly kind: 'bug'; readonly trace: string }
  /** The disk failed: the process must stop. */
  | { readonly kind: 'fatal'; readonly trace: string }
  | { readonly kind: 'closed' }

/** One end of the channel to a shard: a worker thread, or the same thread in simulations. */
export interface ShardPort {
  post(message: ToShard): void
  onMessage(receive: (message: FromShard) => void): void
}
