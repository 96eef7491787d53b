/**
 * The data plane of a node: shards and everything above them that serves data, wired under one
 * cluster record. The composition root's other half; `node.ts` has the life cycle.
 */
import type { Rehomed, RehomeRequest } from '../api/administration.ts'
import { type ClusterRecord, feedOf } from '../coordination/cluster-record.ts'
import type { Family } from '../metrics/family.ts'
import type { PeerMeter } from '../metrics/peer-meter.ts'
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import type { Hasher } from '../model/hash.ts'
import type { PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { movesCounter } from '../movement/movements.ts'
import type { PeerLinks } from '../peers/links.ts'
import type { MessageStream } from '../peers/peers.ts'
import { CopyAges } from '../replication/copy-ages.ts'
import { Replication } from '../replication/streams.ts'
import type { RegionsWith } from '../routing/acks.ts'
import { Expiry } from '../routing/expiry.ts'
import type { ScrubReport } from '../routing/scrub-report.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import type { Random } from '../runtime/random.ts'
import type { Tracing } from '../runtime/tracing.ts'
import { ShardClient } from '../storage/shard-client.ts'
import type { StoreLocation } from '../storage/shard-messages.ts'
import { Adoption, tableOf } from './adoption.ts'
import type { Copies } from './cluster-status.ts'
import type { Cores } from './cores.ts'
import type { Erasing } from './erasure-receipts.ts'
import { Mending } from './mending.ts'
import { actOnPolicy, leftDatasets, type PolicyActing, reopenFeeds } from './policy-acting.ts'
import type { Recovery } from './recovery.ts'
import { answersToRecovering } from './recovery-answers.ts'
import { createServing, type PeerAnswer, shardConfiguration } from './serving.ts'
import type { NodeOperations } from './shard-operations.ts'

interface ActingParts {
  readonly shards: ShardClient<NodeOperations>
  readonly replication: Replication
  readonly mending: Mending
}

export interface DataPlaneOptions {
  readonly self: RegionId
  /** Finds, or makes, the stores of the datasets that this region may store. */
  readonly layOut: (table: PlacementTable) => Promise<StoreLocation[]>
  /** Erases datasets, all stores of which are closed: the policy has taken them from here. */
  readonly erase: (datasets: readonly string[]) => Promise<void>
  readonly hasher: Hasher
  /** The newest record. */
  readonly record: () => ClusterRecord
  readonly links: PeerLinks
  readonly cores: Pick<Cores, 'shardPorts' | 'serve' | 'adopt' | 'tell'>
  readonly clock: Clock
  readonly random: Random
  /** Of a directory that was restored: it comes before the node acts as a home. */
  readonly recovery: Recovery | undefined
  readonly log: Logger
  readonly meter: PeerMeter
  readonly tracing: Tracing | undefined
  /** A residency check has refused something. */
  readonly onViolation: () => void
  /** A disk has failed: the process has to end. */
  readonly onFailure: (reason: string, trace: string) => void
}

export class DataPlane {
  readonly #options: DataPlaneOptions
  readonly #ages: CopyAges
  readonly #ended = movesCounter()
  #adoption: Adoption | undefined
  #shards: ShardClient<NodeOperations> | undefined
  #replication: Replication | undefined
  #expiry: Expiry | undefined
  #mending: Mending | undefined
  /** Of what does not change with the policy. */
  #answers: Readonly<Record<string, PeerAnswer>> = {}

  constructor(options: DataPlaneOptions) {
    this.#options = options
    this.#ages = new CopyAges({
      ...{ self: options.self, table: () => this.#table(), clock: options.clock },
    })
  }

  #table(): PlacementTable {
    assert(this.#adoption, 'the stores are open')
    return this.#adoption.table
  }

  /** Opens the stores, and then everything above them. */
  async open(): Promise<Copies> {
    const { self, cores, erase, layOut, links, clock, log } = this.#options
    const { onViolation, onFailure } = this.#options
    const record = this.#options.record()
    const table = tableOf(record, this.#options.hasher)
    await erase(leftDatasets(record, table, self))
    const stores = await layOut(table)
    const shards = this.#shardClient(stores)
    this.#shards = shards
    const sharedStores = await shards.open(shardConfiguration(record, self))
    const recoveryOptions = { self, table, record: () => record, shards, onViolation }
    // Others may be recovering at the same time: they are answered before this region serves.
    this.#answers = answersToRecovering(recoveryOptions)
    await this.#options.recovery?.run(recoveryOptions)
    await reopenFeeds(shards, record, self)
    const mending = this.#mend(shards)
    this.#mending = mending
    this.#answers = { ...this.#answers, ...mending.answers }
    const replication = this.#replicate(shards)
    this.#replication = replication
    const adoption = new Adoption({
      ...{ self, cores, erase, layOut, links, log, onFailure, shards, replication },
      ...{ hasher: this.#options.hasher, record: this.#options.record },
      act: (of, by) => this.#act(of, by, { shards, replication, mending }),
    })
    this.#adoption = adoption
    adoption.begin({ record, table, stores, sharedStores })
    replication.start()
    this.#expiry = new Expiry({ shards, datasets: () => this.#datasets(shards), clock, log })
    this.#expiry.start()
    mending.start()
    await adoption.serve()
    return {
      ...{ shards, replication, ages: this.#ages },
      get table() {
        return adoption.table
      },
      get stores() {
        return adoption.stores
      },
    }
  }

  /** The newest record is another one. */
  onRecord(): void {
    this.#adoption?.onRecord()
  }

  #act(
    record: ClusterRecord,
    table: PlacementTable,
    { shards, replication, mending }: ActingParts,
  ): PolicyActing {
    const { self, hasher, links, clock, random, tracing, onViolation } = this.#options
    const common = {
      ...{ self, table, shards, clock, onViolation, adopted: record },
      reachable: (region: RegionId) => links.reachable(region),
      call: (...args: Parameters<PeerLinks['call']>) => links.call(...args),
      onDamaged: (dataset: string, key: string) => this.onDamaged(dataset, key),
    }
    const serving = createServing({
      ...{ ...common, hasher, random, tracing, ended: this.#ended },
      record: this.#options.record,
      freshness: this.#ages,
      regionsWith: (...asked) => replication.regionsWith(...asked),
    })
    const compare = mending.compare.bind(mending)
    return actOnPolicy({ ...common, serving, compare })
  }

  /** See `AckWaits`: asked by a core. */
  async regionsWith(...asked: Parameters<RegionsWith>): Promise<readonly number[]> {
    assert(this.#replication, 'a core writes once its node replicates')
    return await this.#replication.regionsWith(...asked)
  }

  /** How a call of this name is answered; undefined for unknown ones, and before `open` is done. */
  answerTo(name: string): PeerAnswer | undefined {
    return this.#adoption?.acting.answers[name] ?? this.#answers[name]
  }

  /** A peer follows this region's feeds. */
  serve(from: RegionId, stream: MessageStream): void {
    if (this.#replication) this.#replication.serve(from, stream)
    else stream.close()
  }

  /** A feeds connection to a peer is up. Dialled again while the record has it not yet. */
  follow(to: RegionId, stream: MessageStream): void {
    if (to in this.#options.record().members) this.#replication?.follow(to, stream)
    else stream.close()
  }

  /** Ends the feeds, before the links close under them. */
  stop(): void {
    this.#replication?.stop()
    this.#adoption?.stop()
    this.#expiry?.stop()
    this.#mending?.stop()
  }

  /** A core has met a record that seems to be damaged. */
  onDamaged(dataset: string, key: string): void {
    this.#mending?.onDamaged(dataset, key)
  }

  /** Of the scrub under way, or of the last one; `start` begins one, or hurries that under way. */
  scrub(start: boolean): ScrubReport {
    if (!this.#mending) throw new DenizenError('not_ready', 'the stores are not open yet')
    return this.#mending.scrub(start)
  }

  /** What `Administration.rehome` says. */
  async rehome({ dataset, group: asked, to }: RehomeRequest): Promise<Rehomed> {
    if (!this.#adoption) throw new DenizenError('not_ready', 'the stores are not open yet')
    const { table, acting } = this.#adoption
    const placement = table.locateGroup(dataset, asked)
    const group = placement.groupOf(asked)
    const { from, home } = await acting.movements.move(placement, group, to)
    if (home.region === to) return { group, from, home: to, term: home.term }
    const detail = `${to} did not take the group in time, and ${home.region} is its home`
    throw new DenizenError('rehome_refused', detail)
  }

  /** What erases, once the stores are open. */
  erasing(): Erasing | undefined {
    return this.#adoption && { table: this.#adoption.table, ...this.#adoption.acting }
  }

  /** What has been counted of moves. */
  moves(): Family[] {
    return [this.#ended.family()]
  }

  async close(): Promise<void> {
    await this.#adoption?.ended()
    await this.#shards?.close()
  }

  #shardClient(stores: readonly StoreLocation[]): ShardClient<NodeOperations> {
    const { cores, log, tracing, onViolation, onFailure } = this.#options
    return new ShardClient<NodeOperations>({
      ports: cores.shardPorts,
      ...{ stores, tracing },
      onGrowth: growth => this.#replication?.onGrowth(growth),
      onBug: trace => log.error('a bug in a shard', { trace }),
      onViolation,
      onFatal: trace => onFailure('a disk failed', trace),
    })
  }

  #mend(shards: ShardClient<NodeOperations>): Mending {
    const { self, hasher, record, links, clock, log, onViolation } = this.#options
    return new Mending({
      ...{ self, hasher, record, shards, clock, log, onViolation, table: () => this.#table() },
      datasets: () => this.#datasets(shards),
      call: (...args) => links.call(...args),
    })
  }

  #datasets(shards: ShardClient<NodeOperations>): string[] {
    const ids = [...this.#table().placements].map(({ id }) => id)
    return ids.filter(dataset => shards.stores(dataset))
  }

  #replicate(shards: ShardClient<NodeOperations>): Replication {
    const { self, cores, record, clock, log, meter, onViolation } = this.#options
    return new Replication({
      ...{ self, shards, clock, log, meter, onViolation },
      table: () => this.#table(),
      feedOf: region => feedOf(record(), region),
      onDamaged: (dataset, key) => this.onDamaged(dataset, key),
      onAges: change => {
        this.#ages.learn(change)
        cores.tell({ kind: 'aged', change })
      },
    })
  }
}
