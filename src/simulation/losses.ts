/**
 * Records that copies have lost on purpose. Comparisons must not hide what replication does wrong:
 * in a simulated world there is nothing else to mend.
 */
import type { RegionId, Slot } from '../model/slot.ts'
import type { LogFields } from '../runtime/log.ts'

/** What nodes say when they mend a copy that differs from others. */
const mending = new Set([
  'a copy lacked records and has them again',
  'a copy had records that nobody wrote',
])

export class Losses {
  /** By region, dataset and slot: those that no comparison has mended. */
  readonly #left = new Map<string, number>()

  add(region: RegionId, dataset: string, slot: Slot): void {
    const name = `${region} ${dataset} ${slot}`
    this.#left.set(name, (this.#left.get(name) ?? 0) + 1)
  }

  /** False where a line of a log tells that more was mended than was lost. */
  explain(region: RegionId, message: string, { dataset, slot, repaired = 1 }: LogFields): boolean {
    if (!mending.has(message)) return true
    const name = `${region} ${dataset} ${slot}`
    const left = (this.#left.get(name) ?? 0) - Number(repaired)
    this.#left.set(name, Math.max(0, left))
    return left >= 0
  }
}
