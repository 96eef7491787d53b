/**
 * How a running node comes to act by another record: another policy, or another phase of a change.
 * What this region gains is opened first; what it loses is erased once no thread reads it. While it
 * goes on, the threads of the node differ by one step, as regions do.
 */
import { type ClusterRecord, policyInEffect, policyStep } from '../coordination/cluster-record.ts'
import { assert } from '../model/assert.ts'
import type { Hasher } from '../model/hash.ts'
import { PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { PeerLinks } from '../peers/links.ts'
import type { Replication } from '../replication/streams.ts'
import type { Logger } from '../runtime/log.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import type { SharedStore, StoreLocation } from '../storage/shard-messages.ts'
import { traceOf } from '../storage/shard-worker.ts'
import { storeName } from '../storage/store.ts'
import type { ServingState } from './core-messages.ts'
import type { Cores } from './cores.ts'
import { type PolicyActing, reopenFeeds } from './policy-acting.ts'
import { shardConfiguration } from './serving.ts'
import type { NodeOperations } from './shard-operations.ts'

export interface AdoptionOptions {
  readonly self: RegionId
  readonly hasher: Hasher
  /** The newest record. */
  readonly record: () => ClusterRecord
  readonly cores: Pick<Cores, 'serve' | 'adopt'>
  readonly shards: ShardClient<NodeOperations>
  readonly replication: Replication
  readonly links: Pick<PeerLinks, 'statuses'>
  readonly layOut: (table: PlacementTable) => Promise<StoreLocation[]>
  readonly erase: (datasets: readonly string[]) => Promise<void>
  /** Makes what the main thread does for as long as it acts by a record. */
  readonly act: (record: ClusterRecord, table: PlacementTable) => PolicyActing
  readonly log: Logger
  readonly onFailure: (reason: string, trace: string) => void
}

/** By which record the node acts, and with what. */
export interface Adopted {
  readonly record: ClusterRecord
  readonly table: PlacementTable
  readonly stores: readonly StoreLocation[]
  readonly sharedStores: readonly SharedStore[]
}

export const tableOf = (record: ClusterRecord, hasher: Hasher): PlacementTable =>
  new PlacementTable(policyInEffect(record), record.policyEpoch, hasher)

export class Adoption {
  readonly #options: AdoptionOptions
  #adopted: Adopted | undefined
  #acting: PolicyActing | undefined
  #isServing = false
  #stopped = false
  /** One after the other. */
  #adopting: Promise<void> = Promise.resolve()

  constructor(options: AdoptionOptions) {
    this.#options = options
  }

  get table(): PlacementTable {
    return this.#now().table
  }
  get stores(): readonly StoreLocation[] {
    return this.#now().stores
  }
  get acting(): PolicyActing {
    assert(this.#acting, 'the node has begun to act')
    return this.#acting
  }

  #now(): Adopted {
    assert(this.#adopted, 'the node has begun to act')
    return this.#adopted
  }

  /** The stores are open: peers are answered from now on. */
  begin(adopted: Adopted): void {
    this.#adopted = adopted
    this.#acting = this.#options.act(adopted.record, adopted.table)
  }

  /** Clients are, too. */
  async serve(): Promise<void> {
    await this.#options.cores.serve(this.#state(this.#now()))
    this.acting.begin()
    this.#isServing = true
    // The record may have gone on meanwhile.
    this.onRecord()
  }

  stop(): void {
    this.#stopped = true
    this.#acting?.end()
  }

  /** Resolves when nothing is being adopted any more. */
  async ended(): Promise<void> {
    await this.#adopting
  }

  /** The newest record is another one. */
  onRecord(): void {
    if (!this.#isServing) return
    this.#adopting = this.#adopting
      .then(() => this.#adoptNewest())
      .catch((error: unknown) => {
        if (!this.#stopped) this.#options.onFailure('a policy was not adopted', traceOf(error))
      })
  }

  async #adoptNewest(): Promise<void> {
    const { record: before } = this.#now()
    const record = this.#options.record()
    const [from, to] = [policyStep(before), policyStep(record)]
    const isSame = from.policyEpoch === to.policyEpoch && from.phase === to.phase
    const isInForce = before.next !== undefined && record.next === undefined
    if (!this.#stopped && (!isSame || isInForce)) await this.#adopt(record)
  }

  async #adopt(record: ClusterRecord): Promise<void> {
    const { self, cores, erase, hasher, layOut, shards, replication } = this.#options
    const before = this.#now()
    const table = tableOf(record, hasher)
    const stores = await layOut(table)
    const names = new Set(stores.map(storeName))
    const stays = (location: StoreLocation): boolean => names.has(storeName(location))
    const lost = [...new Set(before.stores.filter(it => !stays(it)).map(({ dataset }) => dataset))]
    if (lost.length > 0) {
      const left = before.sharedStores.filter(stays)
      this.#adopted = { record, table, stores: before.stores.filter(stays), sharedStores: left }
      replication.adopt()
      await cores.adopt(this.#state(this.#adopted))
    }
    const sharedStores = await shards.adopt(shardConfiguration(record, self), stores)
    await reopenFeeds(shards, record, self)
    this.#adopted = { record, table, stores, sharedStores }
    replication.adopt()
    this.#acting?.end()
    this.#acting = this.#options.act(record, table)
    await cores.adopt(this.#state(this.#adopted))
    await erase(lost)
    this.#tell(record, lost)
    // From now on it says how far it is.
    if (!this.#stopped) this.#acting.begin()
  }

  #state({ record, stores, sharedStores }: Adopted): ServingState {
    const reachable = this.#options.links.statuses().filter(status => status.reachable)
    return { record, stores, sharedStores, reachable: reachable.map(({ region }) => region) }
  }

  #tell(record: ClusterRecord, lost: readonly string[]): void {
    const { policyEpoch, phase } = policyStep(record)
    this.#options.log.info('the node acts by another policy', {
      ...{ policyEpoch, phase: record.next ? phase : 'in force' },
      ...(lost.length > 0 && { erased: lost.join() }),
    })
  }
}
