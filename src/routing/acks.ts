/**
 * Acknowledgement levels: how many regions have a write on disk before it is answered. The home
 * waits, after its own commit, for other regions' complete cursors to pass the write.
 *
 * The level that a request names and the dataset's own are both least ones: the higher one counts.
 * A request can't go below its dataset, as fail-over counts on what the policy says.
 *
 * The write is visible at its home from its commit on, and stays whatever comes of the waiting: who
 * is told `acks_timeout` is told the version too.
 */
import type { FeedPoint, GroupOperation } from '../execution/operation.ts'
import type { Phases } from '../metrics/phases.ts'
import { type AcksLevel, regionsOf } from '../model/acks.ts'
import { DenizenError } from '../model/errors.ts'
import type { Placement } from '../model/placement.ts'
import { formatVersion, type Version } from '../model/version.ts'
import type { Between } from './between-homes.ts'
import { repeatable, type StepResult } from './step.ts'

/**
 * Resolves with the number of regions that have each write on disk, this one included: once all are
 * in as many as `regions` says, or when time is over. Never rejects.
 */
export type RegionsWith = (
  dataset: string,
  regions: number,
  writes: readonly FeedPoint[],
) => Promise<readonly number[]>

/** False where more regions are asked for than may store the dataset. */
export const isReachable = ({ counted }: Placement, asked: AcksLevel | undefined) =>
  asked === undefined || regionsOf(asked, counted.length) <= counted.length

/** Regions that a write has to be in before it is answered. Throws `acks_above_regions`. */
export function regionsFor(placement: Placement, asked: AcksLevel | undefined): number {
  if (asked === undefined) return placement.acks
  const { counted } = placement
  if (isReachable(placement, asked)) {
    return Math.max(placement.acks, regionsOf(asked, counted.length))
  }
  throw new DenizenError(
    'acks_above_regions',
    `${asked} regions were asked for, and ${counted.length} may store the dataset`,
    { extra: { regions: counted } },
  )
}

interface AskedAcks {
  /** More than one. */
  readonly regions: number
  /** What each result is of. */
  readonly operations: readonly GroupOperation[]
}

/** Waits until writes that this region has made are in so many regions; others are as before. */
export async function acknowledged<Result extends StepResult | Between>(
  regionsWith: RegionsWith,
  placement: Placement,
  { regions, operations }: AskedAcks,
  results: readonly Result[],
  phases: Phases | undefined,
): Promise<(Result | StepResult)[]> {
  const changes = results.map(changeOf)
  const points = changes.flatMap(change => (change ? [change.point] : []))
  if (points.length === 0) return [...results]
  const waiting = regionsWith(placement.id, regions, points)
  const reached = (await (phases ? phases.spend('replicate', waiting) : waiting)).values()
  return results.map((result, index) => {
    const [change, operation] = [changes[index], operations[index]]
    if (result.kind !== 'done' || !change || !operation) return result
    const has = reached.next().value ?? 1
    return has < regions ? tooFew(operation, result, change, regions, has) : result
  })
}

interface Change {
  readonly version: Version
  readonly point: FeedPoint
}

/** What was changed, and where it lies; undefined where nothing was, or it is not done. */
function changeOf(result: StepResult | Between): Change | undefined {
  if (result.kind !== 'done' || !result.point) return undefined
  const { outcome, point, home } = result
  switch (outcome.kind) {
    case 'written':
    case 'deleted':
      return { version: outcome.version, point }
    case 'transacted': {
      // All that it has changed has one version, which is a position of the home that wrote it.
      const [first] = outcome.results.filter(
        one => one.kind === 'written' || one.kind === 'deleted',
      )
      if (!first) return undefined
      const { version } = first
      const feed = version.term === home?.term ? point.feed : NO_FEED
      return { version, point: { slot: point.slot, feed, position: version.seq } }
    }
    default:
      return undefined
  }
}

/** Stands for the feed of an earlier home, which a repeated transaction does not name. */
const NO_FEED = 0

function tooFew(
  operation: GroupOperation,
  result: Extract<StepResult, { kind: 'done' }>,
  { version }: Change,
  regions: number,
  has: number,
): StepResult {
  const error = new DenizenError(
    'acks_timeout',
    `${has} of the ${regions} regions that were asked for are known to have the write on disk`,
    {
      retry: repeatable(operation) ? 'with-idempotency-key' : 'no',
      extra: { version: formatVersion(version), asked: regions, reached: has },
    },
  )
  const { receipt } = result.outcome
  return { ...result, outcome: { kind: 'failed', error, ...(receipt && { receipt }) } }
}
