/**
 * Where people and regions are, and how long messages take between them. Everything is by index:
 * of a region in `regions`, of a city in `cities`.
 */
import { assert } from '../../model/assert.ts'
import { distanceKm, estimateRttMs, nearestRegions } from '../../model/distance.ts'
import type { PolicyRegion } from '../../model/placement.ts'
import type { Coordinates } from '../../model/region.ts'
import type { Chance } from './chance.ts'

export interface City {
  readonly coordinates: Coordinates
  readonly population: number
}

interface Place extends City {
  /** The region through which its people enter: the nearest, as DNS would have it. */
  readonly entry: number
  /** Round trip between a device there and the entry region. */
  readonly accessMs: number
}

/** Where two places are closer, distance no longer decides whether people meet. */
const closeKm = 100
/** Even at the antipodes one draw of 200 is accepted: this many never all fail. */
const drawsMax = 1_000_000

export class Geography {
  readonly regions: readonly PolicyRegion[]
  readonly cities: readonly Place[]
  /** By region: the region itself and all others, nearest first. */
  readonly byNearness: readonly (readonly number[])[]
  readonly #sites: readonly Coordinates[]
  readonly #rttMs: readonly (readonly number[])[]
  readonly #lastMileMs: number
  /** Population up to and with each city. */
  readonly #cumulated: readonly number[]
  readonly #entries: ReadonlySet<number>

  constructor(
    regions: readonly PolicyRegion[],
    cities: readonly City[],
    { lastMileMs }: { readonly lastMileMs: number },
  ) {
    assert(regions.length > 0 && cities.length > 0, 'a planet has regions and people')
    this.regions = regions
    this.#lastMileMs = lastMileMs
    this.#sites = regions.map(({ latitude, longitude }) => ({ latitude, longitude }))
    this.#rttMs = this.#sites.map(from =>
      this.#sites.map(to => (from === to ? 0 : estimateRttMs(from, to))),
    )
    const sites = regions.map(({ id }, index) => ({ id, index, coordinates: this.#site(index) }))
    const nearest = (from: Coordinates): number[] =>
      nearestRegions(from, sites).map(({ index }) => index)
    this.byNearness = this.#sites.map((site, self) => [
      self,
      ...nearest(site).filter(index => index !== self),
    ])
    this.cities = cities.map(city => {
      const entry = nearest(city.coordinates)[0] as number
      return { ...city, entry, accessMs: this.#directMs(city, entry) }
    })
    let sum = 0
    this.#cumulated = cities.map(({ population }) => {
      sum += population
      return sum
    })
    this.#entries = new Set(this.cities.map(({ entry }) => entry))
  }

  /** Round trip between two regions; nothing within one. */
  rttMs(from: number, to: number): number {
    return this.#rttMs[from]?.[to] as number
  }

  city(index: number): Place {
    return this.cities[index] as Place
  }

  /** Round trip between a device in a city and a region that it speaks to itself. */
  directMs(city: number, region: number): number {
    return this.#directMs(this.city(city), region)
  }

  #directMs({ coordinates }: City, region: number): number {
    return this.#lastMileMs + estimateRttMs(coordinates, this.#site(region))
  }

  #site(region: number): Coordinates {
    return this.#sites[region] as Coordinates
  }

  /** A city, by how many live there. */
  anyCity(chance: Chance): number {
    const at = chance.unit() * (this.#cumulated.at(-1) as number)
    let [low, high] = [0, this.#cumulated.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#cumulated[middle] as number) > at) high = middle
      else low = middle + 1
    }
    return low
  }

  /**
   * A city where people enter through another region than those of `from`, or `from` where there
   * is none: by how many live there over how far it is. G. K. Zipf, "The P1 P2 / D hypothesis: on
   * the intercity movement of persons", American Sociological Review 1946; friendships in online
   * networks thin out alike (Liben-Nowell et al., PNAS 2005).
   */
  anyCityElsewhere(from: number, chance: Chance): number {
    const { entry, coordinates } = this.city(from)
    if (this.#entries.size === 1) return from
    for (let n = 0; n < drawsMax; n++) {
      const drawn = this.anyCity(chance)
      const city = this.city(drawn)
      if (city.entry === entry) continue
      const km = distanceKm(coordinates, city.coordinates)
      if (chance.happens(closeKm / Math.max(closeKm, km))) return drawn
    }
    assert(false, 'some city of another region is drawn at last')
    return from
  }
}
