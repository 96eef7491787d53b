/**
 * The typed boundary between shards and the threads that call them. Requests and replies travel in
 * batches, one message per turn of the event loop: a message costs far more than an operation.
 */
import type { PolicyData } from '../model/placement.ts'
import type { FeedNumber } from '../model/position.ts'
import type { RegionId, RegionNumber } from '../model/slot.ts'
import type { SharedState } from './engine.ts'
import type { ShardReply, ShardRequest } from './shard-requests.ts'

export interface StoreLocation {
  readonly dataset: string
  readonly store: number
  readonly directory: string
}

/** Which of so many threads owns a store: the same for all of them, whatever other stores are. */
export function threadOf(
  { dataset, store }: Pick<StoreLocation, 'dataset' | 'store'>,
  threads: number,
): number {
  let offset = 0
  for (const unit of dataset) offset = (offset * 31 + unit.charCodeAt(0)) % threads
  return (offset + store) % threads
}

/** What another thread needs to read a store along with its owner. */
export interface SharedStore extends StoreLocation {
  readonly shared: SharedState
}

/** What a shard thread has to know to open its stores. */
export interface ShardConfiguration {
  readonly policy: PolicyData
  readonly policyEpoch: number
  readonly self: RegionId
  readonly regionNumbers: Readonly<Record<RegionId, RegionNumber>>
  readonly ownFeed: FeedNumber
  /** By dataset. */
  readonly registrarEpochs: Readonly<Record<string, number>>
  /** Names erased groups: 32 bytes, hexadecimal. */
  readonly erasureKey: string
  readonly stores: readonly StoreLocation[]
}

export type ToShard =
  | { readonly kind: 'open'; readonly configuration: ShardConfiguration }
  /** The policy has changed, and with it the stores: answered as `open` is. */
  | { readonly kind: 'adopt'; readonly configuration: ShardConfiguration }
  | { readonly kind: 'requests'; readonly requests: readonly ShardRequest[] }
  | { readonly kind: 'close' }

export type FromShard =
  | {
      readonly kind: 'opened'
      readonly shared: readonly SharedStore[]
      /** Of the shard's `GrowthBoard`. */
      readonly growth: SharedArrayBuffer
    }
  | { readonly kind: 'replies'; readonly replies: readonly ShardReply[] }
  /** There is news on the board. */
  | { readonly kind: 'grown' }
  /** A bug in a handler, for the log. */
  | { readonly kind: 'bug'; readonly trace: string }
  /** The disk failed: the process must stop. */
  | { readonly kind: 'fatal'; readonly trace: string }
  | { readonly kind: 'closed' }

/** One end of the channel to a shard: in another thread, or in the same one. */
export interface ShardPort {
  post(message: ToShard): void
  onMessage(receive: (message: FromShard) => void): void
}
