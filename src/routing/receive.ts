/**
 * The receiver's residency check: whatever another region asks about a dataset is looked at here
 * first, whoever sent it there. This region must store the dataset, the asker must store or serve
 * it, and what is asked about must lie in the partition that it is asked of.
 */
import { DenizenError } from '../model/errors.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'

export interface ReceiverOptions {
  readonly self: RegionId
  readonly table: () => PlacementTable
  /** Counts a check that had to refuse: a bug, here or at the other end, or an attack. */
  readonly onViolation: () => void
}

/** The placement that `from` may ask about. Throws `stale_policy` or `residency_violation`. */
export function placementAsked(
  { self, table, onViolation }: ReceiverOptions,
  from: RegionId,
  dataset: string,
  isInPlace: (placement: Placement) => boolean = () => true,
): Placement {
  const placement = table().byId(dataset)
  if (!placement) throw new DenizenError('stale_policy', 'no such dataset under this policy')
  const mayAsk = placement.mayStore(from) || placement.mayServe(from)
  if (placement.mayStore(self) && mayAsk && isInPlace(placement)) return placement
  // One of the two is ahead in a change of the policy: neither has done anything wrong.
  const isOther = (region: RegionId): boolean => placement.isOfOtherPolicy(region)
  const isChanging = (mayAsk || isOther(from)) && (placement.mayStore(self) || isOther(self))
  if (isChanging && isInPlace(placement)) {
    throw new DenizenError('stale_policy', `${from} and ${self} work under different policies`)
  }
  onViolation()
  throw new DenizenError('residency_violation', `${from} asked ${self} for what it may not`)
}

/** Of the region that a relay passes something on for, or to. Throws as `placementAsked`. */
export function refuseUnlessStores(
  { onViolation }: ReceiverOptions,
  placement: Placement,
  region: RegionId,
): void {
  if (placement.mayStore(region)) return
  if (placement.isOfOtherPolicy(region)) {
    throw new DenizenError('stale_policy', `${region} works under a different policy`)
  }
  onViolation()
  throw new DenizenError('residency_violation', `${region} may not store what is relayed`)
}
