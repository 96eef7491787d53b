/**
 * How old this region's copies are, from what its streams of all sources know; and what all other
 * copies have too. The thread that follows the sources fills it, and passes every change on, so
 * that other threads have the same.
 */
import type { PlacementTable } from '../model/placement.ts'
import type { FeedNumber, Position } from '../model/position.ts'
import type { RegionId, Slot } from '../model/slot.ts'
import type { Clock } from '../runtime/clock.ts'
import type { EverywherePoint } from './complete-everywhere.ts'
import { KnownEverywhere } from './known-everywhere.ts'

/**
 * When the copies of one source's feeds were last known to be complete, by monotonic time, in
 * milliseconds; undefined if that was never.
 */
export interface SourceAges {
  readonly asOfMs: number | undefined
  /** The feeds that have a time of their own, as they were found behind. */
  readonly lagging: readonly FeedAge[]
}

export interface FeedAge {
  readonly dataset: string
  readonly slot: Slot
  readonly asOfMs: number | undefined
}

/**
 * What has become known: of all feeds of a source, by a poll; of one, by progress; or of what is
 * complete in all regions.
 */
export type AgeChange = { readonly region: RegionId } & (
  | {
      readonly of: 'everywhere'
      readonly feed: FeedNumber
      readonly points: readonly EverywherePoint[]
    }
  | { readonly of: 'source'; readonly ages: SourceAges }
  | { readonly of: 'feed'; readonly age: FeedAge }
)

interface OneSource {
  readonly asOfMs: number | undefined
  readonly lagging: Map<string, number | undefined>
}

export interface CopyAgesOptions {
  readonly self: RegionId
  readonly table: () => PlacementTable
  readonly clock: Clock
}

export class CopyAges {
  readonly #options: CopyAgesOptions
  readonly #sources = new Map<RegionId, OneSource>()
  readonly #everywhere = new KnownEverywhere()

  constructor(options: CopyAgesOptions) {
    this.#options = options
  }

  learn(change: AgeChange): void {
    if (change.of === 'everywhere') {
      this.#everywhere.learn(change.feed, change.points)
      return
    }
    if (change.of === 'source') {
      const { asOfMs, lagging } = change.ages
      const own = new Map(lagging.map(age => [nameOf(age.dataset, age.slot), age.asOfMs]))
      this.#sources.set(change.region, { asOfMs, lagging: own })
      return
    }
    const { dataset, slot, asOfMs } = change.age
    this.#sources.get(change.region)?.lagging.set(nameOf(dataset, slot), asOfMs)
  }

  /**
   * The age in milliseconds of this copy of a slot; undefined where it can't say. `home` undefined:
   * the greatest over all feeds that could have brought a change.
   */
  stalenessMs(dataset: string, slot: Slot, home: RegionId | undefined): number | undefined {
    const asOfMs = this.#oldest(dataset, home, region => this.#asOfMs(region, dataset, slot))
    return asOfMs === undefined ? undefined : this.#ageMs(asOfMs)
  }

  /**
   * The same of what is read later: it counts from what is known now. Once a read has been asked of
   * another thread, the copy may become fresher than what that read has found.
   */
  asOf(
    dataset: string,
    slot: Slot,
  ): { stalenessMs(home: RegionId | undefined): number | undefined } {
    const homes = this.#homesOf(dataset)
    const asOfMs = new Map(homes.map(region => [region, this.#asOfMs(region, dataset, slot)]))
    return {
      stalenessMs: home => {
        const oldestMs = this.#oldest(dataset, home, region => asOfMs.get(region))
        return oldestMs === undefined ? undefined : this.#ageMs(oldestMs)
      },
    }
  }

  /** Every region that may store the dataset is complete past it; what one region alone has is. */
  isEverywhere(
    dataset: string,
    point: { readonly slot: Slot; readonly feed: FeedNumber; readonly position: Position },
  ): boolean {
    if (this.#everywhere.has(dataset, point)) return true
    return this.#options.table().byId(dataset)?.data.store.length === 1
  }

  #homesOf(dataset: string): readonly RegionId[] {
    return this.#options.table().byId(dataset)?.sources ?? []
  }

  /** Where other regions have nothing to add, it is infinite. */
  #oldest(
    dataset: string,
    home: RegionId | undefined,
    asOf: (region: RegionId) => number | undefined,
  ): number | undefined {
    let oldestMs = Number.POSITIVE_INFINITY
    for (const region of home === undefined ? this.#homesOf(dataset) : [home]) {
      if (region === this.#options.self) continue
      const asOfMs = asOf(region)
      if (asOfMs === undefined) return undefined
      oldestMs = Math.min(oldestMs, asOfMs)
    }
    return oldestMs
  }

  /** Rounded up: a copy is never fresher than it says. */
  #ageMs(asOfMs: number): number {
    return Math.max(0, Math.ceil(this.#options.clock.monotonicMs() - asOfMs))
  }

  /** The greatest age of the copy over the slots of one source's feed, in ms; as above. */
  lagMs(dataset: string, source: RegionId): number | undefined {
    const known = this.#sources.get(source)
    if (known?.asOfMs === undefined) return undefined
    let asOfMs = known.asOfMs
    for (const [name, at] of known.lagging) {
      if (!name.endsWith(` ${dataset}`)) continue
      if (at === undefined) return undefined
      asOfMs = Math.min(asOfMs, at)
    }
    return this.#options.clock.monotonicMs() - asOfMs
  }

  #asOfMs(region: RegionId, dataset: string, slot: Slot): number | undefined {
    const source = this.#sources.get(region)
    if (!source || source.lagging.size === 0) return source?.asOfMs
    const name = nameOf(dataset, slot)
    return source.lagging.has(name) ? source.lagging.get(name) : source.asOfMs
  }
}

const nameOf = (dataset: string, slot: Slot): string => `${slot} ${dataset}`
