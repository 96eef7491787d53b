/** What came out, as plain data: JSON, tables and charts are made of it. */
import { assert } from '../../model/assert.ts'
import type { Demand } from './demand.ts'
import type { Geography } from './geography.ts'
import type { Leader, LeaderMean } from './leaders.ts'
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
  /** From a device and back. */
  readonly latency: Latency
  /**
   * What the mean has beyond the way to the nearest region: the time from a write's arrival there
   * until its reply leaves. Of a leader that devices speak to: what it takes longer than that way.
   */
  readonly beyondEntryMs: number
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

interface PrimaryMean {
  readonly region: string
  readonly meanMs: number
}

export interface PlanetReport {
  readonly seed: number
  readonly parameters: PlanetParameters
  readonly writes: number
  /** Share of writes that enter through the region where most writes to their group do. */
  readonly mainRegionShare: number
  /** Share of writes to groups whose owner is on a trip at the time. */
  readonly tripShare: number
  readonly regions: readonly {
    readonly id: string
    readonly name: string
    /** Writes that enter there. */
    readonly writes: number
  }[]
  readonly strategies: readonly StrategyReport[]
  /** The mean from a device with one global primary in each region, the best first. */
  readonly primaries: readonly PrimaryMean[]
  /** Of means from a device and back, and of means beyond the way to the nearest region. */
  readonly targets: {
    readonly fromDevice: TargetPair
    readonly beyondEntry: TargetPair
  }
}

export interface TargetPair {
  readonly overGlobalPrimary: Target
  readonly overPerfect: Target
}

interface Target {
  readonly ratio: number
  readonly wanted: number
  readonly isMet: boolean
}

export interface Outcome {
  readonly seed: number
  readonly geography: Geography
  readonly parameters: PlanetParameters
  readonly demand: Demand
  readonly strategies: readonly (readonly [StrategyId, Strategy])[]
  readonly leaders: readonly (readonly [StrategyId, Leader])[]
  readonly primaries: readonly LeaderMean[]
}

export function reportOf(outcome: Outcome): PlanetReport {
  const { seed, geography, parameters } = outcome
  const { regions } = geography
  const nearestMs = wayToNearestMs(outcome)
  const shared = { geography, nearestMs }
  const reports = [
    ...outcome.strategies.map(([id, { tally, moves }]) => strategyReport(id, shared, tally, moves)),
    ...outcome.leaders.map(([id, { tally, leader }]) => ({
      ...strategyReport(id, shared, tally, 0),
      leader: regions[leader]?.id as string,
    })),
  ]
  const { latency, byRegion } = found(reports, 'homing')
  return {
    seed,
    parameters,
    writes: latency.writes,
    mainRegionShare: outcome.demand.mainRegionShare,
    tripShare: outcome.demand.tripShare,
    regions: regions.map(({ id, name }) => ({ id, name, writes: byRegion[id]?.writes ?? 0 })),
    strategies: strategyIds.map(id => found(reports, id)),
    primaries: outcome.primaries.map(({ leader, meanMs }) => ({
      ...{ region: regions[leader]?.id as string, meanMs },
    })),
    targets: {
      fromDevice: targetsOf(id => found(reports, id).latency.meanMs),
      beyondEntry: targetsOf(id => found(reports, id).beyondEntryMs),
    },
  }
}

/** Where every write is local, all that it takes is this way and a commit. */
function wayToNearestMs({ strategies, parameters }: Outcome): number {
  const local = strategies.find(([id]) => id === 'every-write-local')
  assert(local, 'it is simulated where every write is local')
  return local[1].tally.report().all.meanMs - parameters.commitMs
}

function targetsOf(meanMs: (id: StrategyId) => number): TargetPair {
  const overGlobalPrimary = meanMs('global-primary') / meanMs('homing')
  const overPerfect = meanMs('homing') / meanMs('perfect')
  return {
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
  }
}

function found(reports: readonly StrategyReport[], id: StrategyId): StrategyReport {
  const report = reports.find(one => one.id === id)
  assert(report, `${id} was simulated`)
  return report
}

function strategyReport(
  id: StrategyId,
  { geography: { regions }, nearestMs }: { geography: Geography; nearestMs: number },
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
    beyondEntryMs: all.meanMs - nearestMs,
    firstWrites: first,
    byRegion: Object.fromEntries(byEntry.map((latency, n) => [regions[n]?.id as string, latency])),
    moves,
    gbPerMillionWrites: bytes / bytesPerGb / millions,
    usdPerMillionWrites: usd / millions,
  }
}
