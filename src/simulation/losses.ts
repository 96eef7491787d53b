/**
 * Records that copies have lost on purpose. Comparisons must not hide what replication does wrong:
 * in a simulated world there is nothing else to mend.
 */
import type { RegionId, Slot } from '../model/slot.ts'
import type { LogFields } from '../runtime/log.ts'

interface Loss {
  readonly region: RegionId
  readonly dataset: string
  readonly slot: Slot
  /** Records that no comparison has mended. */
  left: number
}

/** What nodes say when they mend a copy that differs from others. */
const mending = new Set([
  'a copy lacked records and has them again',
  'a copy had records that nobody wrote',
])

export class Losses {
  readonly #all = new Map<string, Loss>()

  add(region: RegionId, dataset: string, slot: Slot, records = 1): void {
    const name = `${region} ${dataset} ${slot}`
    const left = (this.#all.get(name)?.left ?? 0) + records
    this.#all.set(name, { region, dataset, slot, left })
  }

  /** Regions without a copy lack nothing. */
  forget(dataset: string, storing: readonly RegionId[]): void {
    for (const [name, of] of this.#all) {
      if (of.dataset === dataset && !storing.includes(of.region)) this.#all.delete(name)
    }
  }

  /** Regions begin a copy, of others that may lack something: so may theirs, then. */
  inherit(dataset: string, gaining: readonly RegionId[]): void {
    for (const { slot, left, ...of } of [...this.#all.values()]) {
      if (of.dataset !== dataset) continue
      for (const region of gaining) this.add(region, dataset, slot, left)
    }
  }

  /** False where a line of a log tells that more was mended than was lost. */
  explain(region: RegionId, message: string, { dataset, slot, repaired = 1 }: LogFields): boolean {
    if (!mending.has(message)) return true
    const loss = this.#all.get(`${region} ${dataset} ${slot}`)
    const left = (loss?.left ?? 0) - Number(repaired)
    if (loss) loss.left = Math.max(0, left)
    return left >= 0
  }
}
