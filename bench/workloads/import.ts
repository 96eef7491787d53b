/**
 * The import of the world's cities into the sample world: four regions, real latency between them,
 * every record through the region nearest to it, and a copy of each in all four.
 */
import { fileURLToPath } from 'node:url'
import { importCities } from '../../src/cli/import/import-cities.ts'
import { inWorld } from './world.ts'

export interface ImportOptions {
  readonly minPopulation: number
}

const samplePolicy = fileURLToPath(new URL('../../denizen.yaml', import.meta.url))
const copiesTimeoutMs = 300_000
/** As `denizen dev` runs it. */
const threads = 1

export interface ImportFigures {
  readonly records: number
  readonly durationMs: number
  readonly recordsPerSecond: number
  readonly catchUpMs: number
  readonly entered: Readonly<Record<string, number>>
  readonly homes: Readonly<Record<string, number>>
}

/** Throws when a record was not written, or a copy is not whole. */
export function benchImport({ minPopulation }: ImportOptions): Promise<ImportFigures> {
  return inWorld({ policy: { path: samplePolicy }, latency: 'real', threads }, async world => {
    const regions = world.regions.map(region => ({ ...region, url: world.url(region.id) }))
    const report = await importCities({ regions, minPopulation, copiesTimeoutMs })
    const entered = Object.values(report.entered).reduce((sum, count) => sum + count, 0)
    const isWhole = report.copies.every(it => it.isCaughtUp && it.records === entered)
    if (report.records !== entered || report.copies.length !== regions.length || !isWhole) {
      throw new Error(`the import is not whole: ${JSON.stringify(report)}`)
    }
    const { records, durationMs, recordsPerSecond, catchUpMs, homes } = report
    return { records, durationMs, recordsPerSecond, catchUpMs, entered: report.entered, homes }
  })
}
