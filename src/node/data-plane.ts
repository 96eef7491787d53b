/**
 * The data plane of a node: shards and everything above them that serves data, wired under one
 * cluster record. The composition root's other half; `node.ts` has the life cycle.
 */
import type { Rehomed, RehomeRequest } from '../api/administration.ts'
import type { ClusterRecord } from '../coordination/cluster-record.ts'
import type { Family } from '../metrics/family.ts'
import type { PeerMeter } from '../metrics/peer-meter.ts'
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import type { Hasher } from '../model/hash.ts'
import { PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { Erasures } from '../movement/erasures.ts'
import type { Movements } from '../movement/movements.ts'
import type { PeerLinks } from '../peers/links.ts'
import type { MessageStream } from '../peers/peers.ts'
import { Repairs } from '../repair/repairs.ts'
import { Scrubber } from '../repair/scrubber.ts'
import { CopyAges } from '../replication/copy-ages.ts'
import { Replication } from '../replication/streams.ts'
import type { RegionsWith } from '../routing/acks.ts'
import { Expiry } from '../routing/expiry.ts'
import type { ScrubReport } from '../routing/service.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import type { Random } from '../runtime/random.ts'
import type { Tracing } from '../runtime/tracing.ts'
import { ShardClient } from '../storage/shard-client.ts'
import type { StoreLocation } from '../storage/shard-messages.ts'
import type { Copies } from './cluster-status.ts'
import type { Cores } from './cores.ts'
import type { Recovery } from './recovery.ts'
import { answersToRecovering } from './recovery-answers.ts'
import { createServing, feedOf, type PeerAnswer, shardConfiguration } from './serving.ts'
import type { NodeOperations } from './shard-operations.ts'

export interface DataPlaneOptions {
  readonly self: RegionId
  /** Finds, or makes, the stores of the datasets that this region may store. */
  readonly layOut: (table: PlacementTable) => Promise<StoreLocation[]>
  readonly hasher: Hasher
  /** The newest record; its policy is that of the start, as policies don't change yet. */
  readonly record: () => ClusterRecord
  readonly links: PeerLinks
  readonly cores: Pick<Cores, 'shardPorts' | 'serve' | 'tell'>
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
  readonly #table: PlacementTable
  readonly #ages: CopyAges
  #shards: ShardClient<NodeOperations> | undefined
  #replication: Replication | undefined
  #movements: Movements | undefined
  #erasures: Erasures | undefined
  #expiry: Expiry | undefined
  #repairs: Repairs | undefined
  #scrubber: Scrubber | undefined
  #answers: Readonly<Record<string, PeerAnswer>> = {}

  constructor(options: DataPlaneOptions) {
    const { current, policyEpoch } = options.record()
    this.#options = options
    this.#table = new PlacementTable(current, policyEpoch, options.hasher)
    this.#ages = new CopyAges({
      ...{ self: options.self, table: () => this.#table, clock: options.clock },
    })
  }

  /** Opens the stores, and then everything above them. */
  async open(): Promise<Copies> {
    const { self, hasher, record, links, cores, tracing, onViolation } = this.#options
    const { clock, random } = this.#options
    const table = this.#table
    const stores = await this.#options.layOut(table)
    const shards = this.#shardClient(stores)
    this.#shards = shards
    const sharedStores = await shards.open(shardConfiguration(record(), self))
    const recoveryOptions = { self, table, record, shards, onViolation }
    // Others may be recovering at the same time: they are answered before this region serves.
    const recoveryAnswers = answersToRecovering(recoveryOptions)
    this.#answers = recoveryAnswers
    await this.#options.recovery?.run(recoveryOptions)
    const repairs = this.#repair(shards)
    this.#repairs = repairs
    const replication = this.#replicate(shards)
    this.#replication = replication
    const { answers, movements, erasures } = createServing({
      ...{ self, hasher, table, record, shards, clock, random, tracing, onViolation },
      freshness: this.#ages,
      regionsWith: (...asked) => replication.regionsWith(...asked),
      onDamaged: (dataset, key) => repairs.onDamaged(dataset, key),
      reachable: region => links.reachable(region),
      call: (...args) => links.call(...args),
    })
    const repair: PeerAnswer = (from, body) => repairs.answer(from, body)
    this.#answers = { ...answers, ...recoveryAnswers, repair }
    replication.start()
    this.#movements = movements
    movements.start()
    this.#erasures = erasures
    erasures.start()
    this.#expiry = this.#expire(shards)
    this.#expiry.start()
    this.#scrubber = this.#scrub(shards)
    this.#scrubber.start()
    const reachable = links.statuses().filter(status => status.reachable)
    await cores.serve({
      ...{ record: record(), stores, sharedStores },
      reachable: reachable.map(({ region }) => region),
    })
    return { table, shards, ages: this.#ages, stores, replication }
  }

  /** See `AckWaits`: asked by a core. */
  async regionsWith(...asked: Parameters<RegionsWith>): Promise<readonly number[]> {
    assert(this.#replication, 'a core writes once its node replicates')
    return await this.#replication.regionsWith(...asked)
  }

  /** How a call of this name is answered; undefined for unknown ones, and before `open` is done. */
  answerTo(name: string): PeerAnswer | undefined {
    return this.#answers[name]
  }

  /** A peer follows this region's feeds. */
  serve(from: RegionId, stream: MessageStream): void {
    if (this.#replication) this.#replication.serve(from, stream)
    else stream.close()
  }

  /** A feeds connection to a peer is up. */
  follow(to: RegionId, stream: MessageStream): void {
    if (this.#replication) this.#replication.follow(to, stream)
    else stream.close()
  }

  /** Ends the feeds, before the links close under them. */
  stop(): void {
    this.#replication?.stop()
    this.#movements?.stop()
    this.#erasures?.stop()
    this.#expiry?.stop()
    this.#scrubber?.stop()
    this.#repairs?.stop()
  }

  /** A core has met a record that seems to be damaged. */
  onDamaged(dataset: string, key: string): void {
    this.#repairs?.onDamaged(dataset, key)
  }

  /** Of the scrub under way, or of the last one; `start` begins one, or hurries that under way. */
  scrub(start: boolean): ScrubReport {
    if (!this.#scrubber || !this.#repairs) {
      throw new DenizenError('not_ready', 'the stores are not open yet')
    }
    const scrubbed = start ? this.#scrubber.ask() : this.#scrubber.view()
    return { ...scrubbed, repairs: this.#repairs.counts() }
  }

  /** What `Administration.rehome` says. */
  async rehome({ dataset, group: asked, to }: RehomeRequest): Promise<Rehomed> {
    if (!this.#movements) throw new DenizenError('not_ready', 'the stores are not open yet')
    const placement = this.#table.locateGroup(dataset, asked)
    const group = placement.groupOf(asked)
    const { from, home } = await this.#movements.move(placement, group, to)
    if (home.region === to) return { group, from, home: to, term: home.term }
    const detail = `${to} did not take the group in time, and ${home.region} is its home`
    throw new DenizenError('rehome_refused', detail)
  }

  /** What erases, once the stores are open. */
  erasing(): { readonly table: PlacementTable; readonly erasures: Erasures } | undefined {
    return this.#erasures && { table: this.#table, erasures: this.#erasures }
  }

  /** What has been counted of moves. */
  moves(): Family[] {
    return this.#movements?.families() ?? []
  }

  async close(): Promise<void> {
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

  #expire(shards: ShardClient<NodeOperations>): Expiry {
    const { clock, log } = this.#options
    return new Expiry({ shards, datasets: this.#datasets(shards), clock, log })
  }

  #repair(shards: ShardClient<NodeOperations>): Repairs {
    const { self, links, clock, log, onViolation } = this.#options
    return new Repairs({
      ...{ self, shards, clock, log, onViolation },
      table: () => this.#table,
      call: (...args) => links.call(...args),
    })
  }

  #scrub(shards: ShardClient<NodeOperations>): Scrubber {
    const { clock, log } = this.#options
    return new Scrubber({
      ...{ shards, clock, log, datasets: this.#datasets(shards) },
      onDamaged: (dataset, key) => this.onDamaged(dataset, key),
    })
  }

  #datasets(shards: ShardClient<NodeOperations>): string[] {
    return [...this.#table.placements].map(({ id }) => id).filter(dataset => shards.stores(dataset))
  }

  #replicate(shards: ShardClient<NodeOperations>): Replication {
    const { self, cores, record, clock, log, meter, onViolation } = this.#options
    return new Replication({
      ...{ self, shards, clock, log, meter, onViolation },
      table: () => this.#table,
      feedOf: region => feedOf(record(), region),
      onDamaged: (dataset, key) => this.onDamaged(dataset, key),
      onAges: change => {
        this.#ages.learn(change)
        cores.tell({ kind: 'aged', change })
      },
    })
  }
}
