/**
 * What goes wrong in a run, as data: drawn from the seed before it begins, so that a failing run
 * can be tried again with less of it.
 */
import type { RegionId } from '../model/slot.ts'
import type { Aim } from './message-types.ts'
import type { PolicyDisturbance } from './policy-changes.ts'
import type { RegionDisturbance } from './region-changes.ts'
import type { SeededRandom } from './seeded-random.ts'

export type Disturbance = PolicyDisturbance | RegionDisturbance | ThemeDisturbance | Fault

/** What operators ask the keeper for: a new format, a key for receipts, how far a change is. */
export type Upkeep = 'format' | 'receipts' | 'view'

/** What is drawn only for worlds that are about it. */
type ThemeDisturbance = { readonly atMs: number; readonly forMs: number } & (
  | ({ readonly kind: 'aim' } & Aim)
  | { readonly kind: 'upkeep'; readonly region: RegionId; readonly what: Upkeep }
  /** A region asks another one for what only the keeper does. */
  | {
      readonly kind: 'stray'
      readonly region: RegionId
      readonly to: RegionId
      readonly call: string
    }
)

type Fault = {
  readonly atMs: number
  /** Until it is undone; of what can't be undone 0. */
  readonly forMs: number
} /** The process ends as by kill -9, and is started again. */ & (
  | { readonly kind: 'kill'; readonly region: RegionId }
  /** The machine falls silent as well. */
  | { readonly kind: 'power cut'; readonly region: RegionId }
  | { readonly kind: 'cut'; readonly from: RegionId; readonly to: RegionId }
  | { readonly kind: 'one-way cut'; readonly from: RegionId; readonly to: RegionId }
  /** From and to all others. */
  | { readonly kind: 'isolation'; readonly region: RegionId }
  | {
      readonly kind: 'slow line'
      readonly from: RegionId
      readonly to: RegionId
      readonly byMs: number
    }
  | {
      readonly kind: 'lossy line'
      readonly from: RegionId
      readonly to: RegionId
      readonly share: number
    }
  /** One connection is reset, as by a middlebox. */
  | { readonly kind: 'reset' }
  /** The process does nothing. */
  | { readonly kind: 'stall'; readonly region: RegionId }
  /** Each sync takes longer. */
  | { readonly kind: 'slow disk'; readonly region: RegionId; readonly byMs: number }
  /** A record that every copy has rots in one of them. */
  | { readonly kind: 'rot'; readonly region: RegionId }
  /** One copy loses a record that every copy has, and has no way to tell. */
  | { readonly kind: 'loss'; readonly region: RegionId }
  /** A node of another cluster calls. */
  | {
      readonly kind: 'stranger'
      readonly region: RegionId
      /** It dials for feeds, too. */
      readonly feeds?: true
    }
  /** A region asks others for what it may not have, as one that is on another policy would. */
  | {
      readonly kind: 'trespass'
      readonly region: RegionId
      /** How it asks; default: `execute`. */
      readonly call?: string
    }
)

type FaultKind = Fault['kind']

/** For each kind, what one is, and for how long in ms. */
const draws: Readonly<Record<FaultKind, (at: Draw) => Omit<Fault, 'atMs' | 'kind'> & object>> = {
  kill: ({ random, region }) => ({ region, forMs: random.between(100, 6_000) }),
  'power cut': ({ random, region }) => ({ region, forMs: random.between(100, 6_000) }),
  cut: ({ random, region, other }) => ({
    ...{ from: region, to: other, forMs: random.between(200, 6_000) },
  }),
  'one-way cut': ({ random, region, other }) => ({
    ...{ from: region, to: other, forMs: random.between(200, 6_000) },
  }),
  isolation: ({ random, region }) => ({ region, forMs: random.between(200, 6_000) }),
  'slow line': ({ random, region, other }) => ({
    ...{ from: region, to: other, byMs: random.between(20, 1_200) },
    forMs: random.between(500, 5_000),
  }),
  'lossy line': ({ random, region, other }) => ({
    ...{ from: region, to: other, share: random.between(0.05, 0.5) },
    forMs: random.between(500, 5_000),
  }),
  reset: () => ({ forMs: 0 }),
  stall: ({ random, region }) => ({ region, forMs: random.between(50, 2_500) }),
  'slow disk': ({ random, region }) => ({
    ...{ region, byMs: random.between(5, 400) },
    forMs: random.between(500, 5_000),
  }),
  rot: ({ region }) => ({ region, forMs: 0 }),
  loss: ({ region }) => ({ region, forMs: 0 }),
  trespass: ({ region }) => ({ region, forMs: 0 }),
  stranger: ({ random, region }) => ({ region, forMs: random.between(100, 2_000) }),
}

interface Draw {
  readonly random: SeededRandom
  readonly region: RegionId
  /** Another one. */
  readonly other: RegionId
}

const faultKinds = Object.keys(draws) as FaultKind[]

/** Disturbances of `forMs`, one each `everyMs` on average, in the order of their time. */
export function drawDisturbances(options: {
  readonly random: SeededRandom
  readonly regions: readonly RegionId[]
  readonly forMs: number
  readonly everyMs: number
}): Fault[] {
  const { random, regions, forMs, everyMs } = options
  const drawn: Fault[] = []
  for (let atMs = 0; ; ) {
    atMs += random.between(0, 2 * everyMs)
    if (atMs > forMs) return drawn
    const kind = random.pick(faultKinds)
    const region = random.pick(regions)
    const other = random.pick(regions.filter(candidate => candidate !== region))
    drawn.push({ atMs, kind, ...draws[kind]({ random, region, other }) } as Fault)
  }
}
