/**
 * What a copy knows of a group's home. Three sources, the strongest first: the marker that a home
 * writes into its feed; what the policy computes; and, where the group is the whole key, the record
 * itself, which carries the term and the feed of the home that wrote it (such groups have no
 * marker until they are moved).
 *
 * Between two homes nobody acts as home: the marker says that its home has stopped, and the next
 * one has to win a later term at the registrar first. Nor does a region act as home that lacks
 * something of what homes before it have written.
 *
 * Of a group that was erased nothing is left but the erasure in the ledger. The region that erased
 * it goes on as its home for whoever asks, and has nothing to tell; but it writes nothing under
 * that term any more: before the first write of another life it wins a later one at the registrar.
 * Once it has left the homes of the dataset, the group has none, even if it comes back.
 */
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import { type FeedNumber, feedRegionNumber, type Position } from '../model/position.ts'
import type { RegionId, Slot } from '../model/slot.ts'
import { IMPLICIT_TERM } from '../model/version.ts'
import type { FeedEnd, HomeMarker } from '../storage/home-marker.ts'
import { movedTo, noteReclaim } from '../storage/purge.ts'
import type { RecordHead } from '../storage/record.ts'
import type { GroupHome } from '../storage/row-values.ts'
import type { StoreReader } from '../storage/store.ts'
import type { StoreTransaction } from '../storage/transaction.ts'
import type { FeedPoint } from './operation.ts'

export interface KnownHome {
  readonly region: RegionId
  readonly term: number
}

/** Whether this region may act as a group's home. */
export type Standing =
  /** `isErased`: the group was erased under this term, and has not been written since. */
  | { readonly kind: 'home'; readonly home: KnownHome; readonly isErased?: true }
  | { readonly kind: 'elsewhere'; readonly home: KnownHome }
  /**
   * The group is on its way from or to this region: what is to be done has to wait. `heldMs`: it is
   * here, and its writes are held so long at most.
   */
  | { readonly kind: 'between'; readonly heldMs?: number }
  /** `over`: a claim counts only above this term, which is that of an erasure. */
  | { readonly kind: 'homeless'; readonly over?: number }

/** What a copy finds out about a group's home. */
interface Found {
  readonly home: KnownHome
  /** It counts: none of a later term is known. */
  readonly marker: HomeMarker | undefined
  readonly isErased?: true
}

/**
 * `held` is the record of a key of the group: it counts where the group is the whole key. A region
 * that is home of nothing any more has given the group up, and this copy has yet to hear to whom.
 */
function find(store: StoreReader, group: string, held: RecordHead | undefined): Found | undefined {
  const found = findAny(store, group, held)
  if (!found) return undefined
  const { placement, self } = store.context
  const { region, term } = found.home
  if (found.isErased && placement.hasGivenUp(region, term)) return undefined
  if (placement.isSource(region)) return found
  return region === self && !found.isErased ? found : undefined
}

function findAny(
  store: StoreReader,
  group: string,
  held: RecordHead | undefined,
): Found | undefined {
  const { placement, regions } = store.context
  const marker = store.homeMarker(group)
  const ofRecord = placement.data.groupBySegments === null ? held : undefined
  const termOfRecord = ofRecord?.version.term ?? IMPLICIT_TERM
  const erasure = store.erasure(group)
  if (erasure && Math.max(marker?.term ?? IMPLICIT_TERM, termOfRecord) <= erasure.term) {
    const region = regions.idOf(feedRegionNumber(erasure.feed))
    return { home: { region, term: erasure.term }, marker: undefined, isErased: true }
  }
  if (marker && marker.term >= termOfRecord) {
    return { home: { region: regions.idOf(marker.region), term: marker.term }, marker }
  }
  const computed = termOfRecord === IMPLICIT_TERM ? computedHome(store, group, ofRecord) : undefined
  if (computed !== undefined) {
    return { home: { region: computed, term: IMPLICIT_TERM }, marker: undefined }
  }
  if (!ofRecord) return undefined
  const region = regions.idOf(feedRegionNumber(ofRecord.feed))
  return { home: { region, term: termOfRecord }, marker: undefined }
}

/**
 * As the policy computes it. Once it is about to compute other homes, a group that has not begun
 * here never does without a claim: docs/PROTOCOL.md.
 */
function computedHome(
  store: StoreReader,
  group: string,
  held: RecordHead | undefined,
): RegionId | undefined {
  const { placement, self } = store.context
  const home = placement.computedHome(group)
  if (home !== self || placement.beginsComputed(group) || held) return home
  return hasRecords(store, group) ? home : undefined
}

function hasRecords(store: StoreReader, group: string): boolean {
  const { placement } = store.context
  if (placement.data.groupBySegments === null) return store.heldHead(group) !== undefined
  for (const { key } of store.recordRows(group)) {
    if (placement.groupOf(key) === group) return true
    if (!key.startsWith(group)) return false
  }
  return false
}

/**
 * Where a group is said to have its home: a good guess, which only that region can confirm. Between
 * two homes it is the other one of the two, at the one that stopped and at the next.
 */
export function findHome(
  store: StoreReader,
  group: string,
  held: RecordHead | undefined,
): KnownHome | undefined {
  const found = find(store, group, held)
  return found && guess(store, found)
}

function guess(store: StoreReader, { home, marker }: Found): KnownHome {
  if (!marker?.stopped) return home
  const { placement, regions, self } = store.context
  const next = regions.idOf(marker.stopped.to)
  return next === self || !placement.isSource(next) ? home : { region: next, term: home.term }
}

/**
 * Whether this region may act as home. `claimed` is what the registrar has just answered to a claim
 * that it made.
 */
export function standingOf(
  store: StoreReader,
  group: string,
  held: RecordHead | undefined,
  claimed?: GroupHome,
): Standing {
  const { self, regions } = store.context
  const { placement } = store.context
  const found = find(store, group, held)
  if (claimed && !placement.mayHome(self) && placement.data.changing?.isClosing) {
    throw new DenizenError('stale_policy', `${self} takes no homes of the dataset any more`)
  }
  const over = found ? found.home.term : store.erasure(group)?.term
  if (claimed && !(over !== undefined && over >= claimed.term)) {
    // A claim is for a group without a home; one that had a home is taken over with a marker.
    if (found?.marker || claimed.moved) return { kind: 'between' }
    const home = { region: regions.idOf(claimed.region), term: claimed.term }
    if (!placement.hasGivenUp(home.region, home.term)) return at(self, home)
    throw new DenizenError('stale_policy', `${home.region} was granted it by an earlier policy`)
  }
  if (!found) return { kind: 'homeless', ...(over !== undefined && { over }) }
  const { home, marker } = found
  if (marker?.stopped) {
    const isParty = home.region === self || regions.idOf(marker.stopped.to) === self
    return isParty ? { kind: 'between' } : { kind: 'elsewhere', home: guess(store, found) }
  }
  if (home.region === self && !placement.isSource(self)) {
    throw new DenizenError('stale_policy', `${self} is no home of the dataset any more`)
  }
  // Another region may claim it, as soon as that one is a phase ahead.
  if (home.region === self && found.isErased && placement.hasHandedOver(self)) {
    return { kind: 'between' }
  }
  if (home.region === self && !hasPast(store, group, marker?.past)) return { kind: 'between' }
  return found.isErased && home.region === self
    ? { kind: 'home', home, isErased: true }
    : at(self, home)
}

/**
 * Of a home that is to change something: not while writes of the group are held. Throws
 * `group_moved` where it is to bring something into being that goes on in another partition.
 */
export function toChange(
  store: StoreTransaction,
  group: string,
  standing: Standing,
  { begins, nowMs }: { readonly begins: boolean; readonly nowMs: number },
): Standing {
  if (standing.kind !== 'home') return standing
  const { holds, hashOfGroup } = store.context
  const heldMs = holds?.remainingMs(group, nowMs) ?? 0
  if (heldMs > 0) return { kind: 'between', heldMs }
  if (!begins) return standing
  const to = standing.isErased && movedTo(store, hashOfGroup(group))
  if (to) {
    const detail = 'its group was moved to another partition of the dataset: see movedTo'
    throw new DenizenError('group_moved', detail, { extra: { movedTo: to } })
  }
  return unlessErased(store, group, standing)
}

/**
 * Of a home that is to bring something into being: nothing may be written under the term of an
 * erasure, so the group has to be claimed first. That is noted before anybody is asked, for the
 * erasure that comes next: docs/PROTOCOL.md.
 */
export function unlessErased(store: StoreTransaction, group: string, standing: Standing): Standing {
  if (standing.kind !== 'home' || !standing.isErased) return standing
  noteReclaim(store, store.context.hashOfGroup(group))
  return { kind: 'homeless', over: standing.home.term }
}

/** The change that an absence is due to, where the group was erased: what sessions remember. */
export function erasurePoint(store: StoreReader, group: string): FeedPoint | undefined {
  const erasure = store.erasure(group)
  return erasure && { slot: erasure.slot, feed: erasure.feed, position: erasure.position }
}

const at = (self: RegionId, home: KnownHome): Standing => ({
  ...{ kind: home.region === self ? 'home' : 'elsewhere', home },
})

/** This copy has all that earlier homes of the group have written. */
export function hasPast(
  store: StoreReader,
  group: string,
  past: readonly FeedEnd[] | undefined,
): boolean {
  if (!past) return true
  const { placement, ownFeed } = store.context
  const slot = placement.slotOf(group)
  return past.every(
    ({ feed, position }) => feed === ownFeed || isCompleteTo(store, slot, feed, position),
  )
}

/**
 * This copy has all of a feed up to a position. Of a region that is home of nothing any more every
 * copy had all before it left, and who got a copy since got it with that.
 */
export function isCompleteTo(
  store: StoreReader,
  slot: Slot,
  feed: FeedNumber,
  position: Position,
): boolean {
  if (store.feedState(slot, feed).complete >= position) return true
  const { placement, regions } = store.context
  return !placement.isSource(regions.idOf(feedRegionNumber(feed)))
}

/**
 * True where this copy may lack changes of a group's earlier homes, so that its age is not that of
 * what the home's feed has brought.
 */
export function lacksPast(store: StoreReader, group: string): boolean {
  const marker = store.homeMarker(group)
  if (!marker) return false
  // Which of the two regions went on is not known here: it may be the one that had stopped.
  return marker.stopped !== undefined || !hasPast(store, group, marker.past)
}

/** Writes a claimed home into the feed, with the first write of its group. */
export function markHome(
  store: StoreTransaction,
  slot: Slot,
  group: string,
  claimed: GroupHome | undefined,
): void {
  const { placement, ownFeed } = store.context
  if (!claimed || placement.data.groupBySegments === null || store.homeMarker(group)) return
  assert(claimed.feed === ownFeed, 'a claim names the feed that the home writes')
  store.putHomeMarker(slot, group, { ...claimed, position: store.appendPosition(slot) })
}
