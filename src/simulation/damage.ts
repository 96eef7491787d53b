/** What befalls records behind the backs of nodes: one rots, or is no more, and nobody is told. */
import type { Hasher } from '../model/hash.ts'
import type { Key } from '../model/key.ts'
import type { Placement, PlacementTable, PolicyData } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { LogFields } from '../runtime/log.ts'
import { loseOne } from './loss.ts'
import { Losses } from './losses.ts'
import type { Machine } from './machine.ts'
import { rotOne } from './rot.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { Watcher } from './watcher.ts'

export interface DamageOptions {
  readonly hasher: Hasher
  readonly watcher: Watcher
  readonly machineOf: (region: RegionId) => Machine
  readonly table: () => PlacementTable
  readonly mayBeChanging: () => boolean
}

export class Damage {
  readonly #options: DamageOptions
  readonly #losses = new Losses()

  constructor(options: DamageOptions) {
    this.#options = options
  }

  /** A record of which every copy is the same rots in this region. */
  rot(region: RegionId, random: SeededRandom): void {
    const { machineOf, mayBeChanging } = this.#options
    // A copy that was found sound, and rots before the others are erased, can't be told from one
    // that rots as the last.
    if (mayBeChanging()) return
    const placement = random.pick(this.#sharedBy(region))
    if (placement) rotOne(placement, region, machineOf, random)
  }

  /** A record of which every copy is the same is no more in this region. */
  lose(region: RegionId, random: SeededRandom): void {
    const { hasher, machineOf, watcher, mayBeChanging } = this.#options
    // A copy may be the last one soon, and what it lacks can't be told then.
    if (mayBeChanging()) return
    const placement = random.pick(this.#sharedBy(region))
    const key = placement && loseOne({ placement, region, machineOf, hasher, random })
    if (key === undefined) return
    watcher.lost(region, placement.id, key)
    const slot = placement.slotOf(placement.groupOf(key as Key))
    this.#losses.add(region, placement.id, slot)
  }

  /** The policy begins to change. */
  seeChange(current: PolicyData, next: PolicyData): void {
    const before = new Map(current.placements.map(({ id, store }) => [id, store]))
    for (const [id, store] of before) this.#losses.forget(id, store)
    for (const { id, store } of next.placements) {
      this.#losses.inherit(
        id,
        store.filter(region => !before.get(id)?.includes(region)),
      )
    }
  }

  /** False where a line of a log tells that more was mended than was lost. */
  explain(region: RegionId, message: string, fields: LogFields): boolean {
    return this.#losses.explain(region, message, fields)
  }

  #sharedBy(region: RegionId): Placement[] {
    return [...this.#options.table().placements].filter(
      ({ data }) => data.store.length > 1 && data.store.includes(region),
    )
  }
}
