/**
 * `hold`: tells the state of a group and, for a bounded time, has its writes wait, both in one turn
 * of its home. Nothing is written: see `GroupHolds`.
 */
import { movedTo } from '../../storage/purge.ts'
import { soundHead } from '../../storage/record.ts'
import type { StoreTransaction } from '../../storage/transaction.ts'
import { emptyGroup, type GroupState, groupState } from '../group-records.ts'
import { standingOf } from '../home.ts'
import type { NotAtHome } from './write.ts'

export interface HoldRequest {
  readonly group: string
  /** The home's wall clock. */
  readonly nowMs: number
  /** 0: its writes wait no longer. */
  readonly forMs: number
}

export type HoldReply =
  | {
      readonly kind: 'held'
      /** Names the group in the ledger of erasures. */
      readonly hash: string
      readonly state: GroupState
      /** Under which the group was erased last; undefined: never, as far as is known here. */
      readonly erasedTerm?: number
      /** The partition that it has gone to with that; undefined: to none, or it is back. */
      readonly movedTo?: string
    }
  | Exclude<NotAtHome, { readonly kind: 'homeless' }>

export function hold(store: StoreTransaction, { group, nowMs, forMs }: HoldRequest): HoldReply {
  const { hashOfGroup, holds } = store.context
  const held = store.heldHead(group)
  const standing = standingOf(store, group, soundHead(held))
  // Without a home, or claimed and not written yet: there is nothing.
  const isHome = standing.kind === 'home' || standing.kind === 'homeless'
  if (!isHome) return standing
  if (forMs > 0) holds?.hold(group, nowMs, forMs)
  else holds?.release(group)
  const hash = hashOfGroup(group)
  const isErased = standing.kind === 'home' && standing.isErased
  const erasure = store.erasureOf(hash)
  const to = isErased ? movedTo(store, hash) : undefined
  return {
    ...{ kind: 'held', hash, state: isErased ? emptyGroup : groupState(store, group) },
    ...(erasure && { erasedTerm: erasure.term }),
    ...(to !== undefined && { movedTo: to }),
  }
}
