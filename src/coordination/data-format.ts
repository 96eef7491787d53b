/**
 * The data format in force: a number in the cluster record. What data directories hold and what
 * regions send each other is written as that format says, whichever builds run, so that a new build
 * can be taken back as long as nobody has put its format in force. That is an act of its own,
 * `denizen upgrade finalize`, for which every region's node must be there and know the format.
 */
import { z } from 'zod'
import { DenizenError } from '../model/errors.ts'
import type { RegionId } from '../model/slot.ts'
import { type Build, buildSchema, FIRST_DATA_FORMAT, formatsText, knowsFormat } from './build.ts'
import { CoordinationError } from './coordination.ts'

/** Read before anything else of a record: a newer format may have members of its own. */
const formatSchema = z.object({ dataFormat: z.int().min(1).default(FIRST_DATA_FORMAT) })

/** Throws `CoordinationError` where this build does not know the format that is in force. */
export function requireKnownFormat(record: unknown, build: Build): void {
  const { dataFormat } = formatSchema.parse(record)
  if (knowsFormat(build, dataFormat)) return
  throw new CoordinationError(
    `the cluster works with data format ${dataFormat}, and denizen ${build.version} knows ${formatsText(build)}`,
    dataFormat > build.newest
      ? 'Start the version of denizen that the other regions run.'
      : 'Start an older version of denizen first, and run denizen upgrade finalize with it.',
  )
}

/** What a region says of its build, or why it says nothing. */
export type BuildReport = { readonly region: RegionId } & (
  | { readonly build: Build }
  | { readonly failure: string }
)

export const askBuilds = (
  regions: readonly RegionId[],
  ask: (region: RegionId) => Promise<unknown>,
): Promise<BuildReport[]> =>
  Promise.all(
    regions.map(region =>
      ask(region).then(
        body => ({ region, build: buildSchema.parse(body) }),
        (error: unknown) => ({
          region,
          failure: error instanceof Error ? error.message : String(error),
        }),
      ),
    ),
  )

/**
 * The format to put in force: the newest that any region's node knows, if all of them do. Throws
 * `upgrade_refused` with those that stand in the way.
 */
export function formatToFinalize(reports: readonly BuildReport[]): number {
  const newest = Math.max(...reports.map(it => ('build' in it ? it.build.newest : 0)))
  const obstacles = reports.flatMap(report => {
    if ('failure' in report) return [`${report.region} can not be asked: ${report.failure}`]
    const { region, build } = report
    if (knowsFormat(build, newest)) return []
    return [`${region} runs denizen ${build.version}, which knows ${formatsText(build)}`]
  })
  if (obstacles.length === 0) return newest
  throw new DenizenError(
    'upgrade_refused',
    `data format ${newest} was not put in force: ${obstacles.join('; ')}`,
  )
}
