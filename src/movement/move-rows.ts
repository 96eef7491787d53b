/** What re-homing reads and writes in the shard. */
import { findHome, hasPast, type KnownHome, standingOf } from '../execution/home.ts'
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import { type FeedNumber, positionsBetween } from '../model/position.ts'
import type { RegionId } from '../model/slot.ts'
import { endsOf, type FeedEnd, type HomeMarker, type MoveReason } from '../storage/home-marker.ts'
import { soundHead } from '../storage/record.ts'
import type { GroupHome } from '../storage/row-values.ts'
import type { StoreReader } from '../storage/store.ts'
import type { StoreTransaction } from '../storage/transaction.ts'

/** What a copy knows of the homes of a group. */
export interface HomeState {
  /** Where the group is said to be homed. */
  readonly home: KnownHome | undefined
  readonly marker: HomeMarker | undefined
  /** This region may act as home now. */
  readonly isHere: boolean
  /** It is home of what was erased, and not written since: see `Standing`. */
  readonly isErased: boolean
  /** The copy has all that the marker asks for. */
  readonly isComplete: boolean
  /** What the next home has to have, if this one were to stop now. */
  readonly ends: readonly FeedEnd[]
}

export interface GroupRequest {
  readonly group: string
}

export function homeState(store: StoreReader, { group }: GroupRequest): HomeState {
  const held = soundHead(store.heldHead(group))
  const marker = store.homeMarker(group)
  const standing = standingOf(store, group, held)
  const isErased = standing.kind === 'home' && standing.isErased === true
  const { placement, ownFeed } = store.context
  const { end } = store.feedState(placement.slotOf(group), ownFeed)
  // Without a marker the group was never moved: all changes of it are in the feed of its home.
  const past = marker ? endsOf(marker) : []
  return {
    // An erased group is nowhere until it is written again.
    home: isErased ? undefined : findHome(store, group, held),
    ...{ marker, isHere: standing.kind === 'home' && !isErased, isErased },
    isComplete: hasPast(store, group, marker?.stopped ? endsOf(marker) : marker?.past),
    ends: [...past.filter(({ feed }) => feed !== ownFeed), { feed: ownFeed, position: end }],
  }
}

/** How many changes of these feeds a copy of the slot lacks; at least, over several generations. */
export function changesLacking(
  store: StoreReader,
  { group, ends }: GroupRequest & { readonly ends: readonly FeedEnd[] },
): number {
  const { placement, ownFeed } = store.context
  const slot = placement.slotOf(group)
  const lacking = ({ feed, position }: FeedEnd): number =>
    feed === ownFeed ? 0 : positionsBetween(store.feedState(slot, feed).complete, position)
  return ends.reduce((sum, end) => sum + lacking(end), 0)
}

export interface StopHomeRequest extends GroupRequest {
  /** Only as home of this term. */
  readonly term: number
  readonly to: RegionId
  readonly why: MoveReason
}

/**
 * Ends this region's term as home: whatever it has accepted lies before the marker, and it accepts
 * nothing more. False where it is not the home at that term.
 */
export function stopHome(store: StoreTransaction, request: StopHomeRequest): boolean {
  const { group, term, to, why } = request
  const { placement, regions, self, ownFeed } = store.context
  assert(to !== self, 'a group moves to another region')
  // The policy has changed since it was asked for.
  if (!placement.mayHome(to)) return false
  const standing = standingOf(store, group, soundHead(store.heldHead(group)))
  if (standing.kind !== 'home' || standing.home.term !== term || standing.isErased) return false
  const held = store.homeMarker(group)
  const slot = placement.slotOf(group)
  store.putHomeMarker(slot, group, {
    ...{ region: regions.numberOf(self), feed: ownFeed, term },
    position: store.appendPosition(slot),
    ...(held?.why && held.term === term && { why: held.why }),
    stopped: { to: regions.numberOf(to), why },
    ...pastOf(held?.past ?? [], ownFeed),
  })
  return true
}

export interface TakeHomeRequest extends GroupRequest {
  /** As the registrar has granted it to this region. */
  readonly home: GroupHome
}

/**
 * Begins this region's term as home, under a grant of the registrar. Undefined where the copy lacks
 * the marker that ended the term before, or something that it asks for.
 */
export function takeHome(
  store: StoreTransaction,
  { group, home }: TakeHomeRequest,
): KnownHome | undefined {
  const { placement, regions, self, ownFeed } = store.context
  const region = regions.numberOf(self)
  const { feed, term } = home
  assert(home.region === region && feed === ownFeed, 'a region takes what it was granted')
  if (!placement.isSource(self)) {
    throw new DenizenError('stale_policy', `${self} is no home of the dataset any more`)
  }
  const held = store.homeMarker(group)
  if (held && held.term >= home.term) {
    return { region: regions.idOf(held.region), term: held.term }
  }
  if (!held?.stopped) return undefined
  const isOwn = held.region === region
  if (!hasPast(store, group, isOwn ? held.past : endsOf(held))) return undefined
  const slot = placement.slotOf(group)
  const { why } = held.stopped
  store.putHomeMarker(slot, group, {
    ...{ region, feed, term },
    position: store.appendPosition(slot),
    why: held.stopped.to === region ? why : { ...why, kind: 'returned' },
    ...pastOf(isOwn ? (held.past ?? []) : endsOf(held), ownFeed),
  })
  return { region: self, term: home.term }
}

/** Nobody has to follow the feed that it writes itself. */
function pastOf(
  ends: readonly FeedEnd[],
  ownFeed: FeedNumber,
): { readonly past?: readonly FeedEnd[] } {
  const past = ends.filter(({ feed }) => feed !== ownFeed)
  return past.length > 0 ? { past } : {}
}

export interface UnsettledRequest {
  readonly after: string | null
  /** Markers that are looked at. */
  readonly max: number
}

export interface UnsettledReply {
  readonly groups: readonly string[]
  /** Where to go on; null: this was all. */
  readonly next: string | null
}

/** Groups between two homes of which this region is one. */
export function unsettledGroups(
  store: StoreReader,
  { after, max }: UnsettledRequest,
): UnsettledReply {
  const groups: string[] = []
  const region = store.context.regions.numberOf(store.context.self)
  let looked = 0
  for (const { group, marker } of store.homeMarkers(after, null)) {
    const { stopped } = marker
    if (stopped && (marker.region === region || stopped.to === region)) groups.push(group)
    looked += 1
    if (looked >= max) return { groups, next: group }
  }
  return { groups, next: null }
}
