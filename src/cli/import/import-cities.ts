/**
 * Loads the cities of the world through the region nearest to each, as its users would: what comes
 * out shows where groups get their homes, and how fast copies follow.
 */
import { nearestRegions } from '../../model/distance.ts'
import type { Coordinates } from '../../model/region.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { type CityRecord, loadCities } from './city-source.ts'
import { type RegionCopy, waitForCopies } from './copies.ts'
import { type LanePut, PutLane, type PutResult } from './put-lane.ts'
import { Tally } from './tally.ts'

export interface ImportRegion {
  readonly id: string
  readonly url: string
  readonly coordinates: Coordinates
}

export interface ImportOptions {
  readonly regions: readonly ImportRegion[]
  readonly minPopulation: number
  /** Runs after each result; for a progress bar. */
  readonly onProgress?: (done: number, total: number) => void
  /** How long copies may take to catch up before the report says that they have not. */
  readonly copiesTimeoutMs: number
  readonly signal?: AbortSignal
}

export interface ImportReport {
  /** Records that were written. */
  readonly records: number
  readonly durationMs: number
  readonly recordsPerSecond: number
  /** By region: records that entered there, because it is nearest to them. */
  readonly entered: Readonly<Record<string, number>>
  /** By region: records whose home it is. */
  readonly homes: Readonly<Record<string, number>>
  /** By error code: records that could not be written. */
  readonly failures: Readonly<Record<string, number>>
  readonly copies: readonly RegionCopy[]
  /** From the last write until every copy had everything. */
  readonly catchUpMs: number
}

export const citiesDataset = 'cities'

/** Throws `CliError` when no region answers; records that fail are counted in the report. */
export async function importCities(options: ImportOptions): Promise<ImportReport> {
  const { regions, signal } = options
  const cities = await loadCities(options.minPopulation)
  const nearest = assignToNearest(cities, regions)
  const tally = new Tally()
  const onResult = (_: LanePut, result: PutResult): void => {
    tally.add(result)
    options.onProgress?.(tally.done, cities.length)
  }
  const startMs = performance.now()
  await Promise.all(
    [...nearest].map(async ([{ url }, records]) => {
      const shared = { url, dataset: citiesDataset, format: 'cbor', onResult } as const
      const lane = new PutLane<LanePut>({ ...shared, ...(signal && { signal }) })
      void lane.add(records.map(putOf))
      lane.end()
      await lane.run()
    }),
  )
  const writtenMs = performance.now()
  const copies = await waitForCopies(regions, citiesDataset, options)
  const durationMs = writtenMs - startMs
  return {
    records: tally.written,
    durationMs,
    recordsPerSecond: Math.round((tally.written / durationMs) * 1_000),
    entered: Object.fromEntries([...nearest].map(([{ id }, records]) => [id, records.length])),
    homes: Object.fromEntries(tally.homes),
    failures: Object.fromEntries(tally.failures),
    copies,
    catchUpMs: performance.now() - writtenMs,
  }
}

const putOf = ({ key, value }: CityRecord): LanePut => ({
  bytes: encodeCbor({ op: 'put', key, value }),
})

/** The records by the region nearest to them. */
function assignToNearest(
  cities: readonly CityRecord[],
  regions: readonly ImportRegion[],
): ReadonlyMap<ImportRegion, CityRecord[]> {
  const lines = new Map<ImportRegion, CityRecord[]>(regions.map(region => [region, []]))
  for (const city of cities) {
    const [nearest] = nearestRegions(city.coordinates, regions)
    if (nearest) lines.get(nearest)?.push(city)
  }
  return lines
}
