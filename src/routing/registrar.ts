/**
 * The registrar's side of homing, as it runs in the shard: who asks first for a group without a
 * home gets it. Entries and counters are rows of the dataset's own store, so they never leave the
 * regions that may store the dataset, and they are durable before anybody is told.
 *
 * The registrar of a (dataset, slot) is one region at one epoch. Terms are made of the epoch and
 * the slot's claim counter, so a term is never given twice, whatever a registrar forgets or whoever
 * follows it.
 */
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import type { Key } from '../model/key.ts'
import { type FeedNumber, feedRegionNumber } from '../model/position.ts'
import type { RegionNumber, Slot } from '../model/slot.ts'
import { claimTerm, IMPLICIT_TERM } from '../model/version.ts'
import type { GroupHome } from '../storage/row-values.ts'
import type { StoreReader } from '../storage/store.ts'
import type { StoreTransaction } from '../storage/transaction.ts'

export interface Claim {
  readonly group: string
  /** Who wants to be home, and the feed that it would write. */
  readonly region: RegionNumber
  readonly feed: FeedNumber
  /** A home of this term or an earlier one does not count any more: the group was erased. */
  readonly over?: number
}

export interface ClaimRequest {
  /** The epoch under which this region is registrar; the caller has checked it. */
  readonly epoch: number
  readonly claims: readonly Claim[]
}

/** The home of each group, in order: the claimant, or whoever was first. */
export function claim(store: StoreTransaction, { epoch, claims }: ClaimRequest): GroupHome[] {
  refuseUnlessRegistrar(store, epoch)
  return claims.map(one => claimOne(store, epoch, one))
}

/**
 * The last look at the epoch, in the shard's own turn: once the policy names other registrars, this
 * one grants nothing more, and what it has granted until then is what the next one takes over.
 */
function refuseUnlessRegistrar({ context }: StoreTransaction, epoch: number): void {
  if (context.registrarEpoch === undefined || context.registrarEpoch === epoch) return
  throw new DenizenError('stale_policy', 'the claim is of another epoch of the registrar')
}

function refuseUnlessHome({ context }: StoreTransaction, number: RegionNumber): void {
  const { placement, regions } = context
  const region = regions.idOf(number)
  if (placement.mayHome(region)) return
  throw placement.isOfOtherPolicy(region)
    ? new DenizenError('stale_policy', `${region} takes no homes of the dataset any more`)
    : new DenizenError('residency_violation', 'a region that may not home claimed a group')
}

/**
 * A region that left the homes of the dataset homes nothing, even if it has come back: it was
 * granted what it never has begun with.
 */
function standingEntry(store: StoreReader, group: string): GroupHome | undefined {
  const { placement, regions } = store.context
  const entry = entryOf(store, group)
  if (!entry) return undefined
  const region = regions.idOf(entry.region)
  return placement.isSource(region) && !placement.hasGivenUp(region, entry.term) ? entry : undefined
}

function claimOne(
  store: StoreTransaction,
  epoch: number,
  { group, region, feed, over = -1 }: Claim,
): GroupHome {
  const standing = standingEntry(store, group)
  if (standing && standing.term > over) return standing
  refuseUnlessHome(store, region)
  return grant(store, epoch, group, { region, feed })
}

export interface MoveHome {
  readonly group: string
  /** Under which the home was stopped. */
  readonly fromTerm: number
  /** Who is to be home, and the feed that it would write. */
  readonly region: RegionNumber
  readonly feed: FeedNumber
}

export interface MoveHomesRequest {
  readonly epoch: number
  readonly moves: readonly MoveHome[]
}

/**
 * The home of each group after its compare-and-set, in order; null where the registrar knows of no
 * home to compare with. Who asks again is answered the same.
 */
export function moveHomes(
  store: StoreTransaction,
  { epoch, moves }: MoveHomesRequest,
): (GroupHome | null)[] {
  refuseUnlessRegistrar(store, epoch)
  return moves.map(one => moveOne(store, epoch, one))
}

function moveOne(
  store: StoreTransaction,
  epoch: number,
  { group, fromTerm, region, feed }: MoveHome,
): GroupHome | null {
  const { placement } = store.context
  const standing = entryOf(store, group)
  const computed = placement.computedHome(group) !== undefined ? IMPLICIT_TERM : undefined
  const decision = decideMove(standing?.term ?? computed, fromTerm)
  if (decision === 'unknown') return null
  if (decision === 'stands') return standing ?? null
  refuseUnlessHome(store, region)
  return grant(store, epoch, group, { region, feed, moved: true })
}

/**
 * The compare-and-set of a group's home: what becomes of a wish to follow `fromTerm`, where
 * `standingTerm` is that of the home that the registrar knows, if any.
 */
export function decideMove(
  standingTerm: number | undefined,
  fromTerm: number,
): 'grant' | 'stands' | 'unknown' {
  if (standingTerm === undefined || standingTerm < fromTerm) return 'unknown'
  return standingTerm === fromTerm ? 'grant' : 'stands'
}

/** Enters a home under a term that no home of the slot has had. */
function grant(
  store: StoreTransaction,
  epoch: number,
  group: string,
  who: Omit<GroupHome, 'term'>,
): GroupHome {
  const { placement } = store.context
  const slot = placement.slotOf(placement.groupOf(group as Key))
  const counter = store.claimCounter(slot)
  assert(!counter || counter.epoch <= epoch, 'registrar epochs only go up')
  const n = counter?.epoch === epoch ? counter.n + 1 : 1
  const home = { ...who, term: claimTerm(epoch, n) }
  store.putClaimCounter(slot, { epoch, n })
  store.putRegistrarEntry(group, home)
  return home
}

export interface LookupRequest {
  readonly groups: readonly string[]
}

/** The registered home of each group, in order; null where nobody has claimed it. */
export const lookup = (store: StoreReader, { groups }: LookupRequest): (GroupHome | null)[] =>
  groups.map(group => standingEntry(store, group) ?? null)

export interface InheritHomesRequest {
  readonly homes: readonly { readonly group: string; readonly home: GroupHome }[]
}

/** What the registrar before has granted goes in where no later home stands. */
export function inheritHomes(store: StoreTransaction, { homes }: InheritHomesRequest): null {
  for (const { group, home } of homes) {
    const standing = entryOf(store, group)
    if (store.isErased(group, home.term)) continue
    if (!standing || standing.term < home.term) store.putRegistrarEntry(group, home)
  }
  return null
}

export interface GrantedHomesRequest {
  /** Of these slots. */
  readonly slots: readonly Slot[]
  readonly after: string | null
  /** Entries that are looked at. */
  readonly max: number
}

export interface GrantedHomes {
  readonly homes: InheritHomesRequest['homes']
  /** Where to go on; null: this was all. */
  readonly next: string | null
}

/** What this registrar has granted, for the one that follows it. */
export function grantedHomes(
  store: StoreReader,
  { slots, after, max }: GrantedHomesRequest,
): GrantedHomes {
  const { placement } = store.context
  const asked = new Set(slots)
  const homes: { group: string; home: GroupHome }[] = []
  let looked = 0
  for (const { group, home } of store.registrarEntries(after)) {
    if (asked.has(placement.slotOf(group))) homes.push({ group, home })
    looked += 1
    if (looked >= max) return { homes, next: group }
  }
  return { homes, next: null }
}

/**
 * What is registered. The entry of an erased group goes with all else that names it; until it is
 * claimed anew, the region that erased it is its home, as the ledger says.
 */
function entryOf(store: StoreReader, group: string): GroupHome | undefined {
  const entry = store.registrarEntry(group)
  if (entry) return entry
  const erasure = store.erasure(group)
  if (!erasure) return undefined
  const { feed, term } = erasure
  return { region: feedRegionNumber(feed), feed, term }
}
