/**
 * Homes that somebody names: a region, or the registrar, that acts by an earlier policy or a later
 * one may name a region that may not store the dataset under the policy that this one acts by. It
 * is not asked: what is asked names groups and carries values. Nothing was applied, and a moment
 * later both act by the same policy.
 */
import { DenizenError } from '../model/errors.ts'
import type { Placement } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'

/** Throws `stale_policy`. */
export function refuseUnlessStored(placement: Placement, home: RegionId): void {
  if (placement.mayStore(home)) return
  throw new DenizenError(
    'stale_policy',
    `${home} was named as the home, and may not store the dataset under the policy in effect here`,
  )
}
