/** What a store has to know of where it stands. */
import type { AccessRuns } from '../model/access-runs.ts'
import type { GroupHolds } from '../model/group-holds.ts'
import type { Hasher } from '../model/hash.ts'
import type { Placement } from '../model/placement.ts'
import type { FeedNumber } from '../model/position.ts'
import type { RegionId, RegionNumbers } from '../model/slot.ts'
import type { GroupHash } from './erasure.ts'

/**
 * Where a store stands: whose it is, and in whose hands. What follows from the policy is another
 * one once the policy changes, between two turns of the thread.
 */
export interface StoreContext {
  readonly hasher: Hasher
  /** The dataset's placement under the policy in effect. */
  readonly placement: Placement
  readonly self: RegionId
  /** The feed that this region writes. */
  readonly ownFeed: FeedNumber
  /** Region numbers of coordination: what rows hold in place of ids. */
  readonly regions: RegionNumbers
  readonly hashOfGroup: GroupHash
  /** Whence groups are written, where the policy moves them to their writers. */
  readonly accesses?: AccessRuns | undefined
  /** Groups whose writes wait. */
  readonly holds?: GroupHolds
  /** Claims are granted under this one alone; undefined: no registrar has been named yet. */
  readonly registrarEpoch?: number | undefined
}
