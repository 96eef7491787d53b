/** The shard operations that re-homing calls, and the handlers that answer them in the shard. */
import type { KnownHome } from '../execution/home.ts'
import { type EraseReply, type EraseRequest, erase } from '../execution/operations/erase.ts'
import { type HoldReply, type HoldRequest, hold } from '../execution/operations/hold.ts'
import type { compactOperation } from '../storage/engine.ts'
import type { FeedEnd } from '../storage/home-marker.ts'
import type { Handlers } from '../storage/shard.ts'
import {
  type CompactedRequest,
  compacted,
  type ErasureState,
  erasureState,
  type LedgerEntry,
  ledger,
  replayErasure,
  uncompacted,
} from './erasure-rows.ts'
import {
  changesLacking,
  type GroupRequest,
  type HomeState,
  homeState,
  type StopHomeRequest,
  stopHome,
  type TakeHomeRequest,
  takeHome,
  type UnsettledReply,
  type UnsettledRequest,
  unsettledGroups,
} from './move-rows.ts'
import {
  type AdoptedPart,
  type AdoptFeedRequest,
  adoptFeed,
  type BeginTermRequest,
  beginTerm,
  type HomedHere,
  type HomedHereRequest,
  homedHere,
  type VerifiedRecords,
  type VerifyRecordsRequest,
  verifyRecords,
} from './policy-rows.ts'

export type MovementOperations = {
  homeState: { request: GroupRequest; reply: HomeState }
  changesLacking: { request: GroupRequest & { readonly ends: readonly FeedEnd[] }; reply: number }
  unsettledGroups: { request: UnsettledRequest; reply: UnsettledReply }
  stopHome: { request: StopHomeRequest; reply: boolean }
  homedHere: { request: HomedHereRequest; reply: HomedHere }
  verifyRecords: { request: VerifyRecordsRequest; reply: VerifiedRecords }
  adoptFeed: { request: AdoptFeedRequest; reply: AdoptedPart }
  beginTerm: { request: BeginTermRequest; reply: boolean }
  eraseGroup: { request: EraseRequest; reply: EraseReply }
  holdGroup: { request: HoldRequest; reply: HoldReply }
  erasureState: { request: { readonly hash: string }; reply: ErasureState }
  uncompacted: { request: Record<string, never>; reply: string[] }
  /** Answered by the shard itself. */
  [compactOperation]: { request: Record<string, never>; reply: null }
  compacted: { request: CompactedRequest; reply: null }
  ledger: { request: Record<string, never>; reply: LedgerEntry[] }
  replayErasure: { request: LedgerEntry; reply: null }
  takeHome: { request: TakeHomeRequest; reply: KnownHome | undefined }
}

export const movementHandlers: Handlers<MovementOperations> = {
  reads: {
    ...{ homeState, changesLacking, unsettledGroups, homedHere, verifyRecords },
    ...{ erasureState, uncompacted, ledger },
  },
  writes: {
    ...{ stopHome, takeHome, adoptFeed, beginTerm },
    ...{ eraseGroup: erase, holdGroup: hold, compacted, replayErasure },
  },
  alone: {
    ...{ eraseGroup: () => true, holdGroup: () => true },
    ...{ replayErasure: () => true, compacted: () => true },
  },
}
