/** By which policies a world is governed: as the highest record says that any node has stored. */
import { type ClusterRecord, compareOrder } from '../coordination/cluster-record.ts'
import type { Hasher } from '../model/hash.ts'
import { PlacementTable, type PolicyData } from '../model/placement.ts'
import type { Watcher } from './watcher.ts'

export class Governed {
  /** Of the policy in force. */
  table: PlacementTable
  /** Policies that have come into force after the first. */
  applied = 0
  readonly #hasher: Hasher
  readonly #watcher: Watcher
  #record: ClusterRecord | undefined

  constructor(policy: PolicyData, hasher: Hasher, watcher: Watcher) {
    this.table = new PlacementTable(policy, 1, hasher)
    this.#hasher = hasher
    this.#watcher = watcher
  }

  /** A node has stored a record. */
  learn(record: ClusterRecord): void {
    if (this.#record && compareOrder(record, this.#record) <= 0) return
    const { current, policyEpoch, next } = record
    if (this.#record && this.#record.policyEpoch < policyEpoch) this.applied += 1
    this.#record = record
    this.table = new PlacementTable(current, policyEpoch, this.#hasher)
    this.#watcher.governedBy([
      { epoch: policyEpoch, policy: current },
      ...(next ? [{ epoch: next.policyEpoch, policy: next.policy }] : []),
    ])
  }

  /** The policy is being changed. */
  get isChanging(): boolean {
    return this.#record?.next !== undefined
  }
}
