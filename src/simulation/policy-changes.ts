/** Changes of the policy as disturbances: another residency for one dataset. */
import type { Homing } from '../model/home-rule.ts'
import type { PlacementData, PolicyData } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { SeededRandom } from './seeded-random.ts'

export interface PolicyDraw {
  readonly dataset: string
  readonly home: readonly RegionId[]
  readonly store: readonly RegionId[]
  readonly serve: readonly RegionId[]
  readonly homing: Homing
  /** Whom the operator asks; default: the keeper. */
  readonly at?: RegionId
}

export interface PolicyDisturbance extends PolicyDraw {
  readonly kind: 'policy'
  readonly atMs: number
  readonly forMs: 0
}

/** One each `everyMs` on average, in the order of their time. */
export function drawPolicyChanges(options: {
  readonly random: SeededRandom
  readonly policy: PolicyData
  readonly forMs: number
  readonly everyMs: number
}): PolicyDisturbance[] {
  const { random, policy, forMs, everyMs } = options
  const drawn: PolicyDisturbance[] = []
  for (let atMs = 0; ; ) {
    atMs += random.between(0, 2 * everyMs)
    if (atMs > forMs) return drawn
    drawn.push({ kind: 'policy', atMs, forMs: 0, ...draw(policy, random) })
  }
}

function draw({ regions, placements }: PolicyData, random: SeededRandom): PolicyDraw {
  const all = regions.map(({ id }) => id)
  const some = (of: readonly RegionId[]): RegionId[] => {
    const chosen = of.filter(() => random.oneIn(2))
    return chosen.length > 0 ? chosen : [random.pick(of)]
  }
  const placement = random.pick(placements)
  const store = some(all)
  const home = random.oneIn(2) ? store : some(store)
  const serve = random.oneIn(3) ? all : store
  return { dataset: placement.id, home, store, serve, homing: homingOf(placement, home, random) }
}

function homingOf(
  { homing }: PlacementData,
  home: readonly RegionId[],
  random: SeededRandom,
): Homing {
  if (random.oneIn(4)) return { kind: 'pinned', region: random.pick(home) }
  if (random.oneIn(4)) return { kind: 'hash' }
  return homing.kind === 'pinned' ? { kind: 'hint' } : homing
}

/** The policy with what was drawn. */
export const withDraw = (
  policy: PolicyData,
  { dataset, ...draw }: Omit<PolicyDraw, 'at'>,
): PolicyData => {
  // It was drawn before a region retired.
  const there = new Set(policy.regions.map(({ id }) => id))
  const isThere = (region: RegionId): boolean => there.has(region)
  const [home, store] = [draw.home.filter(isThere), draw.store.filter(isThere)]
  const serve = draw.serve.filter(isThere)
  const { homing } = draw
  if (home.length === 0 || (homing.kind === 'pinned' && !isThere(homing.region))) return policy
  return {
    ...policy,
    placements: policy.placements.map(placement =>
      placement.id === dataset ? { ...placement, home, store, serve, homing } : placement,
    ),
  }
}
