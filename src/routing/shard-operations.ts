/** The shard operations that routing calls, and the handlers that answer them in the shard. */
import { findHome, type KnownHome } from '../execution/home.ts'
import {
  type ExpireKeyRequest,
  type ExpireReply,
  type ExpireRequest,
  expire,
  expireKey,
} from '../execution/operations/expire.ts'
import {
  type ListAtHomeRequest,
  type ListStoreReply,
  type ListStoreRequest,
  list,
  listAtHome,
} from '../execution/operations/list.ts'
import {
  type HasSeenRequest,
  hasSeen,
  type ReadReply,
  type ReadRequest,
  read,
} from '../execution/operations/read.ts'
import { type ReadManyRequest, readMany } from '../execution/operations/read-many.ts'
import {
  type TransactReply,
  type TransactRequest,
  transact,
} from '../execution/operations/transact.ts'
import { type CurrentReply, type CurrentRequest, current } from '../execution/operations/watch.ts'
import { type WriteReply, type WriteRequest, write } from '../execution/operations/write.ts'
import {
  type WriteManyReply,
  type WriteManyRequest,
  writeMany,
} from '../execution/operations/write-many.ts'
import type { HomeMarker } from '../storage/home-marker.ts'
import { soundHead } from '../storage/record.ts'
import type { GroupHome } from '../storage/row-values.ts'
import type { Handlers } from '../storage/shard.ts'
import type { ChangesReply, ChangesRequest } from '../storage/store-changes.ts'
import { type CensusReply, type CensusRequest, homeCensus } from './home-census.ts'
import {
  type ClaimRequest,
  claim,
  type GrantedHomes,
  type GrantedHomesRequest,
  grantedHomes,
  type InheritHomesRequest,
  inheritHomes,
  type LookupRequest,
  lookup,
  type MoveHomesRequest,
  moveHomes,
} from './registrar.ts'
import {
  type ClaimedHomes,
  type ClaimedHomesRequest,
  claimedHomes,
  type EnterHomesRequest,
  enterHomes,
  type SkipClaimsRequest,
  skipClaims,
} from './registrar-recovery.ts'

export type RoutingOperations = {
  read: { request: ReadRequest; reply: ReadReply }
  readMany: { request: ReadManyRequest; reply: ReadReply[] }
  write: { request: WriteRequest; reply: WriteReply }
  writeMany: { request: WriteManyRequest; reply: WriteManyReply }
  transact: { request: TransactRequest; reply: TransactReply }
  expire: { request: ExpireRequest; reply: ExpireReply }
  expireKey: { request: ExpireKeyRequest; reply: undefined }
  list: { request: ListStoreRequest; reply: ListStoreReply | { readonly behind: true } }
  listAtHome: { request: ListAtHomeRequest; reply: ReturnType<typeof listAtHome> }
  current: { request: CurrentRequest; reply: CurrentReply }
  hasSeen: { request: HasSeenRequest; reply: boolean }
  /** Answered by the shard itself. */
  changes: { request: ChangesRequest; reply: ChangesReply }
  locate: { request: { readonly group: string }; reply: KnownHome | undefined }
  marker: { request: { readonly group: string }; reply: HomeMarker | undefined }
  claim: { request: ClaimRequest; reply: GroupHome[] }
  lookup: { request: LookupRequest; reply: (GroupHome | null)[] }
  moveHomes: { request: MoveHomesRequest; reply: (GroupHome | null)[] }
  grantedHomes: { request: GrantedHomesRequest; reply: GrantedHomes }
  inheritHomes: { request: InheritHomesRequest; reply: null }
  homeCensus: { request: CensusRequest; reply: CensusReply }
  claimedHomes: { request: ClaimedHomesRequest; reply: ClaimedHomes }
  enterHomes: { request: EnterHomesRequest; reply: null }
  skipClaims: { request: SkipClaimsRequest; reply: null }
}

export const routingHandlers: Handlers<RoutingOperations> = {
  reads: {
    ...{ read, readMany, list, listAtHome, current, lookup, homeCensus, claimedHomes },
    grantedHomes,
    hasSeen: (store, { slot, seen, whole }) => hasSeen(store, slot, seen, whole),
    marker: (store, { group }) => store.homeMarker(group),
    locate: (store, { group }) => findHome(store, group, soundHead(store.heldHead(group))),
  },
  writes: {
    ...{ write, writeMany, transact, claim, moveHomes },
    ...{ expire, expireKey, enterHomes, skipClaims, inheritHomes },
  },
  counts: { writeMany: ({ keys }) => keys.length },
}
