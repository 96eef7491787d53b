/** Small planets, on which results can be worked out by hand. */
import { loadHasher } from '../../src/model/hash.ts'
import type { PolicyRegion } from '../../src/model/placement.ts'
import type { City } from '../../src/simulation/planet/geography.ts'
import { type PlanetParameters, planetDefaults } from '../../src/simulation/planet/parameters.ts'
import { simulatePlanet } from '../../src/simulation/planet/planet.ts'
import type {
  PlanetReport,
  StrategyId,
  StrategyReport,
} from '../../src/simulation/planet/report.ts'

const region = (
  id: string,
  country: string,
  latitude: number,
  longitude: number,
): PolicyRegion => ({
  ...{ id, name: id, country, operator: 'x', operatorCountry: country, latitude, longitude },
})

/** Three regions, each with a city at its very door. */
export const regions: readonly PolicyRegion[] = [
  region('america', 'US', 40, -75),
  region('europe', 'DE', 50, 9),
  region('japan', 'JP', 36, 140),
]
export const cities: readonly City[] = regions.map(({ latitude, longitude }, n) => ({
  coordinates: { latitude, longitude },
  population: [3_000_000, 2_000_000, 1_000_000][n] as number,
}))

/** Nobody travels and nobody visits: each write is made by an owner at home. */
export const quiet: Partial<PlanetParameters> = { users: 500, locality: 1, travellers: 0 }

export async function play(
  parameters: Partial<PlanetParameters>,
  options: { readonly seed?: number; readonly cities?: readonly City[] } = {},
): Promise<PlanetReport> {
  return simulatePlanet({
    regions,
    cities,
    parameters: { ...planetDefaults, ...parameters },
    seed: 1,
    hasher: await loadHasher(),
    ...options,
  })
}

export function of({ strategies }: PlanetReport, id: StrategyId): StrategyReport {
  const found = strategies.find(strategy => strategy.id === id)
  if (found) return found
  throw new Error(`${id} was not simulated`)
}
