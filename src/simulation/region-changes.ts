/** Regions that come to a world and retire from it, as disturbances: by changes of the policy. */
import type { PlacementData, PolicyData, PolicyRegion } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { SeededRandom } from './seeded-random.ts'

export interface RegionDisturbance {
  readonly kind: 'add region' | 'retire region'
  readonly atMs: number
  readonly forMs: 0
  readonly region: RegionId
  /** Datasets that it is to have, and of those the ones that it may be home of. */
  readonly store: readonly string[]
  readonly home: readonly string[]
}

/** Fewer are no cluster that anything is to be learnt of. */
const REGIONS_MIN = 3
const EVERY_MS = 7_000

export function drawRegionChanges(options: {
  readonly random: SeededRandom
  readonly policy: PolicyData
  readonly newcomers: readonly PolicyRegion[]
  readonly forMs: number
}): RegionDisturbance[] {
  const { random, policy, newcomers, forMs } = options
  const present = new Set(policy.regions.map(({ id }) => id))
  const absent = new Set(newcomers.map(({ id }) => id))
  const drawn: RegionDisturbance[] = []
  for (let atMs = 0; ; ) {
    atMs += random.between(0.2, 1.8) * EVERY_MS
    if (atMs > forMs) return drawn
    const retirable = [...present].filter(id => id !== policy.keeper)
    const adds = absent.size > 0 && (present.size <= REGIONS_MIN || random.oneIn(2))
    if (!adds && present.size <= REGIONS_MIN) continue
    const region = random.pick(adds ? [...absent] : retirable)
    const [from, to] = adds ? [absent, present] : [present, absent]
    from.delete(region)
    to.add(region)
    const some = policy.placements.filter(() => !random.oneIn(3)).map(({ id }) => id)
    const home = some.filter(() => random.oneIn(2))
    const kind = adds ? 'add region' : 'retire region'
    drawn.push({ kind, atMs, forMs: 0, region, store: adds ? some : [], home: adds ? home : [] })
  }
}

/** The policy with the region, or without it. */
export function withRegionChange(
  policy: PolicyData,
  { kind, region, store, home }: RegionDisturbance,
  places: ReadonlyMap<RegionId, PolicyRegion>,
): PolicyData {
  const place = places.get(region)
  if (!place) return policy
  const others = policy.regions.filter(({ id }) => id !== region)
  const regions = kind === 'add region' ? [...others, place] : others
  const placements = policy.placements.map(placement =>
    kind === 'add region'
      ? added(placement, region, store, home)
      : retired(placement, region, others),
  )
  return { ...policy, regions, placements }
}

const withOne = (regions: readonly RegionId[], region: RegionId): RegionId[] =>
  [...new Set([...regions, region])].sort()

function added(
  placement: PlacementData,
  region: RegionId,
  stores: readonly string[],
  homes: readonly string[],
): PlacementData {
  const { id, store, home, serve } = placement
  if (!stores.includes(id)) return placement
  return {
    ...placement,
    store: withOne(store, region),
    serve: withOne(serve, region),
    home: homes.includes(id) ? withOne(home, region) : home,
  }
}

/** What it alone had goes to the first of the others. */
function retired(
  placement: PlacementData,
  region: RegionId,
  others: readonly PolicyRegion[],
): PlacementData {
  const left = (of: readonly RegionId[]): RegionId[] => of.filter(id => id !== region)
  const first = others[0]?.id ?? region
  const store = left(placement.store).length > 0 ? left(placement.store) : [first]
  const home = left(placement.home).length > 0 ? left(placement.home) : [store[0] as RegionId]
  const serve = [...new Set([...left(placement.serve), ...store])].sort()
  const { homing } = placement
  const isPinned = homing.kind === 'pinned' && homing.region === region
  return {
    ...{ ...placement, store, home, serve },
    homing: isPinned ? { kind: 'pinned', region: home[0] as RegionId } : homing,
  }
}
