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
import { DenizenError } from './errors.ts'
import { groupOf } from './group.ts'
import type { Hasher } from './hash.ts'
import { HomeRule, type HomeRuleData } from './home-rule.ts'
import type { Key } from './key.ts'
import { type RegionId, type RegionNumber, type Slot, slotOf } from './slot.ts'
import { claimTerm } from './version.ts'

export type Outside = 'redirect' | 'refuse'

/** Why a region may not do a thing; absent where it may. Texts for `explain` and `policy check`. */
export interface Forbidden {
  readonly home?: string
  readonly store?: string
  readonly serve?: string
}

/** One partition of a dataset, or a whole dataset that has no partitions. */
export interface PlacementData extends HomeRuleData {
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
  readonly store: readonly RegionId[]
  readonly serve: readonly RegionId[]
  readonly forbidden: Readonly<Record<RegionId, Forbidden>>
  /** Regions that an earlier policy let store or serve it: refusing them alarms nobody. */
  readonly left?: readonly RegionId[]
  /**
   * By region that came to the homes of a dataset that was there already: the registrar epoch with
   * which it did.
   */
  readonly since?: Readonly<Record<RegionId, number>>
  /** While the policy changes; never kept, as it follows from the two policies and the phase. */
  readonly changing?: Changing
}

/** What is to be known of a placement, beside its own data, while it changes to the next one. */
export interface Changing {
  /** No name in URLs leads to it: it is not in force yet, or not any more. */
  readonly isHidden: boolean
  /** Regions that take in a copy when somebody sends one, which nobody does yet. */
  readonly incoming: readonly RegionId[]
  /** Regions whose copies are whole. */
  readonly readable: readonly RegionId[]
  /** Regions that keep what homes they have, and take no new ones. */
  readonly leaving: readonly RegionId[]
  /** Leaving regions do not even begin with a home that they were granted before. */
  readonly isClosing: boolean
  /** Regions that count for acknowledgements. */
  readonly counted: readonly RegionId[]
  /** How homes were computed: groups that came into being so are there until they are moved. */
  readonly former?: HomeRuleData
  /** Regions that may store or serve it under one of the two policies. */
  readonly known: readonly RegionId[]
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
  /** Regions that count for acknowledgements. */
  readonly counted: readonly RegionId[]
  /** Regions whose feeds are followed: those that may be home, and those that still may. */
  readonly sources: readonly RegionId[]
  readonly #home: ReadonlySet<RegionId>
  readonly #sources: ReadonlySet<RegionId>
  readonly #store: ReadonlySet<RegionId>
  readonly #holds: ReadonlySet<RegionId>
  readonly #readable: ReadonlySet<RegionId>
  readonly #serve: ReadonlySet<RegionId>
  readonly #hasher: Hasher
  readonly #rule: HomeRule
  /** While the policy changes: how homes were computed. */
  readonly #former: HomeRule | undefined

  constructor(data: PlacementData, hasher: Hasher) {
    const { changing } = data
    this.data = data
    this.counted = changing?.counted ?? data.store
    this.acks = regionsOf(data.acks ?? 1, this.counted.length)
    this.sources = changing ? [...data.home, ...changing.leaving] : data.home
    this.#home = new Set(data.home)
    this.#sources = new Set(this.sources)
    this.#store = new Set(data.store)
    this.#holds = changing ? new Set([...data.store, ...changing.incoming]) : this.#store
    this.#readable = changing ? new Set(changing.readable) : this.#store
    this.#serve = new Set(data.serve)
    this.#hasher = hasher
    const slotOf = (group: string): Slot => this.slotOf(group)
    const options = { hasher, id: data.id, slots: data.slots, slotOf }
    this.#rule = new HomeRule(data, options)
    this.#former = changing?.former && new HomeRule(changing.former, options)
  }

  get id(): string {
    return this.data.id
  }
  /** It may become the home of a group. */
  mayHome(region: RegionId): boolean {
    return this.#home.has(region)
  }
  /** It may be the home of a group: it may become one, or is to give up those that it has. */
  isSource(region: RegionId): boolean {
    return this.#sources.has(region)
  }
  /**
   * What a region was granted before it left the homes of the dataset, it has given up, even if it
   * has come back since.
   */
  hasGivenUp(region: RegionId, term: number): boolean {
    const epoch = this.data.since?.[region]
    return epoch !== undefined && term < claimTerm(epoch, 0)
  }
  /** Its last homes are gone, and nobody but the registrar is to say who is home of its groups. */
  hasHandedOver(region: RegionId): boolean {
    return !this.mayHome(region) && this.isComparable
  }
  /** It takes part in the keeping of copies. */
  mayStore(region: RegionId): boolean {
    return this.#store.has(region)
  }
  /** It may have bytes of it on disk. */
  mayHold(region: RegionId): boolean {
    return this.#holds.has(region)
  }
  /** Its copy is whole, so that it may be read where any copy will do. */
  isReadable(region: RegionId): boolean {
    return this.#readable.has(region)
  }
  mayServe(region: RegionId): boolean {
    return this.#serve.has(region)
  }
  /** What comes from it, or goes to it, may be of an earlier policy or a later one. */
  isOfOtherPolicy(region: RegionId): boolean {
    const { changing, left } = this.data
    return changing?.known.includes(region) === true || left?.includes(region) === true
  }

  /** Every region that stores it has a whole copy, and none drops it yet: they can be compared. */
  get isComparable(): boolean {
    const { changing } = this.data
    return !changing || (changing.isClosing && !changing.former && !changing.isHidden)
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
    return (this.#former ?? this.#rule).implicitHome(group)
  }

  /**
   * False where a group has its computed home only if it is there already: the policy is about to
   * compute other homes, so that a new group has to be claimed.
   */
  beginsComputed(group: string): boolean {
    if (!this.#former) return true
    return this.#former.implicitHome(group) === this.#rule.implicitHome(group)
  }

  /** The region that the policy wants as home; undefined where any that may home will do. */
  preferredHome(group: string): RegionId | undefined {
    return this.#rule.preferredHome(group)
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
      if (placementData.changing?.isHidden) continue
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

export type { RegionId, RegionNumber, Slot }
