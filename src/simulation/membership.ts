/**
 * Operators who bring regions into a world and retire them, as they would: they apply the policy
 * until the keeper has taken it, start the node of a region that is to come, and stop that of one
 * that has nothing any more.
 */
import type { PolicyData, PolicyRegion } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { Governed } from './governed.ts'
import { type RegionDisturbance, withRegionChange } from './region-changes.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface MembershipOptions {
  readonly time: VirtualTime
  readonly random: SeededRandom
  readonly governed: Governed
  /** All that there may be. */
  readonly places: ReadonlyMap<RegionId, PolicyRegion>
  /** Somebody applies another policy, if it can be done now. */
  readonly apply: (desired: (current: PolicyData) => PolicyData) => void
  readonly start: (region: RegionId) => void
  readonly stop: (region: RegionId) => void
}

const AGAIN_MS = 1_500
const TRIES_MAX = 12
const LOOK_MS = 200

export class Membership {
  readonly #options: MembershipOptions
  #stopped = false

  constructor(options: MembershipOptions) {
    this.#options = options
  }

  /** Nothing new is begun; what is to come is started. */
  stop(): void {
    this.#stopped = true
    const { governed, places, start } = this.#options
    for (const region of places.keys()) if (governed.isWanted(region)) start(region)
  }

  change(of: RegionDisturbance, tries = TRIES_MAX): void {
    const { time, governed, places, apply } = this.#options
    const wanted = of.kind === 'add region'
    if (this.#stopped || tries === 0) return
    if (governed.isWanted(of.region) !== wanted) {
      if (!governed.isChanging) apply(current => withRegionChange(current, of, places))
      time.after(AGAIN_MS, () => this.change(of, tries - 1))
    } else if (wanted) this.#startSoon(of.region)
    else this.#stopOnceGone(of.region)
  }

  #startSoon(region: RegionId): void {
    const { time, random, start } = this.#options
    time.after(random.between(0, 2_000), () => start(region))
  }

  /** Some leave it running: it has nothing, and sends everybody elsewhere. */
  #stopOnceGone(region: RegionId): void {
    const { time, random, governed, stop } = this.#options
    if (this.#stopped || governed.isWanted(region)) return
    if (governed.isChanging) time.after(LOOK_MS, () => this.#stopOnceGone(region))
    else if (random.oneIn(2)) stop(region)
  }
}
