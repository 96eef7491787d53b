/**
 * What one copy of a dataset counts for a plan: how many groups have their home where, and where
 * another policy would put them. Counts alone: no key is in it.
 */
import type { PolicyData } from './placement.ts'
import type { RegionId } from './slot.ts'

/** Groups of one dataset with the same home now, and the same place under the other policy. */
export interface CensusLine {
  /** The id of the placement that takes them; null: no partition of the other policy does. */
  readonly into: string | null
  /** Their home now; null where this copy does not know it. */
  readonly from: RegionId | null
  /** Their home under the other policy; null where they have none. */
  readonly to: RegionId | null
  readonly groups: number
  readonly records: number
  /** Of the keys and values of the records. */
  readonly bytes: number
}

/** What a region has counted of its copies; it goes on while `running`. */
export interface Census {
  /** Tells one count from the next. */
  readonly number: number
  readonly running: boolean
  /** Why it ended before its end. */
  readonly failure?: string
  readonly datasets: readonly {
    readonly dataset: string
    readonly stores: number
    /** Of them, walked to their ends. */
    readonly storesDone: number
    /** Records that could not be counted. */
    readonly damaged: number
    readonly lines: readonly CensusLine[]
  }[]
}

/** The policy that is in force in a cluster. */
export interface PolicyInForce {
  readonly clusterId: string
  /** The region that answers. */
  readonly region: RegionId
  readonly policyEpoch: number
  /** Wall-clock ms; absent where the cluster was founded by a version that did not keep it. */
  readonly inForceSinceMs?: number
  readonly policy: PolicyData
}

/** Adds lines up that say the same of other groups. */
export function addLines(lines: readonly CensusLine[]): CensusLine[] {
  const sums = new Map<string, CensusLine>()
  for (const line of lines) {
    const name = JSON.stringify([line.into, line.from, line.to])
    const sum = sums.get(name)
    sums.set(name, {
      ...line,
      groups: line.groups + (sum?.groups ?? 0),
      records: line.records + (sum?.records ?? 0),
      bytes: line.bytes + (sum?.bytes ?? 0),
    })
  }
  return [...sums.values()]
}
