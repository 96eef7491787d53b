/**
 * The routing decision: a pure function of the request, the placement, what is known of the group's
 * home, and which regions are near and reachable. The router applies it, feeds what it learns back
 * in as knowledge, and asks again; nothing else decides where an operation runs.
 */
import { timing } from '../model/limits.ts'
import type { Placement } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { type Admission, boundOf, type Consistency } from './service.ts'

/** What this region knows of a group's home, in the order in which it finds out. */
export type Knowledge =
  /** Nothing has been asked. */
  | { readonly kind: 'unasked' }
  /** This region's copy, if it has one, knows no home. */
  | { readonly kind: 'unknown' }
  /** The registrar says that nobody has claimed the group. */
  | { readonly kind: 'unclaimed' }
  | { readonly kind: 'home'; readonly region: RegionId; readonly term: number }

export interface Topology {
  readonly self: RegionId
  /** All regions, this one first, then by distance. */
  readonly byNearness: readonly RegionId[]
  readonly reachable: (region: RegionId) => boolean
  /** False where a relay has just been found not to reach another region. */
  readonly passes: (relay: RegionId, to: RegionId) => boolean
}

export interface Intent {
  readonly kind: 'read' | 'write'
  /**
   * False where the operation can't bring a group into being (a delete, If-Match): such a write
   * asks the registrar before it would claim.
   */
  readonly creates: boolean
  readonly consistency: Consistency
  /** Where a new group's home should be, if the policy permits: the entry region, or the header. */
  readonly hint: RegionId
  /** A session that has seen more than this region's copy has to be answered by the home. */
  readonly behind: boolean
  /** Regions whose copy was found damaged: they are not asked for it again. */
  readonly damagedAt?: ReadonlySet<RegionId>
  /** The same of regions whose copy was found older than the bound. */
  readonly tooOldAt?: ReadonlySet<RegionId>
}

/**
 * How a region runs an operation: `home` refuses unless it is the group's home, `candidate` claims
 * the group first if nobody has, `copy` answers reads from what it holds.
 */
export type Role = 'home' | 'candidate' | 'copy'

/** `relay`: the region by way of which it goes. It passes it on, and has no say in it. */
export interface Forward {
  readonly action: 'forward'
  readonly region: RegionId
  readonly as: Role
  readonly relay?: RegionId
}

export type Decision =
  | { readonly action: 'execute'; readonly as: Role }
  | Forward
  /** Ask this region's own copy who is home. */
  | { readonly action: 'consult' }
  /** Ask the registrar who is home. */
  | { readonly action: 'lookup' }
  /** Nobody ever wrote the group: reads find nothing, conditional writes fail. */
  | { readonly action: 'absent' }
  | { readonly action: 'refuse'; readonly code: 'home_unreachable' | 'no_serving_region' }

/** Copies that may turn out to be too old before a home that is reachable is asked. */
const COPIES_BEFORE_HOME = 2
/** The same where it is not: each that is asked costs a round trip. */
const COPIES_ASKED_MAX = 6
/** A copy's age swings between nothing and this: below it, other copies are seldom any younger. */
const USUAL_AGE_MS = 2 * timing.pollIntervalMs

export function decide(
  intent: Intent,
  placement: Placement,
  group: string,
  knowledge: Knowledge,
  topology: Topology,
): Decision {
  const { self } = topology
  const stores = placement.mayStore(self)
  const boundMs = boundOf(intent.consistency)
  if (intent.kind === 'read' && intent.consistency !== 'strong' && !intent.behind) {
    if (boundMs === undefined) return readAnyCopy(placement, topology, intent)
    const home = knowledge.kind === 'home' ? knowledge.region : placement.computedHome(group)
    const young = readYoungCopy(intent, boundMs, placement, topology, home)
    if (young) return young
  }
  if (knowledge.kind === 'home') return toRegion(knowledge.region, 'home', placement, topology)
  if (knowledge.kind === 'unclaimed') {
    return intent.kind === 'write' && intent.creates
      ? toCandidate(intent, placement, group, topology)
      : { action: 'absent' }
  }
  if (knowledge.kind === 'unasked') {
    const computed = placement.computedHome(group)
    if (computed !== undefined) return toRegion(computed, 'home', placement, topology)
    // A claim at this very region finds out by itself, in one turn of the shard.
    if (intent.kind === 'write' && intent.creates && intent.hint === self) {
      const isCandidate = placement.mayHome(self) && placement.preferredHome(group) === undefined
      if (isCandidate) return { action: 'execute', as: 'candidate' }
    }
    if (stores) return { action: 'consult' }
  }
  return intent.kind === 'write' && intent.creates
    ? toCandidate(intent, placement, group, topology)
    : { action: 'lookup' }
}

/**
 * The candidate for a new home: the region that the policy wants, else the hint if it may home,
 * else the nearest region that may. Where none is reachable, the same of those that a relay may
 * reach. Undefined where it can't be asked.
 */
export function candidateHome(
  hint: RegionId,
  placement: Placement,
  group: string,
  topology: Topology,
): RegionId | undefined {
  const preferred = placement.preferredHome(group)
  const wanted = preferred === undefined ? [hint, ...topology.byNearness] : [preferred]
  const inOrder = wanted.filter(region => placement.mayHome(region))
  const usable = (region: RegionId): boolean =>
    region === topology.self || topology.reachable(region)
  const passable = (region: RegionId): boolean => relayTo(region, placement, topology) !== undefined
  return inOrder.find(usable) ?? inOrder.find(passable)
}

/**
 * The region by way of which another may be asked that is not reachable from here: the nearest that
 * stores the dataset, as a relay sees what it passes on.
 */
export function relayTo(
  to: RegionId,
  placement: Placement,
  { self, byNearness, reachable, passes }: Topology,
): RegionId | undefined {
  return byNearness.find(
    relay =>
      relay !== self &&
      relay !== to &&
      placement.mayStore(relay) &&
      reachable(relay) &&
      passes(relay, to),
  )
}

function toCandidate(
  intent: Intent,
  placement: Placement,
  group: string,
  topology: Topology,
): Decision {
  const region = candidateHome(intent.hint, placement, group, topology)
  return region === undefined
    ? { action: 'refuse', code: 'home_unreachable' }
    : toRegion(region, 'candidate', placement, topology)
}

function toRegion(
  region: RegionId,
  as: 'home' | 'candidate',
  placement: Placement,
  topology: Topology,
): Decision {
  if (region === topology.self) return { action: 'execute', as }
  if (topology.reachable(region)) return { action: 'forward', region, as }
  const relay = relayTo(region, placement, topology)
  return relay === undefined
    ? { action: 'refuse', code: 'home_unreachable' }
    : { action: 'forward', region, as, relay }
}

/**
 * The nearest copy that may be young enough: each says for itself whether it is. Undefined where
 * the home is to be asked, which has everything, or for: it is the last, and where the bound is
 * shorter than copies usually are old, the first after this region.
 */
function readYoungCopy(
  intent: Intent,
  boundMs: number,
  placement: Placement,
  topology: Topology,
  home: RegionId | undefined,
): Decision | undefined {
  const decision = readAnyCopy(placement, topology, intent)
  if (decision.action !== 'forward') return decision.action === 'refuse' ? undefined : decision
  const asked = intent.tooOldAt?.size ?? 0
  const hasNoHome =
    home !== undefined &&
    (intent.damagedAt?.has(home) ||
      (!topology.reachable(home) && relayTo(home, placement, topology) === undefined))
  if (hasNoHome) return asked < COPIES_ASKED_MAX ? decision : undefined
  const isHomeNext = decision.region === home || boundMs < USUAL_AGE_MS
  return isHomeNext || asked > COPIES_BEFORE_HOME ? undefined : decision
}

function readAnyCopy(
  placement: Placement,
  { self, byNearness, reachable }: Topology,
  { damagedAt, tooOldAt }: Intent,
): Decision {
  const sound = (candidate: RegionId): boolean =>
    placement.isReadable(candidate) && !damagedAt?.has(candidate) && !tooOldAt?.has(candidate)
  if (sound(self)) return { action: 'execute', as: 'copy' }
  const region = byNearness.find(
    candidate => candidate !== self && sound(candidate) && reachable(candidate),
  )
  return region === undefined
    ? { action: 'refuse', code: 'no_serving_region' }
    : { action: 'forward', region, as: 'copy' }
}

/** May this region answer for the dataset at all? Decided before a body is read. */
export function admit(
  placement: Placement,
  topology: Topology,
  via: RegionId | undefined,
  urlOf: (region: RegionId) => string | undefined,
): Admission | { readonly kind: 'no_serving_region' } {
  const { self } = topology
  if (placement.mayServe(self)) {
    const stored = placement.isReadable(self)
    const everyKey = placement.data.prefix === ''
    return { kind: 'serve', cacheable: placement.data.anywhere, stored, everyKey }
  }
  const reason = placement.data.forbidden[self]?.serve ?? 'the policy in force does not permit it'
  if (placement.data.outside === 'refuse') return { kind: 'refuse', reason }
  if (via !== undefined) return { kind: 'no_serving_region' }
  for (const region of topology.byNearness) {
    const url = urlOf(region)
    if (url !== undefined && placement.mayServe(region) && topology.reachable(region)) {
      return { kind: 'redirect', region, url, reason }
    }
  }
  return { kind: 'no_serving_region' }
}
