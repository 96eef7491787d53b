/** What came out, as plain data: JSON, tables and charts are made of it. */
import { assert } from '../../model/assert.ts'
import type { Geography } from './geography.ts'
import type { Leader } from './leaders.ts'
import { type PlanetParameters, planetTargets } from './parameters.ts'
import { bytesPerGb, usdPerGbFrom } from './prices.ts'
import type { Strategy } from './strategy.ts'
import type { Latency, Tally } from './tally.ts'

/** In the order in which they are shown. */
export const strategyIds = [
  'homing',
  'homing-fixed',
  'global-primary',
  'hash-homes',
  'majority-quorum',
  'perfect',
  'every-write-local',
] as const
export type StrategyId = (typeof strategyIds)[number]

export interface StrategyReport {
  readonly id: StrategyId
  readonly latency: Latency
  /** Of the first write of each group, with the trip to the registrar where there is one. */
  readonly firstWrites: Latency
  /** By the region through which users enter. */
  readonly byRegion: Readonly<Record<string, Latency>>
  /** The region that leads everything, where one does. */
  readonly leader?: string
  readonly moves: number
  /** Bytes that regions send each other, and what they cost, for a million writes. */
  readonly gbPerMillionWrites: number
  readonly usdPerMillionWrites: number
}

export interface PlanetReport {
  readonly seed: number
  readonly parameters: PlanetParameters
  readonly writes: number
  readonly regions: readonly {
    readonly id: string
    readonly name: string
    /** Writes that enter there. */
    readonly writes: number
  }[]
  readonly strategies: readonly StrategyReport[]
  readonly targets: {
    readonly overGlobalPrimary: Target
    readonly overPerfect: Target
  }
}

interface Target {
  /** Of mean write latencies. */
  readonly ratio: number
  readonly wanted: number
  readonly isMet: boolean
}

export interface Outcome {
  readonly seed: number
  readonly geography: Geography
  readonly parameters: PlanetParameters
  readonly strategies: readonly (readonly [StrategyId, Strategy])[]
  readonly leaders: readonly (readonly [StrategyId, Leader])[]
}

export function reportOf(outcome: Outcome): PlanetReport {
  const { seed, geography, parameters } = outcome
  const { regions } = geography
  const reports = [
    ...outcome.strategies.map(([id, { tally, moves }]) =>
      strategyReport(id, geography, tally, moves),
    ),
    ...outcome.leaders.map(([id, { tally, leader }]) => ({
      ...strategyReport(id, geography, tally, 0),
      leader: regions[leader]?.id as string,
    })),
  ]
  const strategies = strategyIds.map(id => found(reports, id))
  const meanMs = (id: StrategyId): number => found(reports, id).latency.meanMs
  const overGlobalPrimary = meanMs('global-primary') / meanMs('homing')
  const overPerfect = meanMs('homing') / meanMs('perfect')
  const { latency, byRegion } = found(reports, 'homing')
  return {
    seed,
    parameters,
    writes: latency.writes,
    regions: regions.map(({ id, name }) => ({ id, name, writes: byRegion[id]?.writes ?? 0 })),
    strategies,
    targets: {
      overGlobalPrimary: {
        ratio: overGlobalPrimary,
        wanted: planetTargets.overGlobalPrimary,
        isMet: overGlobalPrimary >= planetTargets.overGlobalPrimary,
      },
      overPerfect: {
        ratio: overPerfect,
        wanted: planetTargets.overPerfect,
        isMet: overPerfect <= planetTargets.overPerfect,
      },
    },
  }
}

function found(reports: readonly StrategyReport[], id: StrategyId): StrategyReport {
  const report = reports.find(one => one.id === id)
  assert(report, `${id} was simulated`)
  return report
}

function strategyReport(
  id: StrategyId,
  { regions }: Geography,
  tally: Tally,
  moves: number,
): StrategyReport {
  const { all, first, byEntry, sentBytes } = tally.report()
  const bytes = sentBytes.reduce((sum, sent) => sum + sent, 0)
  const usd = sentBytes.reduce(
    (sum, sent, from) => sum + (sent / bytesPerGb) * usdPerGbFrom(regions[from]?.country ?? ''),
    0,
  )
  const millions = all.writes / 1e6
  return {
    id,
    latency: all,
    firstWrites: first,
    byRegion: Object.fromEntries(byEntry.map((latency, n) => [regions[n]?.id as string, latency])),
    moves,
    gbPerMillionWrites: bytes / bytesPerGb / millions,
    usdPerMillionWrites: usd / millions,
  }
}
