/**
 * Which slots are walked, with whom and when: those whose copies differ at the same place, and, of
 * those that were not once at the same place for some comparisons in a row, one at a time. A walk
 * that mended nothing is not repeated soon: what differs there is another region's to mend, or
 * can't be proven yet.
 */
import type { RegionId, Slot } from '../model/slot.ts'
import { comparisonBounds } from './comparison-bounds.ts'
import type { ComparedStates } from './slot-states.ts'

export interface Walk {
  readonly dataset: string
  readonly peer: RegionId
  readonly slot: Slot
  /** The copies differ; else nobody knows, and it is no hurry. */
  readonly isUrgent: boolean
}

interface Rest {
  readonly untilMs: number
  readonly lengthMs: number
}

export class ComparisonPlan {
  readonly #waiting = new Map<string, Walk>()
  /** How often in a row the copies were not at the same place. */
  readonly #apart = new Map<string, number>()
  readonly #rests = new Map<string, Rest>()

  get isEmpty(): boolean {
    return this.#waiting.size === 0
  }

  learn(dataset: string, peer: RegionId, compared: ComparedStates, nowMs: number): void {
    const { slots, different, apart } = compared
    const isApart = new Set(apart)
    let longest: { readonly slot: Slot; readonly times: number } | undefined
    for (let slot = 0; slot < slots; slot++) {
      const name = nameOf({ dataset, peer, slot })
      const times = isApart.has(slot) ? (this.#apart.get(name) ?? 0) + 1 : 0
      if (times > 0) this.#apart.set(name, times)
      else this.#apart.delete(name)
      if (times > (longest?.times ?? comparisonBounds.apartMax)) longest = { slot, times }
    }
    const unlike = new Set(different)
    for (let slot = 0; slot < slots; slot++) {
      // The same again: what was to be mended later has been.
      if (!unlike.has(slot) && !isApart.has(slot))
        this.#rests.delete(nameOf({ dataset, peer, slot }))
    }
    for (const slot of different) this.#add({ dataset, peer, slot, isUrgent: true }, nowMs)
    if (longest) this.#add({ dataset, peer, slot: longest.slot, isUrgent: false }, nowMs)
  }

  #add(walk: Walk, nowMs: number): void {
    const name = nameOf(walk)
    if (this.#waiting.size >= comparisonBounds.walksMax) return
    if (nowMs < (this.#rests.get(name)?.untilMs ?? 0)) return
    if (!this.#waiting.has(name) || walk.isUrgent) this.#waiting.set(name, walk)
  }

  next(): Walk | undefined {
    return this.nextUrgent() ?? this.#take(() => true)
  }

  nextUrgent(): Walk | undefined {
    return this.#take(({ isUrgent }) => isUrgent)
  }

  #take(isWanted: (walk: Walk) => boolean): Walk | undefined {
    const walk = this.#waiting.values().find(isWanted)
    if (walk) this.#waiting.delete(nameOf(walk))
    return walk
  }

  /** `mended`: records that are right now and were not before. */
  walked(walk: Walk, mended: number, nowMs: number): void {
    const name = nameOf(walk)
    this.#apart.delete(name)
    if (mended > 0) {
      this.#rests.delete(name)
      return
    }
    const before = this.#rests.get(name)?.lengthMs ?? comparisonBounds.restMinMs / 2
    const lengthMs = Math.min(2 * before, comparisonBounds.restMaxMs)
    this.#rests.set(name, { untilMs: nowMs + lengthMs, lengthMs })
  }
}

const nameOf = ({ dataset, peer, slot }: Omit<Walk, 'isUrgent'>): string =>
  `${peer} ${slot} ${dataset}`
