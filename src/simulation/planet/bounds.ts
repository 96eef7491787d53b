/**
 * What nobody can do who does not know the future.
 *
 * `perfectPlacement` knows all writes to come. While a group's owner is in one place the group's
 * home is the region from which the mean write of that time is fastest; it is there at the first
 * write, without a claim, and has moved when the owner has, at once and at no cost. It does not run
 * after visitors: a home in the middle of a stay stays. So it is no bound in the strict sense: a
 * home that follows visitors can do better where visits are long.
 *
 * `everyWriteLocal` is one: each write finds its group at home where it enters. No moves could keep
 * up with that; it is what the way to the nearest region alone costs.
 */
import type { Geography } from './geography.ts'
import type { PlanetParameters } from './parameters.ts'
import type { Strategy } from './strategy.ts'
import { Tally } from './tally.ts'
import type { Stay, Trace } from './trace.ts'
import { Traffic } from './traffic.ts'

/** The home that a write finds, where all writes of its stay are known. */
type HomeOf = (stay: Stay) => (entry: number) => number

class Oracle implements Strategy {
  readonly tally: Tally
  readonly moves = 0
  readonly #geography: Geography
  readonly #parameters: PlanetParameters
  readonly #traffic: Traffic
  readonly #homeOf: HomeOf

  constructor(geography: Geography, parameters: PlanetParameters, homeOf: HomeOf) {
    this.#geography = geography
    this.#parameters = parameters
    this.#homeOf = homeOf
    this.tally = new Tally(geography.regions.length)
    this.#traffic = new Traffic(this.tally, geography.regions.length, parameters)
  }

  live({ stays }: Trace): void {
    const geography = this.#geography
    stays.forEach((stay, n) => {
      const homeOf = this.#homeOf(stay)
      stay.writes.forEach(({ city, entry }, m) => {
        const home = homeOf(entry)
        const wayMs = geography.city(city).accessMs + geography.rttMs(entry, home)
        const ms = wayMs + this.#parameters.commitMs
        this.tally.write(entry, ms)
        if (n === 0 && m === 0) this.tally.firstWrite(ms)
        this.#traffic.forward(entry, home)
        this.#traffic.replicate(home)
      })
    })
  }
}

export const perfectPlacement = (geography: Geography, parameters: PlanetParameters): Strategy =>
  new Oracle(geography, parameters, stay => {
    const home = bestHome(stay, geography)
    return () => home
  })

export const everyWriteLocal = (geography: Geography, parameters: PlanetParameters): Strategy =>
  new Oracle(geography, parameters, () => entry => entry)

/** The region to which all writes of a stay have the shortest way together. */
function bestHome({ writes }: Stay, geography: Geography): number {
  let best = { home: 0, ms: Number.POSITIVE_INFINITY }
  geography.regions.forEach((_, home) => {
    const ms = writes.reduce((sum, { entry }) => sum + geography.rttMs(entry, home), 0)
    if (ms < best.ms) best = { home, ms }
  })
  return best.home
}
