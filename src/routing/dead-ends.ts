/**
 * Relays that could not reach a region a moment ago. Without it every operation that needs a region
 * which is down would ask all relays in vain, and be told so only after their round trips.
 */
import { timing } from '../model/limits.ts'
import type { RegionId } from '../model/slot.ts'
import type { Clock } from '../runtime/clock.ts'

/** Bounded: regions are few. */
export class DeadEnds {
  readonly #clock: Clock
  /** By relay and region: until when it is not asked again. */
  readonly #untilMs = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(relay: RegionId, to: RegionId): void {
    this.#untilMs.set(`${relay} ${to}`, this.#clock.monotonicMs() + timing.deadEndMs)
  }

  passes(relay: RegionId, to: RegionId): boolean {
    const name = `${relay} ${to}`
    const untilMs = this.#untilMs.get(name)
    if (untilMs === undefined) return true
    if (this.#clock.monotonicMs() < untilMs) return false
    this.#untilMs.delete(name)
    return true
  }
}
