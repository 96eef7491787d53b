/**
 * Up to where this region's feeds are complete in every region that may store them, as a state
 * machine: it hears how far each follower is, and says what is new to whoever asks. Tokens of
 * sessions need not name what is complete everywhere (docs/PROTOCOL.md, "Sessions").
 *
 * What a follower has said stays true when its stream ends, for as long as it runs: complete
 * cursors only grow, but for a replacing snapshot, while which a copy answers no session. A
 * follower that has not been heard since this region started has nothing, as far as is known.
 */
import type { Position } from '../model/position.ts'
import type { RegionId, Slot } from '../model/slot.ts'

export interface EverywherePoint {
  readonly dataset: string
  readonly slot: Slot
  /** Complete everywhere up to here; 0: as far as is known, nothing is. */
  readonly position: Position
}

interface Known {
  readonly dataset: string
  readonly slot: Slot
  readonly cursors: Map<RegionId, Position>
  position: Position
  /** Which change of all it was that led to this; 0: there was none. */
  change: number
}

const nothingKnown = (dataset: string, slot: Slot): Known => ({
  ...{ dataset, slot, cursors: new Map() },
  ...{ position: 0, change: 0 },
})

export class CompleteEverywhere {
  readonly #others: (dataset: string) => readonly RegionId[]
  /** By slot and dataset. */
  readonly #known = new Map<string, Known>()
  #change = 0

  /** `others`: the regions that may store a dataset under the policy in force, without this one. */
  constructor(others: (dataset: string) => readonly RegionId[]) {
    this.#others = others
  }

  /** A follower is durably complete up to a position of this region's feed. */
  onComplete(
    region: RegionId,
    { dataset, slot }: { readonly dataset: string; readonly slot: Slot },
    complete: Position,
  ): void {
    const name = `${slot} ${dataset}`
    const known = this.#known.get(name) ?? nothingKnown(dataset, slot)
    this.#known.set(name, known)
    const { cursors } = known
    cursors.set(region, complete)
    const position = Math.min(...this.#others(dataset).map(other => cursors.get(other) ?? 0))
    if (known.position === position) return
    this.#change += 1
    known.position = position
    known.change = this.#change
  }

  /** What has changed since: `after` is the `upTo` of the answer before, or 0. */
  news(after: number): { readonly points: readonly EverywherePoint[]; readonly upTo: number } {
    const points: EverywherePoint[] = []
    if (after < this.#change) {
      for (const { dataset, slot, position, change } of this.#known.values()) {
        if (change > after) points.push({ dataset, slot, position })
      }
    }
    return { points, upTo: this.#change }
  }
}
