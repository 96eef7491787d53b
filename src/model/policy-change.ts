/**
 * A change from one policy to the next, phase by phase. Every region takes each phase up by itself,
 * so that two regions differ by one phase at most; what may be done in a phase is such that it
 * agrees with the phase before and the one after. docs/PROTOCOL.md says what each of them prevents.
 *
 *   prepare   as before; regions that gain a copy make room for it
 *   copy      claims and registrars by the next policy; copies are sent to those that gain one
 *   transfer  homes move to where the next policy wants them; acknowledgements count by the next
 *   settle    clients are served by the next; all have what leaving regions had
 *   erase     copies are kept by the next: leaving regions erase theirs
 */
import type { HomeRuleData } from './home-rule.ts'
import type { PlacementData, PolicyData } from './placement.ts'
import type { RegionId } from './slot.ts'

export const phases = ['prepare', 'copy', 'transfer', 'settle', 'erase'] as const
export type Phase = (typeof phases)[number]

export const isFrom = (phase: Phase, first: Phase): boolean =>
  phases.indexOf(phase) >= phases.indexOf(first)

/** Undefined: it was the last one, and the next policy comes into force. */
export const phaseAfter = (phase: Phase): Phase | undefined => phases[phases.indexOf(phase) + 1]

export interface PolicyChange {
  readonly policy: PolicyData
  readonly phase: Phase
}

/** What regions act by: the policy in force, or what a phase makes of it and the next. */
export function effectivePolicy(current: PolicyData, change: PolicyChange | undefined): PolicyData {
  if (!change) return current
  const { policy: next, phase } = change
  const before = new Map(current.placements.map(placement => [placement.id, placement]))
  const after = new Map(next.placements.map(placement => [placement.id, placement]))
  const ids = [...new Set([...before.keys(), ...after.keys()])]
  const isNext = isFrom(phase, 'settle')
  return {
    ...(isNext ? next : current),
    regions: unionBy(current.regions, next.regions, ({ id }) => id),
    placements: ids.flatMap(id => {
      const placement = effectivePlacement(before.get(id), after.get(id), phase)
      return placement ? [placement] : []
    }),
  }
}

function effectivePlacement(
  from: PlacementData | undefined,
  to: PlacementData | undefined,
  phase: Phase,
): PlacementData | undefined {
  if (from && to) return isSame(from, to) ? to : changed(from, to, phase)
  if (to) return added(to, phase)
  return from && erased(from, phase)
}

function changed(from: PlacementData, to: PlacementData, phase: Phase): PlacementData {
  const known = knownOf(from, to)
  const gained = without(to.store, from.store)
  if (phase === 'erase') return to
  if (phase === 'prepare') {
    const changing = { isHidden: false, incoming: gained, readable: from.store, leaving: [] }
    return { ...from, changing: { ...changing, isClosing: false, counted: from.store, known } }
  }
  const isNext = phase === 'settle'
  const counts = phase === 'copy' ? from : to
  const { acks: _, ...rest } = to
  const since = { ...from.since, ...to.since }
  return {
    ...rest,
    // Of those that leave again, too: what they gave up then they have not got back.
    ...(Object.keys(since).length > 0 && { since }),
    ...(counts.acks !== undefined && { acks: counts.acks }),
    ...(isNext ? {} : servedAs(from)),
    store: union(from.store, to.store),
    changing: {
      isHidden: false,
      incoming: [],
      readable: isNext ? to.store : from.store,
      leaving: without(from.home, to.home),
      isClosing: phase !== 'copy',
      counted: counts.store,
      ...(isNext ? {} : { former: ruleOf(from) }),
      known,
    },
  }
}

function added(to: PlacementData, phase: Phase): PlacementData {
  if (isFrom(phase, 'settle')) return to
  const store = phase === 'prepare' ? [] : to.store
  const changing = { isHidden: true, incoming: to.store, readable: [], leaving: [] }
  return {
    ...to,
    ...{ store, serve: [] },
    changing: { ...changing, isClosing: false, counted: store, known: knownOf(to) },
  }
}

function erased(from: PlacementData, phase: Phase): PlacementData | undefined {
  if (phase === 'erase') return undefined
  if (phase !== 'settle') return from
  const changing = { isHidden: true, incoming: [], readable: [], leaving: [] }
  return {
    ...from,
    ...{ home: [], serve: [] },
    changing: { ...changing, isClosing: true, counted: from.store, known: knownOf(from) },
  }
}

/** Regions that store something now that they may not store by the next policy. */
export function losingRegions(current: PolicyData, next: PolicyData): RegionId[] {
  const after = new Map(next.placements.map(placement => [placement.id, placement]))
  return union(
    ...current.placements.map(({ id, store }) => without(store, after.get(id)?.store ?? [])),
  )
}

const isSame = (from: PlacementData, to: PlacementData): boolean =>
  JSON.stringify(sorted(from)) === JSON.stringify(sorted(to))

const sorted = (of: PlacementData): unknown =>
  Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1))

/** What a request meets, where the other policy does not serve it yet. */
const servedAs = ({ serve, outside, anywhere, forbidden }: PlacementData) => ({
  ...{ serve, outside, anywhere, forbidden },
})

const ruleOf = ({ homing, home, claimed }: PlacementData): HomeRuleData => ({
  ...{ homing, home },
  ...(claimed && { claimed }),
})

const knownOf = (...of: readonly PlacementData[]): RegionId[] =>
  union(...of.flatMap(({ store, serve }) => [store, serve]))

/**
 * The next policy as it is kept: with what it has to remember of the one before. `desired` has the
 * datasets too that the file leaves out (`withLeftOut`), but for those that are to be erased.
 */
export function nextPolicy(current: PolicyData, desired: PolicyData): PolicyData {
  const before = new Map(current.placements.map(placement => [placement.id, placement]))
  return {
    ...desired,
    placements: desired.placements.map(to => {
      const from = before.get(to.id)
      return from ? remembering(from, plain(to)) : plain(to)
    }),
  }
}

/** What a file can say of a placement. */
export function plain(placement: PlacementData): PlacementData {
  const { claimed: _, left: __, changing: ___, since: ____, ...rest } = placement
  return rest
}

function remembering(from: PlacementData, to: PlacementData): PlacementData {
  const claimed = from.claimed ?? (computesAlike(from, to) ? undefined : { assigned: from.home })
  const assigned = claimed?.assigned.filter(region => to.home.includes(region))
  const lost = union(from.left ?? [], from.store, without(from.serve, to.serve))
  const left = without(lost, to.store)
  return {
    ...to,
    ...(assigned && { claimed: { assigned } }),
    ...(left.length > 0 && { left }),
    ...sinceOf(to, Object.entries(from.since ?? {})),
  }
}

/**
 * The next policy with what is known of it once it is known which registrars it has: by dataset,
 * the epoch of those that are others then.
 */
export function withEpochs(
  current: PolicyData,
  next: PolicyData,
  epochs: ReadonlyMap<string, number>,
): PolicyData {
  const before = new Map(current.placements.map(({ id, home }) => [id, home]))
  return {
    ...next,
    placements: next.placements.map(placement => {
      const { id, home, since = {} } = placement
      const epoch = epochs.get(id)
      const came = without(home, before.get(id) ?? home)
      if (epoch === undefined || came.length === 0) return placement
      const entries = came.map((region): [RegionId, number] => [region, epoch])
      return { ...placement, ...sinceOf(placement, [...Object.entries(since), ...entries]) }
    }),
  }
}

function sinceOf(
  { home }: PlacementData,
  epochs: readonly (readonly [RegionId, number])[],
): Pick<PlacementData, 'since'> {
  const some = epochs.filter(([region]) => home.includes(region))
  return some.length > 0 ? { since: Object.fromEntries(some) } : {}
}

const computesAlike = (from: PlacementData, to: PlacementData): boolean =>
  sameList(from.home, to.home) && JSON.stringify(from.homing) === JSON.stringify(to.homing)

const sameList = (some: readonly string[], others: readonly string[]): boolean =>
  some.length === others.length && some.every(each => others.includes(each))

const union = (...lists: readonly (readonly string[])[]): string[] =>
  [...new Set(lists.flat())].sort()

const without = (some: readonly string[], others: readonly string[]): string[] =>
  some.filter(each => !others.includes(each))

const unionBy = <T>(some: readonly T[], others: readonly T[], of: (each: T) => string): T[] => {
  const names = new Set(some.map(of))
  return [...some, ...others.filter(each => !names.has(of(each)))]
}
