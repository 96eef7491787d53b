/**
 * A node in the simulated world: the production composition (coordination, links, data plane, one
 * core) on simulated ports. What is missing beside `node/node.ts` is HTTP, worker threads and
 * files.
 */
import type { RehomeRequest } from '../api/administration.ts'
import { type ClusterRecord, policyInEffect } from '../coordination/cluster-record.ts'
import { StaticCoordination } from '../coordination/static.ts'
import { PeerMeter } from '../metrics/peer-meter.ts'
import { assert } from '../model/assert.ts'
import type { Hasher } from '../model/hash.ts'
import {
  type PlacementTable,
  type PolicyData,
  PlacementTable as Table,
} from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { build } from '../node/build.ts'
import type { ServingState, ToCore } from '../node/core-messages.ts'
import { DataPlane } from '../node/data-plane.ts'
import { Identity } from '../node/identity.ts'
import { NodeLinks } from '../node/node-links.ts'
import { PolicyChanges } from '../node/policy-changes.ts'
import { createServing, type Serving } from '../node/serving.ts'
import { type NodeOperations, nodeHandlers } from '../node/shard-operations.ts'
import { CopyAges } from '../replication/copy-ages.ts'
import { StaleRetries } from '../routing/stale-policy.ts'
import type { Logger } from '../runtime/log.ts'
import type { Network } from '../runtime/network.ts'
import { LocalReads } from '../storage/local-reads.ts'
import { ShardClient } from '../storage/shard-client.ts'
import type { Upkeep } from './disturbances.ts'
import type { Machine } from './machine.ts'
import type { SimulatedProcess } from './process.ts'
import type { SeededRandom } from './seeded-random.ts'
import { ShardThread } from './shard-thread.ts'
import { storesOf } from './stores-of.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface SimulatedNodeOptions {
  readonly region: RegionId
  /** Where clients find it. */
  readonly url: string
  readonly policy: PolicyData
  /** All that there are or may be, this one included. */
  readonly regions: readonly RegionId[]
  readonly hasher: Hasher
  readonly time: VirtualTime
  readonly process: SimulatedProcess
  readonly machine: Machine
  readonly network: Network
  readonly random: SeededRandom
  readonly log: Logger
  /** Erases datasets on this machine, whose stores are closed. */
  readonly erase: (datasets: readonly string[]) => void
  /** The node has learnt of a record, durably. */
  readonly onRecord: (record: ClusterRecord) => void
  readonly onViolation: () => void
  readonly onFailure: (reason: string, trace: string) => void
}

/** What a message between two threads takes, in ms. */
const HOP_MS = 0.03
const PEER_PORT = 7100

export class SimulatedNode {
  readonly #options: SimulatedNodeOptions
  readonly #thread: ShardThread
  readonly #reachable = new Set<RegionId>()
  #coordination: StaticCoordination | undefined
  #data: DataPlane | undefined
  #ages: CopyAges | undefined
  #table: PlacementTable | undefined
  #shards: ShardClient<NodeOperations> | undefined
  #changes: PolicyChanges | undefined
  #serving: Serving | undefined

  constructor(options: SimulatedNodeOptions) {
    this.#options = options
    const { hasher, random, machine, time, process } = options
    const carrier = (task: () => void): void => void time.after(HOP_MS, () => process.enter(task))
    this.#thread = new ShardThread({
      ...{ hasher, random: random.fork(), engineKind: machine.stores },
      ...{ toShard: carrier, fromShard: carrier },
    })
  }

  /** What clients ask; undefined until the node serves. */
  get serving(): Serving | undefined {
    return this.#serving
  }

  /** The same, where a change of the policy may come between. */
  get retries(): StaleRetries {
    const answering = (): Serving => {
      assert(this.#serving, 'what is asked serves')
      return this.#serving
    }
    return new StaleRetries({ answering, clock: this.#options.process.clock })
  }

  /** Something happens to its process, if it serves. */
  enter(task: () => void): void {
    if (this.#serving) this.#options.process.enter(task)
  }

  /** It looks through all that it stores, if it serves. */
  scrub(): void {
    if (this.#serving) this.#data?.scrub(true)
  }

  /** What erases groups, once it serves. */
  erasing(): ReturnType<DataPlane['erasing']> {
    return this.#serving && this.#data?.erasing()
  }

  /** As an operator asks for it. Throws `DenizenError`. */
  async move(request: RehomeRequest): Promise<void> {
    if (this.#serving) await this.#data?.rehome(request)
  }

  /** Asks another region for something: nothing of this node has decided it. */
  ask(to: RegionId, call: string, body: object): void {
    this.#links?.links.call(to, call, body).catch(() => {})
  }

  /** Resolves when the node serves; never where its process dies before. */
  async start(): Promise<void> {
    const { region, machine, random, process, log } = this.#options
    const disk = machine.disk()
    const identity = await Identity.open({ disk, directory: 'data', region, build }, random)
    const coordination = this.#coordinate(identity)
    const changes = this.#change(coordination)
    coordination.onChange(this.#options.onRecord)
    await coordination.load()
    const links = await this.#link(coordination, changes, identity)
    await coordination.start()
    const data = new DataPlane({
      ...{ self: region, hasher: this.#options.hasher, clock: process.clock, random, log },
      layOut: async table => storesOf(table, region),
      erase: async datasets => this.#options.erase(datasets),
      cores: {
        shardPorts: [this.#thread.ownerPort()],
        serve: async state => this.#serve(state, links),
        adopt: async state => this.#adopt(state, links),
        tell: message => this.#hear(message),
      },
      record: () => coordination.record(),
      links: links.links,
      recovery: undefined,
      meter: new PeerMeter(process.clock),
      tracing: undefined,
      onViolation: this.#options.onViolation,
      onFailure: this.#options.onFailure,
    })
    this.#data = data
    coordination.onChange(() => data.onRecord())
    await data.open()
    links.links.follow()
    changes.start()
  }

  #coordinate({ nodeId }: Identity): StaticCoordination {
    const { region, url, policy, hasher, machine, random, process, log } = this.#options
    this.#coordination = new StaticCoordination({
      ...{ self: region, nodeId, url, build, desired: policy, hasher },
      ...{ othersStopped: false, restored: undefined, disk: machine.disk(), random, log },
      ...{ path: 'data/coordination.cbor', clock: process.clock },
      call: (to, name, body) => {
        assert(this.#links, 'the links are open')
        return this.#links.links.call(to, name, body)
      },
    })
    return this.#coordination
  }

  #links: NodeLinks | undefined

  async #link(
    coordination: StaticCoordination,
    changes: PolicyChanges,
    { nodeId }: Identity,
  ): Promise<NodeLinks> {
    const { region, regions, network, random, process, log } = this.#options
    const others = regions.filter(id => id !== region)
    this.#links = await NodeLinks.open({
      ...{ region, nodeId, coordination, log, random, clock: process.clock, tracing: undefined },
      listen: { host: region, port: PEER_PORT },
      peers: new Map(others.map(id => [id, `${id}:${PEER_PORT}`])),
      network: { network, close: () => {} },
      meter: new PeerMeter(process.clock),
      change: body => changes.answer(body),
      data: () => this.#data,
      onReachability: (peer, reachable) => {
        if (reachable) this.#reachable.add(peer)
        else this.#reachable.delete(peer)
      },
    })
    return this.#links
  }

  /** As a core does it: a router of its own, which reads the stores by itself. */
  #serve(state: ServingState, links: NodeLinks): void {
    const { region, process, onViolation, onFailure } = this.#options
    this.#ages = new CopyAges({
      ...{ self: region, clock: process.clock },
      table: () => {
        assert(this.#table, 'what serves has a table')
        return this.#table
      },
    })
    const fail = (error: unknown): void => onFailure('a read failed', String(error))
    this.#shards = new ShardClient<NodeOperations>({
      ports: [this.#thread.askingPort()],
      stores: state.stores,
      reads: new LocalReads({
        reads: nodeHandlers.reads,
        readerOf: (dataset, store) => this.#thread.reader(dataset, store),
        onBug: fail,
        onFatal: fail,
      }),
      onGrowth: () => assert(false, 'growth goes to the main thread'),
      onBug: trace => onFailure('a bug in a shard', trace),
      onViolation,
      onFatal: trace => onFailure('a disk failed', trace),
    })
    this.#adopt(state, links)
  }

  #adopt({ record, stores }: ServingState, { links }: NodeLinks): void {
    const { region, hasher, process, random, onViolation } = this.#options
    const [ages, shards] = [this.#ages, this.#shards]
    assert(ages && shards, 'what adopts serves')
    const table = new Table(policyInEffect(record), record.policyEpoch, hasher)
    this.#table = table
    shards.setStores(stores)
    this.#serving = createServing({
      ...{ self: region, hasher, table, shards, tracing: undefined, freshness: ages, onViolation },
      ...{ clock: process.clock, random, adopted: record },
      record: () => this.#coordination?.record() ?? record,
      reachable: to => this.#reachable.has(to),
      call: (...args) => links.call(...args),
      onDamaged: (dataset, key) => this.#data?.onDamaged(dataset, key),
      regionsWith: (...asked) => {
        assert(this.#data, 'what serves has its data')
        return this.#data.regionsWith(...asked)
      },
    })
  }

  /** Takes operators' wishes, and changes of the policy to their ends where this is the keeper. */
  #change(coordination: StaticCoordination): PolicyChanges {
    const { region, process, log } = this.#options
    this.#changes = new PolicyChanges({
      ...{ self: region, coordination, clock: process.clock, log },
      call: (...args) => {
        assert(this.#links, 'the links are open')
        return this.#links.links.call(...args)
      },
      answer: () => this.#data?.answerTo('policy'),
    })
    return this.#changes
  }

  /** Why a change of the policy does not go on, as the keeper knows it. */
  async waiting(): Promise<string> {
    const regions = (await this.#changes?.view())?.next?.regions ?? []
    const waiting = regions.filter(({ done }) => !done)
    return waiting.map(({ region, waitsFor }) => `${region}: ${waitsFor}`).join('; ')
  }

  /** As an operator asks for it, who has the policy in force at hand. Throws `DenizenError`. */
  async apply(desired: (current: PolicyData) => PolicyData): Promise<void> {
    if (!this.#coordination?.order()) return
    const policy = desired(this.#coordination.record().current)
    await this.#changes?.begin({ policy, eraseDatasets: [] })
  }

  /** As an operator asks for it. */
  async tend(what: Upkeep): Promise<void> {
    if (!this.#coordination?.order()) return
    const { acts } = this.#coordination
    if (what === 'format') await acts.finalizeFormat()
    else if (what === 'view') await this.#changes?.view()
    else await acts.receiptKey(this.#options.random.oneIn(3))
  }

  #hear(message: ToCore): void {
    if (message.kind === 'aged') this.#ages?.learn(message.change)
  }
}
