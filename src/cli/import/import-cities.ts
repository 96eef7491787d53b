/**
 * Loads the cities of the world through the region nearest to each, as its users would: what comes
 * out shows where groups get their homes, and how fast copies follow.
 */
import { nearestRegions } from '../../model/distance.ts'
import type { Coordinates } from '../../model/region.ts'
import { sendBatch } from './batch.ts'
import { type CityRecord, loadCities } from './city-source.ts'
import { type RegionCopy, waitForCopies } from './copies.ts'

export interface ImportRegion {
  readonly id: string
  readonly url: string
  readonly coordinates: Coordinates
}

export interface ImportOptions {
  readonly regions: readonly ImportRegion[]
  readonly minPopulation: number
  /** Runs after each batch; for a progress bar. */
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

const batchRecords = 500
const batchesInFlightPerRegion = 4

/** Throws `CliError` when no region answers; records that fail are counted in the report. */
export async function importCities(options: ImportOptions): Promise<ImportReport> {
  const cities = await loadCities(options.minPopulation)
  const lines = assignToNearest(cities, options.regions)
  const tally = new Tally()
  const startMs = performance.now()
  await Promise.all(
    [...lines].map(([region, records]) =>
      drain(chunked(records, batchRecords), async chunk => {
        tally.add(await sendBatch(region.url, citiesDataset, chunk, options.signal))
        options.onProgress?.(tally.done, cities.length)
      }),
    ),
  )
  const writtenMs = performance.now()
  const copies = await waitForCopies(options.regions, citiesDataset, options)
  const durationMs = writtenMs - startMs
  return {
    records: tally.written,
    durationMs,
    recordsPerSecond: Math.round((tally.written / durationMs) * 1_000),
    entered: Object.fromEntries([...lines].map(([{ id }, records]) => [id, records.length])),
    homes: Object.fromEntries(tally.homes),
    failures: Object.fromEntries(tally.failures),
    copies,
    catchUpMs: performance.now() - writtenMs,
  }
}

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

class Tally {
  readonly homes = new Map<string, number>()
  readonly failures = new Map<string, number>()
  written = 0
  done = 0

  add(results: Awaited<ReturnType<typeof sendBatch>>): void {
    for (const result of results) {
      this.done += 1
      if (result.kind === 'failed') increment(this.failures, result.code)
      else {
        this.written += 1
        increment(this.homes, result.home)
      }
    }
  }
}

const increment = (counts: Map<string, number>, name: string): void => {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

function* chunked<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}

/**
 * Runs a task for every item, several at a time. A failure closes the generator, so that no other
 * item is begun.
 */
async function drain<T>(items: Generator<T>, task: (item: T) => Promise<void>): Promise<void> {
  const worker = async (): Promise<void> => {
    for (const item of items) await task(item)
  }
  await Promise.all(Array.from({ length: batchesInFlightPerRegion }, worker))
}
