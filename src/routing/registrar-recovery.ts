/**
 * A registrar that was restored from a backup has forgotten the claims that it granted since. Every
 * region that may home reports the groups that it homes by a claim, from its own feeds, and the
 * registrar enters them again before it answers anybody. Claim counters skip ahead, so that the
 * term of a claim that nobody has written under is not given a second time.
 */
import { assert } from '../model/assert.ts'
import type { Position } from '../model/position.ts'
import type { RegionId, Slot } from '../model/slot.ts'
import { IMPLICIT_TERM, termInEpoch } from '../model/version.ts'
import { entryKind } from '../storage/feed-entry.ts'
import type { GroupHome } from '../storage/row-values.ts'
import type { StoreReader } from '../storage/store.ts'
import type { StoreTransaction } from '../storage/transaction.ts'

/** More claims than a slot sees between a backup and the loss of the disk. */
const CLAIMS_SKIPPED = 2 ** 20

export interface ClaimedHomesRequest {
  readonly slot: Slot
  readonly after: Position
  /** Entries of the feed that are looked at. */
  readonly entriesMax: number
}

export interface ClaimedGroup {
  readonly group: string
  readonly term: number
}

export interface ClaimedHomes {
  readonly groups: readonly ClaimedGroup[]
  /** Where to go on; null: this was all. */
  readonly next: Position | null
}

/** The groups of a slot that this region homes by a claim. Throws `damaged_record`. */
export function claimedHomes(store: StoreReader, request: ClaimedHomesRequest): ClaimedHomes {
  const { slot, after, entriesMax } = request
  const groups: ClaimedGroup[] = []
  let looked = 0
  let last = after
  for (const { position, kind, text } of store.feedEntries(slot, store.context.ownFeed, after)) {
    // What was written together shares a position: a page ends between two of them.
    if (looked >= entriesMax && position !== last) return { groups, next: last }
    looked += 1
    last = position
    if (kind === entryKind.idempotency || kind === entryKind.erasure) continue
    const home = kind === entryKind.home ? store.homeMarker(text) : wholeKeyHome(store, text)
    if (home && home.feed === store.context.ownFeed && home.term !== IMPLICIT_TERM) {
      groups.push({ group: text, term: home.term })
    }
  }
  return { groups, next: null }
}

/** Where the group is the whole key, its record tells the home. */
function wholeKeyHome(
  store: StoreReader,
  key: string,
): Pick<GroupHome, 'feed' | 'term'> | undefined {
  if (store.context.placement.data.groupBySegments !== null) return undefined
  const head = store.recordHead(key)
  return head && { feed: head.feed, term: head.version.term }
}

export interface EnterHomesRequest {
  readonly region: RegionId
  /** The feed that the region writes. */
  readonly feed: number
  readonly groups: readonly ClaimedGroup[]
}

/** Enters homes that a region has reported, where no later claim stands. */
export function enterHomes(store: StoreTransaction, request: EnterHomesRequest): null {
  const { region, feed, groups } = request
  const number = store.context.regions.numberOf(region)
  for (const { group, term } of groups) {
    const standing = store.registrarEntry(group)
    if ((standing && standing.term >= term) || store.isErased(group, term)) continue
    store.putRegistrarEntry(group, { region: number, feed, term })
    const { epoch, n } = termInEpoch(term)
    const slot = store.context.placement.slotOf(group)
    const counter = store.claimCounter(slot)
    const isAhead = !counter || counter.epoch < epoch || (counter.epoch === epoch && counter.n < n)
    if (isAhead) store.putClaimCounter(slot, { epoch, n })
  }
  return null
}

export interface SkipClaimsRequest {
  readonly slot: Slot
  /** The epoch under which this region is registrar of the slot. */
  readonly epoch: number
}

export function skipClaims(store: StoreTransaction, { slot, epoch }: SkipClaimsRequest): null {
  const counter = store.claimCounter(slot)
  assert(!counter || counter.epoch <= epoch, 'registrar epochs only go up')
  const n = counter?.epoch === epoch ? counter.n : 0
  store.putClaimCounter(slot, { epoch, n: n + CLAIMS_SKIPPED })
  return null
}
