/** `denizen sim --planet`: reads cities and regions, runs the model, shows what came out. */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { loadHasher } from '../../model/hash.ts'
import { planetDefaults } from '../../simulation/planet/parameters.ts'
import { simulatePlanet } from '../../simulation/planet/planet.ts'
import { usageError } from '../exit-codes.ts'
import { loadCities } from '../import/city-source.ts'
import { startProgress } from '../import/progress.ts'
import { requirePolicy } from '../required-policy.ts'
import type { Terminal } from '../terminal.ts'
import { planetSvg } from './planet-svg.ts'
import { showPlanet } from './planet-table.ts'

export interface PlanetCommandOptions {
  readonly seed: number
  readonly users: number
  readonly locality: number
  readonly travellers: number
  readonly rehomeAfter: number
  readonly config?: string
  readonly svg?: string
  readonly json: boolean
}

const twelveRegions = fileURLToPath(new URL('planet.yaml', import.meta.url))

export async function runPlanet(options: PlanetCommandOptions, terminal: Terminal): Promise<void> {
  const { seed, users, locality, travellers, rehomeAfter, config, svg, json } = options
  const { regions } = requirePolicy(config ?? twelveRegions)
  const cities = await loadCities(planetDefaults.cityPopulationMin)
  const progress = startProgress(terminal, 'simulating users')
  const report = simulatePlanet({
    regions,
    cities: cities.map(({ coordinates, value }) => ({ coordinates, population: value.population })),
    parameters: { ...planetDefaults, users, locality, travellers, rehomeAfter },
    seed,
    hasher: await loadHasher(),
    onProgress: progress.update,
  })
  progress.stop()
  if (svg !== undefined) writeChart(svg, planetSvg(report))
  if (json) terminal.json(report)
  else showPlanet(terminal, report)
}

function writeChart(file: string, text: string): void {
  try {
    writeFileSync(file, text)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    throw usageError(`the chart can't be written to ${file}: ${error.code}`, 'Name another file.')
  }
}

export { planetDefaults }
