/**
 * `erase`: ends the life of a group, if this region is its home. In one commit everything that
 * names the group goes from this store, and the erasure goes into the ledger and, at a position of
 * its own, into the feed, so that every copy does the same when it comes by. A group that nobody
 * has written yet is claimed and erased all the same: what others may have of it goes then, too.
 * Said of a group that was moved to another partition, it makes the name free again.
 */
import { assert } from '../../model/assert.ts'
import { IMPLICIT_TERM } from '../../model/version.ts'
import type { Erasure } from '../../storage/erasure.ts'
import { applyErasure, forgetMove, mayBeReclaimed } from '../../storage/purge.ts'
import { damagedHead, soundHead } from '../../storage/record.ts'
import type { GroupHome } from '../../storage/row-values.ts'
import type { StoreTransaction } from '../../storage/transaction.ts'
import { emptyGroup, groupState } from '../group-records.ts'
import { type Standing, standingOf, unlessErased } from '../home.ts'
import type { NotAtHome } from './write.ts'

export interface EraseRequest {
  readonly group: string
  /** The home's wall clock. */
  readonly nowMs: number
  /** The registrar's answer to a claim that this region has just made for the group. */
  readonly claimed?: GroupHome
  /** Only a group in this state is erased: see `GroupState`. */
  readonly ifTag?: string
  /** The prefix of the partition in which its life goes on. */
  readonly movedTo?: string
}

export type EraseReply =
  /** What stands in the ledger; a group that has not been written since is not erased again. */
  | { readonly kind: 'erased'; readonly hash: string; readonly erasure: Erasure }
  /** It is in another state: nothing was done. */
  | { readonly kind: 'changed' }
  | NotAtHome

export function erase(store: StoreTransaction, request: EraseRequest): EraseReply {
  const { group, nowMs, claimed } = request
  const { placement, hashOfGroup, ownFeed: feed } = store.context
  const held = store.heldHead(group)
  const hash = hashOfGroup(group)
  const stands = standingOf(store, group, soundHead(held), claimed)
  // A record that is damaged may be of a later life: the registrar knows its term.
  const mayLive = held === damagedHead || mayBeReclaimed(store, hash)
  const standing = withLastTerm(store, group, mayLive ? unlessErased(store, group, stands) : stands)
  if (standing.kind !== 'home') return standing
  if (request.ifTag !== undefined) {
    const state = standing.isErased ? emptyGroup : groupState(store, group)
    if (state.tag !== request.ifTag) return { kind: 'changed' }
  }
  store.context.holds?.release(group)
  if (standing.isErased) forgetMove(store, hash)
  else {
    const slot = placement.slotOf(group)
    const position = store.appendPosition(slot)
    const { term } = standing.home
    const erasure = { slot, term, feed, position, atMs: Math.floor(nowMs) }
    applyErasure(store, hash, erasure, { feed, position }, request.movedTo)
  }
  const erasure = store.erasureOf(hash)
  assert(erasure, 'what is erased stands in the ledger')
  return { kind: 'erased', hash, erasure }
}

/**
 * While the policy is about to compute other homes, those that it has computed claim terms of their
 * own: the registrar may name the group under one that is not written here yet. One that leaves may
 * not claim, and erases nothing while its homes move: the group is somewhere else soon, and nobody
 * is to claim it there who has not heard of its erasure.
 */
function withLastTerm({ context }: StoreTransaction, group: string, standing: Standing): Standing {
  if (standing.kind !== 'home' || standing.isErased) return standing
  const { placement, self } = context
  const { term } = standing.home
  const isClosing = placement.data.changing?.isClosing === true
  const claimsFirst = !placement.beginsComputed(group) && (placement.mayHome(self) || isClosing)
  return claimsFirst && term === IMPLICIT_TERM ? { kind: 'homeless', over: term } : standing
}
