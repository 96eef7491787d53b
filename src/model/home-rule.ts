/**
 * Which homes follow from a policy alone: everybody computes them, so that nobody has to claim or
 * to ask. A policy that once computed other homes *claims*: what it computes says only who is to
 * claim a new group, because a group that it knows nothing of may have its home elsewhere.
 */
import { serverAssignedRegion } from './group.ts'
import type { Hasher } from './hash.ts'
import { highestWeight } from './rendezvous.ts'
import type { RegionId, Slot } from './slot.ts'

export type Homing =
  | { readonly kind: 'hint' }
  | { readonly kind: 'hash' }
  | { readonly kind: 'pinned'; readonly region: RegionId }
  /** Longest matching key prefix names the home; keys that match none are homed by hash. */
  | { readonly kind: 'prefix'; readonly homes: readonly { prefix: string; region: RegionId }[] }

/** Homes are claimed even where the policy computes them. */
export interface Claimed {
  /** Regions whose server-assigned keys need no claim all the same. */
  readonly assigned: readonly RegionId[]
}

export interface HomeRuleData {
  readonly homing: Homing
  /** Sorted region ids. */
  readonly home: readonly RegionId[]
  readonly claimed?: Claimed
}

export interface HomeRuleOptions {
  readonly hasher: Hasher
  /** Of the placement. */
  readonly id: string
  readonly slots: number
  readonly slotOf: (group: string) => Slot
}

export class HomeRule {
  readonly #data: HomeRuleData
  readonly #slotOf: (group: string) => Slot
  readonly #slotHomes: readonly RegionId[]

  constructor(data: HomeRuleData, { hasher, id, slots, slotOf }: HomeRuleOptions) {
    this.#data = data
    this.#slotOf = slotOf
    this.#slotHomes =
      data.home.length === 0
        ? []
        : Array.from({ length: slots }, (_, slot) =>
            highestWeight(hasher, `home/${id}/${slot}`, data.home),
          )
  }

  /** The home of a group with term 0 and no claim; undefined where it has to be claimed. */
  implicitHome(group: string): RegionId | undefined {
    const { home, claimed } = this.#data
    if (!claimed) return home.length === 1 ? home[0] : this.preferredHome(group)
    const assigned = serverAssignedRegion(group)
    return assigned !== undefined && claimed.assigned.includes(assigned) ? assigned : undefined
  }

  /** The region that the policy wants as home; undefined where any that may home will do. */
  preferredHome(group: string): RegionId | undefined {
    const { home, homing } = this.#data
    if (home.length === 1) return home[0]
    const assigned = serverAssignedRegion(group)
    if (assigned !== undefined && home.includes(assigned)) return assigned
    switch (homing.kind) {
      case 'hint':
        return undefined
      case 'pinned':
        return homing.region
      case 'prefix':
        return this.#prefixHome(group) ?? this.#slotHomes[this.#slotOf(group)]
      case 'hash':
        return this.#slotHomes[this.#slotOf(group)]
    }
  }

  #prefixHome(group: string): RegionId | undefined {
    const { homing } = this.#data
    if (homing.kind !== 'prefix') return undefined
    let best: { prefix: string; region: RegionId } | undefined
    for (const entry of homing.homes) {
      const matches = `${group}/`.startsWith(entry.prefix) || group.startsWith(entry.prefix)
      if (matches && entry.prefix.length > (best?.prefix.length ?? -1)) best = entry
    }
    return best?.region
  }
}
