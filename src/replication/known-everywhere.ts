/** Up to where feeds are complete in all regions, as their hosts have said. */
import type { FeedNumber, Position } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import type { EverywherePoint } from './complete-everywhere.ts'

export class KnownEverywhere {
  /** By dataset, then by feed: a position for each slot. */
  readonly #datasets = new Map<string, Map<FeedNumber, Map<Slot, Position>>>()

  learn(feed: FeedNumber, points: readonly EverywherePoint[]): void {
    for (const { dataset, slot, position } of points) {
      let feeds = this.#datasets.get(dataset)
      if (!feeds) {
        feeds = new Map()
        this.#datasets.set(dataset, feeds)
      }
      const slots = feeds.get(feed) ?? new Map<Slot, Position>()
      feeds.set(feed, slots.set(slot, position))
    }
  }

  has(
    dataset: string,
    point: { readonly slot: Slot; readonly feed: FeedNumber; readonly position: Position },
  ): boolean {
    const position = this.#datasets.get(dataset)?.get(point.feed)?.get(point.slot)
    return position !== undefined && point.position <= position
  }
}
