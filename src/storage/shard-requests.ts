/** What a shard is asked, and what it answers. */
import type { WireError } from '../model/errors.ts'

export interface ShardRequest {
  readonly id: number
  readonly dataset: string
  readonly store: number
  readonly name: string
  readonly body: unknown
}

export type ShardReply =
  | { readonly id: number; readonly body: unknown }
  | { readonly id: number; readonly error: WireError }

/** Takes the answers to requests: all of one commit, or of one batch of reads, in one call. */
export type TakeReplies = (replies: readonly ShardReply[]) => void
