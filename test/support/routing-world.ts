/**
 * Regions in one process, with everything that decides where an operation runs: real shards,
 * claims, forwarding, moves, lists and routers; calls cross as CBOR. Nothing is replicated but by
 * `replicate`, so that a copy knows only what its own region did.
 */

import { type ClusterRecord, foundCluster } from '../../src/coordination/cluster-record.ts'
import { DenizenError } from '../../src/model/errors.ts'
import { limits } from '../../src/model/limits.ts'
import type { Placement, PlacementTable, PolicyData } from '../../src/model/placement.ts'
import { feedNumber } from '../../src/model/position.ts'
import { type RegionId, RegionNumbers } from '../../src/model/slot.ts'
import { Movements } from '../../src/movement/movements.ts'
import { type NodeOperations, nodeHandlers } from '../../src/node/shard-operations.ts'
import { type PeerCall, PeerFailure } from '../../src/peers/peers.ts'
import { decodeCbor, encodeCbor } from '../../src/protocol/cbor.ts'
import type { RegionsWith } from '../../src/routing/acks.ts'
import { Claims } from '../../src/routing/claims.ts'
import { DeadEnds } from '../../src/routing/dead-ends.ts'
import type { Topology } from '../../src/routing/decide.ts'
import { Explain } from '../../src/routing/explain.ts'
import { Forwarder } from '../../src/routing/forward.ts'
import { Lists } from '../../src/routing/lists.ts'
import { LocalExecution } from '../../src/routing/local-execution.ts'
import { LocationCache } from '../../src/routing/location-cache.ts'
import { relayAnswers } from '../../src/routing/relay-answers.ts'
import { Relays } from '../../src/routing/relays.ts'
import { Router } from '../../src/routing/router.ts'
import type { IsEverywhere } from '../../src/routing/session.ts'
import { SessionTokens } from '../../src/routing/session-tokens.ts'
import { hmacSha256 } from '../../src/runtime/mac.ts'
import type { Engine } from '../../src/storage/engine.ts'
import { LocalReads } from '../../src/storage/local-reads.ts'
import { createMemoryEngineKind, type MemoryEngineKind } from '../../src/storage/memory-engine.ts'
import { ShardClient } from '../../src/storage/shard-client.ts'
import { inProcessShard } from './in-process-shard.ts'
import { type ManualClock, manualClock } from './manual-clock.ts'
import { hasher, tableOf } from './policies.ts'
import { seededRandom } from './seeded-random.ts'
import { erasureKey } from './store.ts'

/** `cut`: nothing is sent. `mute`: it is executed, and no answer comes. `starting`: it says so. */
export type LinkState = 'up' | 'cut' | 'mute' | 'starting'

export interface RoutingRegion {
  readonly region: RegionId
  readonly router: Router
  readonly lists: Lists
  readonly claims: Claims
  readonly shards: ShardClient<NodeOperations>
  readonly forwarder: Forwarder
  readonly movements: Movements
  readonly explain: Explain
  /** To calls of other regions, by name. */
  readonly answers: Answers
}

type Answers = Readonly<Record<string, (from: RegionId, body: unknown) => Promise<unknown>>>
const up = { state: 'up', reachable: true } as const

const sessionMac = hmacSha256('07'.repeat(32))

const crossing = (value: unknown): unknown => {
  const bytes = encodeCbor(value)
  if (bytes.length > limits.messageBytesMax) throw new DenizenError('internal', 'too large')
  return decodeCbor(bytes, { depthMax: limits.messageDepthMax })
}

export interface RoutingWorldOptions {
  /** Each region's thread reads its stores by itself, as those of a node do. Default: it asks. */
  readonly readsHere?: boolean
}

export class RoutingWorld {
  /** `from to name` of each call, in order. */
  readonly calls: string[] = []
  /** `region key` of each record that was met damaged. */
  readonly damaged: string[] = []
  /** Regions that counted a violation. */
  readonly violations: RegionId[] = []
  readonly clock: ManualClock = manualClock()
  /** How old each region says that its copies of other regions' feeds are; not in it: 0. */
  readonly agesMs = new Map<RegionId, number | undefined>()
  /** Nothing is replicated: how many regions have each write is what a test says. */
  regionsWith: RegionsWith = async (_dataset, _regions, writes) => writes.map(() => 1)
  /** Nor is anything complete in all regions, unless a test says so. */
  isEverywhere: IsEverywhere = () => false
  /** Every region's build knows what moves write. */
  mayMove = true
  /** Regions that follow no feeds. */
  readonly stale = new Set<RegionId>()
  /** Hears of each call before it is sent. */
  onCall: (from: RegionId, to: RegionId, name: string, body: unknown) => void = () => {}
  readonly #data: PolicyData
  readonly #readsHere: boolean
  readonly #table: PlacementTable
  readonly #record: ClusterRecord
  readonly #numbers: Readonly<Record<RegionId, number>>
  /** By the region that they lead to, or by `from to`, which counts before. */
  readonly #links = new Map<string, { state: LinkState; reachable: boolean }>()
  readonly #regions = new Map<RegionId, RoutingRegion>()
  readonly #disks: ReadonlyMap<RegionId, MemoryEngineKind>

  private constructor(data: PolicyData, { readsHere = false }: RoutingWorldOptions) {
    this.#data = data
    this.#readsHere = readsHere
    this.#table = tableOf(data)
    const begin = { clusterId: 'test', sessionKey: '07'.repeat(32), dataFormat: 2 }
    this.#record = foundCluster(data, hasher, begin)
    this.#numbers = Object.fromEntries(
      Object.entries(this.#record.members).map(([id, { number }]) => [id, number]),
    )
    this.#disks = new Map(data.regions.map(({ id }) => [id, createMemoryEngineKind()]))
  }

  static async open(data: PolicyData, options: RoutingWorldOptions = {}): Promise<RoutingWorld> {
    const world = new RoutingWorld(data, options)
    for (const { id } of data.regions) await world.start(id)
    return world
  }

  at(region: RegionId): RoutingRegion {
    const found = this.#regions.get(region)
    if (!found) throw new Error('no such region')
    return found
  }

  /** What lies on a region's disk for a slot. */
  async engine(region: RegionId, dataset: string, slot: number): Promise<Engine> {
    const disk = this.#disks.get(region) ?? createMemoryEngineKind()
    return await disk.open(`${dataset} ${this.at(region).shards.storeOfSlot(dataset, slot)}`)
  }

  /** The state of all links to a region; `known`: the others see that it is not reachable. */
  link(to: RegionId, state: LinkState, known?: 'known'): void {
    this.#links.set(to, { state, reachable: state === 'up' || known === undefined })
  }

  /** The same of one line, one way. */
  line(from: RegionId, to: RegionId, state: LinkState, known?: 'known'): void {
    this.link(`${from} ${to}`, state, known)
  }

  #linkOf(from: RegionId, to: RegionId): { state: LinkState; reachable: boolean } {
    return this.#links.get(`${from} ${to}`) ?? this.#links.get(to) ?? up
  }

  /** Starts a region's process, or starts it again on its disk. */
  async start(region: RegionId): Promise<void> {
    const shards = await this.#openShards(region)
    const others = this.#data.regions.map(({ id }) => id).filter(id => id !== region)
    const random = seededRandom(this.#numbers[region] ?? 0)
    const deadEnds = new DeadEnds(this.clock)
    const topology: Topology = {
      self: region,
      byNearness: [region, ...others],
      reachable: to => this.#linkOf(region, to).reachable,
      passes: (...way) => deadEnds.passes(...way),
    }
    const call: PeerCall = (to, name, body) => this.#call(region, to, name, body)
    const relays = new Relays({ call, topology, deadEnds, clock: this.clock })
    const common = {
      self: region,
      table: () => this.#table,
      ...{ shards, topology, call, relays },
      freshness: {
        stalenessMs: (_dataset: string, _slot: number, home?: RegionId) => this.#age(region, home),
        asOf: () => ({ stalenessMs: (home?: RegionId) => this.#age(region, home) }),
        isEverywhere: (...of: Parameters<IsEverywhere>) => this.isEverywhere(...of),
      },
      regionsWith: (...asked: Parameters<RegionsWith>) => this.regionsWith(...asked),
      onViolation: () => this.violations.push(region),
      onDamaged: (_dataset: string, key: string) => this.damaged.push(`${region} ${key}`),
      sessionMac,
      sessions: new SessionTokens(sessionMac, (...of) => this.isEverywhere(...of)),
      clock: this.clock,
      urlOf: (to: RegionId) => `http://${to}`,
      locations: new LocationCache(hasher, random),
      random,
      record: () => this.#record,
      regions: () => new RegionNumbers(this.#numbers),
    }
    const claims = new Claims(common)
    const { reachable } = common.topology
    const movements = new Movements({ ...common, claims, reachable, mayMove: () => this.mayMove })
    const local = new LocalExecution({ ...common, claims, moves: movements })
    const forwarder = new Forwarder({ ...common, local })
    const router = new Router({ ...common, claims, local, forwarder })
    const lists = new Lists({ ...common, claims, moves: movements })
    const explain = new Explain({ ...common, claims })
    const straight: Answers = {
      execute: (from, body) => forwarder.answer(from, body),
      registrar: (from, body) => claims.answer(from, body),
      list: (from, body) => lists.answer(from, body),
      inspect: (from, body) => explain.answer(from, body),
      rehome: (from, body) => movements.answer(from, body),
    }
    const answers = { ...straight, ...relayAnswers(common, straight) }
    const parts = { router, lists, claims, shards, forwarder, movements, explain, answers }
    this.#regions.set(region, { region, ...parts })
  }

  placement(dataset: string): Placement {
    const placement = this.#table.byId(dataset)
    if (!placement) throw new Error('no such dataset')
    return placement
  }

  /** Waits until a region acts as home of a group; to be waited for with `until`. */
  async whenHomed(dataset: string, group: string, region: RegionId): Promise<void> {
    const slot = this.placement(dataset).slotOf(group)
    const { shards } = this.at(region)
    while (!(await shards.call(dataset, slot, 'homeState', { group })).isHere) {
      await new Promise(resolve => setImmediate(resolve))
    }
  }

  /** Brings a region's copy of a dataset up to the end of what another has of its own feed. */
  async replicate(dataset: string, from: RegionId, to: RegionId): Promise<void> {
    const placement = this.placement(dataset)
    if (from === to || this.stale.has(to) || !placement.mayStore(from) || !placement.mayStore(to))
      return
    const [source, target] = [this.at(from).shards, this.at(to).shards]
    const feed = feedNumber(this.#numbers[from] ?? 0, 1)
    for (let slot = 0; slot < placement.data.slots; slot++) {
      const states = await target.call(dataset, slot, 'feedStates', {})
      const after = states.find(it => it.slot === slot && it.feed === feed)?.state.end ?? 0
      const requests = [{ slot, after }]
      const [chunk] = await source.call(dataset, slot, 'readFeeds', { requests, bytesMax: 2 ** 20 })
      if (chunk?.kind !== 'chunk') throw new Error('the feed goes on')
      const { kind: _, ...part } = chunk
      await target.call(dataset, slot, 'applyChunk', { type: 'chunk', dataset, ...part })
    }
  }

  /** Waits for a task, while time passes and all copies follow all feeds. */
  async until<T>(dataset: string, task: Promise<T>): Promise<T> {
    let settled = false
    const settle = (): void => {
      settled = true
    }
    task.then(settle, settle)
    const regions = [...this.#regions.keys()]
    for (let n = 0; n < 2_000 && !settled; n++) {
      for (const from of regions) {
        for (const to of regions) await this.replicate(dataset, from, to)
      }
      this.clock.advance(5)
      await new Promise(resolve => setImmediate(resolve))
    }
    if (!settled) throw new Error('what was waited for never came')
    return await task
  }

  #age(region: RegionId, home: RegionId | undefined): number | undefined {
    if (home === region) return 0
    return this.agesMs.has(region) ? this.agesMs.get(region) : 0
  }

  async #openShards(region: RegionId): Promise<ShardClient<NodeOperations>> {
    const fail = (trace: string): void => {
      throw new Error(trace)
    }
    const shard = inProcessShard(this.#disks.get(region) ?? createMemoryEngineKind())
    const reads = new LocalReads({
      reads: nodeHandlers.reads,
      readerOf: (dataset, store) => shard.reader(dataset, store),
      onBug: error => fail(`${error}`),
      onFatal: error => fail(`${error}`),
    })
    const shards = new ShardClient<NodeOperations>({
      ports: [shard],
      ...(this.#readsHere && { reads }),
      stores: [...this.#table.placements]
        .filter(placement => placement.mayStore(region))
        .flatMap(({ id: dataset }) =>
          Array.from({ length: STORES }, (_, store) => ({
            dataset,
            store,
            directory: `${dataset} ${store}`,
          })),
        ),
      onGrowth: () => {},
      onBug: fail,
      onViolation: () => this.violations.push(region),
      onFatal: fail,
    })
    await shards.open({
      policy: this.#data,
      policyEpoch: 1,
      self: region,
      regionNumbers: this.#numbers,
      ownFeed: feedNumber(this.#numbers[region] ?? 0, 1),
      registrarEpochs: {},
      erasureKey,
    })
    return shards
  }

  async #call(from: RegionId, to: RegionId, name: string, body: unknown): Promise<unknown> {
    this.calls.push(`${from} ${to} ${name}`)
    this.onCall(from, to, name, body)
    const { state } = this.#linkOf(from, to)
    if (state === 'cut') throw new PeerFailure(false, 'not connected')
    if (state === 'starting') throw new DenizenError('not_ready', `${to} does not serve yet`)
    const reply = crossing(await this.#answer(from, to, name, crossing(body)))
    if (state === 'mute') throw new PeerFailure(true, 'no answer in time')
    return reply
  }

  async #answer(from: RegionId, to: RegionId, name: string, body: unknown): Promise<unknown> {
    const answer = this.at(to).answers[name]
    if (!answer) throw new DenizenError('not_ready', `${to} knows no such call`)
    return await answer(from, body)
  }
}

/** Of each dataset in a region. */
const STORES = 3
