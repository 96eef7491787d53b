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
import type { Key } from '../model/key.ts'
import {
  type PlacementTable,
  type PolicyData,
  PlacementTable as Table,
} from '../model/placement.ts'
import { nextPolicy } from '../model/policy-change.ts'
import type { RegionId } from '../model/slot.ts'
import { PolicyDriver } from '../movement/policy-driver.ts'
import { build } from '../node/build.ts'
import type { ServingState, ToCore } from '../node/core-messages.ts'
import { DataPlane } from '../node/data-plane.ts'
import { Identity } from '../node/identity.ts'
import { NodeLinks } from '../node/node-links.ts'
import { createServing, type Serving } from '../node/serving.ts'
import { type NodeOperations, nodeHandlers } from '../node/shard-operations.ts'
import { CopyAges } from '../replication/copy-ages.ts'
import { StaleRetries } from '../routing/stale-policy.ts'
import type { Logger } from '../runtime/log.ts'
import type { Network } from '../runtime/network.ts'
import { LocalReads } from '../storage/local-reads.ts'
import { ShardClient } from '../storage/shard-client.ts'
import type { StoreLocation } from '../storage/shard-messages.ts'
import type { Machine } from './machine.ts'
import type { SimulatedProcess } from './process.ts'
import type { SeededRandom } from './seeded-random.ts'
import { ShardThread } from './shard-thread.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface SimulatedNodeOptions {
  readonly region: RegionId
  readonly policy: PolicyData
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
/** Stores of each dataset in a region. */
const STORES = 2
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
  #driver: PolicyDriver | undefined
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

  /** Asks another region's copy for a value, and for nothing else: no router decides it. */
  ask(to: RegionId, dataset: string, key: Key): void {
    const step = { operation: { kind: 'get', key }, as: 'copy', seen: [] }
    this.#links?.links.call(to, 'execute', { dataset, steps: [step] }).catch(() => {})
  }

  /** Resolves when the node serves; never where its process dies before. */
  async start(): Promise<void> {
    const { region, machine, random, process, log } = this.#options
    const disk = machine.disk()
    const identity = await Identity.open({ disk, directory: 'data', region, build }, random)
    const coordination = this.#coordinate(identity)
    coordination.onChange(this.#options.onRecord)
    await coordination.load()
    const links = await this.#link(coordination, identity)
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
    this.#drive(coordination, data, links)
  }

  #coordinate({ nodeId }: Identity): StaticCoordination {
    const { region, policy, hasher, machine, random, process, log } = this.#options
    this.#coordination = new StaticCoordination({
      ...{ self: region, nodeId, url: `http://${region}`, build, desired: policy, hasher },
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

  async #link(coordination: StaticCoordination, { nodeId }: Identity): Promise<NodeLinks> {
    const { region, policy, network, random, process, log } = this.#options
    const others = policy.regions.map(({ id }) => id).filter(id => id !== region)
    this.#links = await NodeLinks.open({
      ...{ region, nodeId, coordination, log, random, clock: process.clock, tracing: undefined },
      listen: { host: region, port: PEER_PORT },
      peers: new Map(others.map(id => [id, `${id}:${PEER_PORT}`])),
      network: { network, close: () => {} },
      meter: new PeerMeter(process.clock),
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

  /** Takes changes of the policy to their ends, where this is the keeper. */
  #drive(coordination: StaticCoordination, data: DataPlane, { links }: NodeLinks): void {
    const { region, process, log } = this.#options
    this.#driver = new PolicyDriver({
      ...{ self: region, keeper: coordination.keeper, clock: process.clock, log },
      record: () => coordination.record(),
      call: (...args) => links.call(...args),
      answer: async (from, body) => await data.answerTo('policy')?.(from, body),
    })
    this.#driver.start()
  }

  /** Why a change of the policy does not go on, as the keeper knows it. */
  get waiting(): string {
    const waiting = this.#driver?.progress().filter(({ done }) => !done) ?? []
    return waiting.map(({ region, waitsFor }) => `${region}: ${waitsFor}`).join('; ')
  }

  /** As an operator asks for it, at the keeper. Throws `DenizenError`. */
  async apply(desired: (current: PolicyData) => PolicyData): Promise<void> {
    await this.#coordination?.keeper.beginChange(({ current }) =>
      nextPolicy(current, desired(current)),
    )
  }

  #hear(message: ToCore): void {
    if (message.kind === 'aged') this.#ages?.learn(message.change)
  }
}

/** The stores of a region under a policy. */
export const storesOf = (table: PlacementTable, region: RegionId): StoreLocation[] =>
  [...table.placements]
    .filter(placement => placement.mayHold(region))
    .flatMap(({ id: dataset }) =>
      Array.from({ length: STORES }, (_, store) => ({
        ...{ dataset, store, directory: `${dataset} ${store}` },
      })),
    )
