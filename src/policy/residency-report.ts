/**
 * What `denizen policy report` shows, for auditors: which dataset is where under the policy in
 * force, under which law, who may serve it, and what each region says that it keeps of it.
 */
import type { PolicyInForce } from '../model/home-census.ts'
import type { PolicyRegion } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { type CitedLaw, citedLaws } from './cited-laws.ts'
import { policyReport, type ReportCell } from './report.ts'

/** What a region keeps of a dataset, by its own word. */
export interface KeptCopy {
  readonly records: number
  readonly bytes: number
}

/** By region: its copies by placement id, or why it could not be asked. */
export type RegionCopies =
  | { readonly copies: ReadonlyMap<string, KeptCopy>; readonly refusedPlacements: number }
  | { readonly failure: string }

export interface ResidencyReport {
  readonly cluster: string
  readonly clusterId: string
  readonly policyEpoch: number
  /** ISO 8601; absent where the cluster does not know it. */
  readonly inForceSince?: string
  readonly madeAt: string
  readonly notice: 'not legal advice'
  readonly regions: readonly (PolicyRegion & {
    /** Why it said nothing. */
    readonly failure?: string
    /** What its checks refused since its start: anything but 0 is a bug, or an attack. */
    readonly refusedPlacements?: number
  })[]
  readonly datasets: readonly {
    readonly id: string
    readonly homing: string
    readonly law: readonly CitedLaw[]
    readonly home: readonly RegionId[]
    readonly store: readonly RegionId[]
    readonly serve: readonly RegionId[]
    readonly regions: readonly (ReportCell & { readonly copy?: KeptCopy })[]
  }[]
}

export function residencyReport(
  inForce: PolicyInForce,
  kept: ReadonlyMap<RegionId, RegionCopies>,
  madeAtMs: number,
): ResidencyReport {
  const { policy, clusterId, policyEpoch, inForceSinceMs } = inForce
  return {
    ...{ cluster: policy.cluster, clusterId, policyEpoch },
    ...(inForceSinceMs !== undefined && { inForceSince: isoTime(inForceSinceMs) }),
    madeAt: isoTime(madeAtMs),
    notice: 'not legal advice',
    regions: policy.regions.map(region => {
      const said = kept.get(region.id)
      if (!said) return region
      if ('failure' in said) return { ...region, failure: said.failure }
      return { ...region, refusedPlacements: said.refusedPlacements }
    }),
    datasets: policyReport(policy).rows.map(({ id, homing, law, cells }) => ({
      ...{ id, homing, law: citedLaws(law) },
      home: cells.filter(({ home }) => home).map(({ region }) => region),
      store: cells.filter(({ store }) => store).map(({ region }) => region),
      serve: cells.filter(({ serve }) => serve).map(({ region }) => region),
      regions: cells.map(cell => {
        const said = kept.get(cell.region)
        const copy = said && 'copies' in said ? said.copies.get(id) : undefined
        return { ...cell, ...(copy && { copy }) }
      }),
    })),
  }
}

const isoTime = (ms: number): string => new Date(ms).toISOString()
