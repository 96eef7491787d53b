/** The shard operations that re-homing calls, and the handlers that answer them in the shard. */
import type { KnownHome } from '../execution/home.ts'
import type { Position } from '../model/position.ts'
import type { FeedEnd } from '../storage/home-marker.ts'
import type { Handlers } from '../storage/shard.ts'
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
  adoptFeed: { request: AdoptFeedRequest; reply: Position | null }
  beginTerm: { request: BeginTermRequest; reply: boolean }
  takeHome: { request: TakeHomeRequest; reply: KnownHome | undefined }
}

export const movementHandlers: Handlers<MovementOperations> = {
  reads: { homeState, changesLacking, unsettledGroups, homedHere, verifyRecords },
  writes: { stopHome, takeHome, adoptFeed, beginTerm },
}
