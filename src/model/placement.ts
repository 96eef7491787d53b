/**
 * The placement table: a compiled policy. For each dataset (a partition is a dataset of its own
 * from here on) and region: may it home, store, serve? Compiled once per policy epoch; every check
 * on the hot path is a look-up here (residency rule 1).
 *
 * `PolicyData` is plain data: it is what coordination keeps, what every data directory holds and
 * what nodes send each other, so that two builds of Denizen never compile one policy differently.
 */
import { type AcksLevel, regionsOf } from './acks.ts'
import { assert } from './assert.ts'
import { utf8 } from './bytes.ts'
import { DenizenError } from './errors.ts'
import { groupOf, serverAssignedRegion } from './group.ts'
import type { Hasher } from './hash.ts'
import type { Key } from './key.ts'
import { type RegionId, type RegionNumber, type Slot, slotOf } from './slot.ts'

export type Outside = 'redirect' | 'refuse'

export type Homing =
  | { readonly kind: 'hint' }
  | { readonly kind: 'hash' }
  | { readonly kind: 'pinned'; readonly region: RegionId }
  /** Longest matching key prefix names the home; keys that match none are homed by hash. */
  | { readonly kind: 'prefix'; readonly homes: readonly { prefix: string; region: RegionId }[] }

/** Why a region may not do a thing; absent where it may. Texts for `explain` and `policy check`. */
export interface Forbidden {
  readonly home?: string
  readonly store?: string
  readonly serve?: string
}

/** One partition of a dataset, or a whole dataset that has no partitions. */
export interface PlacementData {
  /**
   * `cities`, or name and prefix of a partition: `tenants/eu/`. Stores, feeds, registrars use it.
   */
  readonly id: string
  /** The name in URLs. */
  readonly name: string
  /** The key prefix of the partition; empty for a whole dataset. */
  readonly prefix: string
  readonly slots: number
  /** Leading segments that make the group; null: the whole key. */
  readonly groupBySegments: number | null
  readonly homing: Homing
  readonly outside: Outside
  /** True for `residency: anywhere`: no law-bound data, so replies may be cached. */
  readonly anywhere: boolean
  readonly law: readonly string[]
  /** Life of a value that names none, in ms; without it values live until they are deleted. */
  readonly ttlMs?: number
  /** Regions that hold a write on disk before it is answered; without it the home alone. */
  readonly acks?: AcksLevel
  /** A group moves to the region from which so many writes in a row have entered. */
  readonly rehome?: { readonly after: number }
  /** Sorted region ids. home ⊆ store. */
  readonly home: readonly RegionId[]
  readonly store: readonly RegionId[]
  readonly serve: readonly RegionId[]
  readonly forbidden: Readonly<Record<RegionId, Forbidden>>
}

export interface PolicyRegion {
  readonly id: RegionId
  readonly name: string
  readonly country: string
  readonly operator: string
  readonly operatorCountry: string
  readonly latitude: number
  readonly longitude: number
}

export interface PolicyData {
  readonly cluster: string
  readonly keeper: RegionId
  readonly regions: readonly PolicyRegion[]
  readonly placements: readonly PlacementData[]
}

export class Placement {
  readonly data: PlacementData
  /** Regions that hold a write on disk before it is answered: 1 is the home alone. */
  readonly acks: number
  readonly #home: ReadonlySet<RegionId>
  readonly #store: ReadonlySet<RegionId>
  readonly #serve: ReadonlySet<RegionId>
  readonly #slotHomes: readonly RegionId[]
  readonly #hasher: Hasher

  constructor(data: PlacementData, hasher: Hasher) {
    this.data = data
    this.acks = regionsOf(data.acks ?? 1, data.store.length)
    this.#home = new Set(data.home)
    this.#store = new Set(data.store)
    this.#serve = new Set(data.serve)
    this.#hasher = hasher
    this.#slotHomes = Array.from({ length: data.slots }, (_, slot) =>
      highestWeight(hasher, `home/${data.id}/${slot}`, data.home),
    )
  }

  get id(): string {
    return this.data.id
  }
  mayHome(region: RegionId): boolean {
    return this.#home.has(region)
  }
  mayStore(region: RegionId): boolean {
    return this.#store.has(region)
  }
  mayServe(region: RegionId): boolean {
    return this.#serve.has(region)
  }

  /** False for a key of another partition of the dataset. */
  hasKey(key: string): boolean {
    return key.startsWith(this.data.prefix)
  }
  /** As `hasKey`: a group has at least as many segments as the prefix. */
  hasGroup(group: string): boolean {
    return `${group}/`.startsWith(this.data.prefix)
  }

  groupOf(key: Key): string {
    return groupOf(key, this.data.groupBySegments)
  }
  slotOf(group: string): Slot {
    return slotOf(this.#hasher, group, this.data.slots)
  }

  /**
   * The home that every node computes for a group, with term 0 and no claim, or `undefined` where
   * the home must be claimed at the registrar.
   */
  computedHome(group: string): RegionId | undefined {
    if (this.data.home.length === 1) return this.data.home[0]
    const assigned = serverAssignedRegion(group)
    if (assigned !== undefined && this.#home.has(assigned)) return assigned
    switch (this.data.homing.kind) {
      case 'hint':
        return undefined
      case 'pinned':
        return this.data.homing.region
      case 'prefix':
        return this.#prefixHome(group) ?? this.#hashHome(group)
      case 'hash':
        return this.#hashHome(group)
    }
  }

  #hashHome(group: string): RegionId {
    return this.#slotHomes[this.slotOf(group)] as RegionId
  }

  #prefixHome(group: string): RegionId | undefined {
    if (this.data.homing.kind !== 'prefix') return undefined
    let best: { prefix: string; region: RegionId } | undefined
    for (const entry of this.data.homing.homes) {
      const matches = `${group}/`.startsWith(entry.prefix) || group.startsWith(entry.prefix)
      if (matches && entry.prefix.length > (best?.prefix.length ?? -1)) best = entry
    }
    return best?.region
  }
}

export class PlacementTable {
  readonly policyEpoch: number
  readonly data: PolicyData
  readonly #byId = new Map<string, Placement>()
  /** By name; partitions longest prefix first. */
  readonly #byName = new Map<string, Placement[]>()

  constructor(data: PolicyData, policyEpoch: number, hasher: Hasher) {
    this.data = data
    this.policyEpoch = policyEpoch
    for (const placementData of data.placements) {
      const placement = new Placement(placementData, hasher)
      assert(!this.#byId.has(placement.id), 'placement ids are unique')
      this.#byId.set(placement.id, placement)
      const partitions = this.#byName.get(placementData.name) ?? []
      partitions.push(placement)
      partitions.sort((a, b) => b.data.prefix.length - a.data.prefix.length)
      this.#byName.set(placementData.name, partitions)
    }
  }

  get placements(): Iterable<Placement> {
    return this.#byId.values()
  }
  get names(): readonly string[] {
    return [...this.#byName.keys()]
  }
  byId(id: string): Placement | undefined {
    return this.#byId.get(id)
  }
  /** The partitions of a dataset. Throws `unknown_dataset`. */
  partitions(name: string): readonly Placement[] {
    const partitions = this.#byName.get(name)
    if (partitions) return partitions
    throw new DenizenError('unknown_dataset', 'the policy in force has no dataset of this name')
  }

  /** The placement of a key (or key prefix). Throws `unknown_dataset` or `no_partition`. */
  locate(name: string, key: string): Placement {
    return this.#locate(name, ({ data }) => key.startsWith(data.prefix))
  }

  /** The same of a group, which may be a partition's prefix without its last slash. */
  locateGroup(name: string, group: string): Placement {
    return this.#locate(name, placement =>
      placement.data.groupBySegments === null ? placement.hasKey(group) : placement.hasGroup(group),
    )
  }

  #locate(name: string, has: (placement: Placement) => boolean): Placement {
    const found = this.partitions(name).find(has)
    if (found) return found
    throw new DenizenError('no_partition', 'the key begins with no partition of the dataset', {
      extra: { partitions: this.partitions(name).map(({ data }) => data.prefix) },
    })
  }
}

/**
 * Rendezvous (highest random weight) hashing, Thaler and Ravishankar 1998: each candidate is
 * weighed with the subject, the heaviest wins; losing one candidate moves only what it had.
 */
export function highestWeight(
  hasher: Hasher,
  subject: string,
  candidates: readonly RegionId[],
): RegionId {
  let best: { region: RegionId; weight: bigint } | undefined
  for (const region of candidates) {
    const weight = hasher.h64(utf8(`${subject}\n${region}`))
    if (!best || weight > best.weight || (weight === best.weight && region < best.region)) {
      best = { region, weight }
    }
  }
  assert(best, 'rendezvous hashing needs a candidate')
  return best.region
}

/** Registrars are spread by rendezvous hashing over the regions that may home. */
export const registrarRegion = (
  hasher: Hasher,
  dataset: string,
  slot: Slot,
  candidates: readonly RegionId[],
): RegionId => highestWeight(hasher, `registrar/${dataset}/${slot}`, candidates)

export type { RegionId, RegionNumber, Slot }
