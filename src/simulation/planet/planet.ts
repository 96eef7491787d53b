/**
 * The planet: people of the world's cities write to groups of their own through the regions of a
 * cluster. How long that takes, and what it costs between regions, for ways of placing groups that
 * all see the same writes. No clock and no network: each write's time is added up.
 */
import type { Hasher } from '../../model/hash.ts'
import type { PolicyRegion } from '../../model/placement.ts'
import { everyWriteLocal, perfectPlacement } from './bounds.ts'
import { Chance } from './chance.ts'
import { PlanetDataset } from './dataset.ts'
import { Demand } from './demand.ts'
import { type City, Geography } from './geography.ts'
import { Homes } from './homes.ts'
import { Leaders } from './leaders.ts'
import type { PlanetParameters } from './parameters.ts'
import { type PlanetReport, reportOf, type StrategyId } from './report.ts'
import type { Strategy } from './strategy.ts'
import { traceOf } from './trace.ts'

export interface PlanetOptions {
  readonly regions: readonly PolicyRegion[]
  readonly cities: readonly City[]
  readonly parameters: PlanetParameters
  readonly seed: number
  readonly hasher: Hasher
  /** Runs now and then; for a progress bar. */
  readonly onProgress?: (users: number, total: number) => void
}

const progressEvery = 500

export function simulatePlanet(options: PlanetOptions): PlanetReport {
  const { regions, cities, parameters, hasher, onProgress } = options
  const geography = new Geography(regions, cities, parameters)
  const hinted = new PlanetDataset(regions, { kind: 'hint' }, hasher)
  const hashed = new PlanetDataset(regions, { kind: 'hash' }, hasher)
  const shared = { geography, parameters }
  const strategies: readonly (readonly [StrategyId, Strategy])[] = [
    ['homing', new Homes({ ...shared, dataset: hinted, rehomes: true })],
    ['homing-fixed', new Homes({ ...shared, dataset: hinted, rehomes: false })],
    ['hash-homes', new Homes({ ...shared, dataset: hashed, rehomes: false })],
    ['perfect', perfectPlacement(geography, parameters)],
    ['every-write-local', everyWriteLocal(geography, parameters)],
  ]
  const demand = new Demand(geography)
  const chance = new Chance(options.seed)
  for (let user = 0; user < parameters.users; user++) {
    const trace = traceOf(user, geography, parameters, chance)
    for (const [, strategy] of strategies) strategy.live(trace)
    demand.add(trace)
    if ((user + 1) % progressEvery === 0) onProgress?.(user + 1, parameters.users)
  }
  const leaders = new Leaders(demand, geography, parameters)
  return reportOf({
    ...{ seed: options.seed, geography, parameters, demand, strategies },
    leaders: [
      ['global-primary', leaders.globalPrimary()],
      ['majority-quorum', leaders.majorityQuorum()],
    ],
    primaries: leaders.globalPrimaries(),
  })
}
