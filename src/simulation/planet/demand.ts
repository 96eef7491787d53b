/** Who wrote where, over all traces: leaders are chosen by it; it shows what traces are like. */
import type { Geography } from './geography.ts'
import type { Trace } from './trace.ts'

export class Demand {
  /** By city: writes that are made there. */
  readonly writes: number[]
  /** By city: groups that are first written there. */
  readonly firstWrites: number[]
  #all = 0
  #inMainRegions = 0
  #onTrips = 0

  constructor({ cities }: Geography) {
    this.writes = cities.map(() => 0)
    this.firstWrites = cities.map(() => 0)
  }

  add({ stays, home }: Trace): void {
    const byEntry = new Map<number, number>()
    stays.forEach(({ city: owner, writes }, stay) => {
      writes.forEach(({ city, entry }, n) => {
        this.writes[city] = (this.writes[city] as number) + 1
        if (stay === 0 && n === 0) this.firstWrites[city] = (this.firstWrites[city] as number) + 1
        byEntry.set(entry, (byEntry.get(entry) ?? 0) + 1)
      })
      this.#all += writes.length
      if (owner !== home) this.#onTrips += writes.length
    })
    this.#inMainRegions += Math.max(...byEntry.values())
  }

  /** Share of all writes that enter through the region where most writes to their group do. */
  get mainRegionShare(): number {
    return this.#inMainRegions / this.#all
  }

  /** Share of all writes to groups whose owner is on a trip at the time. */
  get tripShare(): number {
    return this.#onTrips / this.#all
  }
}
