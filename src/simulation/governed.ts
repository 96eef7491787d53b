/** By which policies a world is governed: as the highest record says that any node has stored. */
import { type ClusterRecord, compareOrder } from '../coordination/cluster-record.ts'
import type { Hasher } from '../model/hash.ts'
import { PlacementTable, type PolicyData } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { Watcher } from './watcher.ts'

export interface GovernedOptions {
  /** The first one. */
  readonly policy: PolicyData
  readonly hasher: Hasher
  readonly watcher: Watcher
  /** A change begins. */
  readonly onChange: (current: PolicyData, next: PolicyData) => void
}

export class Governed {
  /** Of the policy in force. */
  table: PlacementTable
  /** Policies that have come into force after the first. */
  applied = 0
  /** Regions that a policy has brought, or retired. */
  regionsAdded = 0
  regionsRetired = 0
  readonly #options: GovernedOptions
  #record: ClusterRecord | undefined

  constructor(options: GovernedOptions) {
    const { policy, hasher } = options
    this.#options = options
    this.table = new PlacementTable(policy, 1, hasher)
  }

  /** A node has stored a record. */
  learn(record: ClusterRecord): void {
    if (this.#record && compareOrder(record, this.#record) <= 0) return
    const { hasher, watcher, onChange } = this.#options
    const { current, policyEpoch, next } = record
    const isNew = next && next.policyEpoch !== this.#record?.next?.policyEpoch
    if (this.#record && this.#record.policyEpoch < policyEpoch) {
      this.applied += 1
      this.#count(this.#record.current, current)
    }
    this.#record = record
    this.table = new PlacementTable(current, policyEpoch, hasher)
    watcher.governedBy([
      { epoch: policyEpoch, policy: current },
      ...(next ? [{ epoch: next.policyEpoch, policy: next.policy }] : []),
    ])
    if (isNew) onChange(current, next.policy)
  }

  #count({ regions: before }: PolicyData, { regions: after }: PolicyData): void {
    const isOf = (all: PolicyData['regions'], id: RegionId): boolean =>
      all.some(region => region.id === id)
    this.regionsAdded += after.filter(({ id }) => !isOf(before, id)).length
    this.regionsRetired += before.filter(({ id }) => !isOf(after, id)).length
  }

  /** The policy in force, or the one that is coming, has the region. */
  isWanted(region: RegionId): boolean {
    const { regions } = this.#record?.next?.policy ?? this.#record?.current ?? this.#options.policy
    return regions.some(({ id }) => id === region)
  }

  /** A policy has it, or had it: its node finds itself in the record. */
  isMember(region: RegionId): boolean {
    const members = this.#record?.members
    return members ? region in members : this.isWanted(region)
  }

  /** The policy is being changed. */
  get isChanging(): boolean {
    return this.#record?.next !== undefined
  }
}
