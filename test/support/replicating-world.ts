/**
 * Regions in one process that replicate: real shards over memory engines, real senders and
 * followers; threads, disks and networks are lanes whose turns chance draws. No HTTP, no routing:
 * writes go to the home's shard.
 */

import * as assert from 'uvu/assert'
import { PeerMeter } from '../../src/metrics/peer-meter.ts'
import type { PlacementTable } from '../../src/model/placement.ts'
import { feedNumber } from '../../src/model/position.ts'
import { type RegionId, RegionNumbers } from '../../src/model/slot.ts'
import type { NodeOperations } from '../../src/node/shard-operations.ts'
import { PeerFailure } from '../../src/peers/peers.ts'
import { decodeCbor, encodeCbor } from '../../src/protocol/cbor.ts'
import { comparisonAnswers } from '../../src/repair/comparison-answers.ts'
import { Comparisons } from '../../src/repair/comparisons.ts'
import { Repairs } from '../../src/repair/repairs.ts'
import { CopyAges } from '../../src/replication/copy-ages.ts'
import { Replication } from '../../src/replication/streams.ts'
import { hmacSha256 } from '../../src/runtime/mac.ts'
import { createMemoryEngineKind, type MemoryEngineKind } from '../../src/storage/memory-engine.ts'
import { ShardClient } from '../../src/storage/shard-client.ts'
import { StoreReader } from '../../src/storage/store.ts'
import type { StoreContext } from '../../src/storage/store-context.ts'
import { inProcessShard } from './in-process-shard.ts'
import { Lanes } from './lanes.ts'
import { type ManualClock, manualClock } from './manual-clock.ts'
import { type MessagePipe, messagePipe } from './message-pipe.ts'
import { hasher } from './policies.ts'
import type { SeededRandom } from './seeded-random.ts'
import { erasureKey } from './store.ts'

export interface WorldOptions {
  readonly table: PlacementTable
  readonly random: SeededRandom
  readonly threads: number
  /** Stores of each dataset. */
  readonly stores: number
}

export interface RegionProcess {
  readonly region: RegionId
  readonly shards: ShardClient<NodeOperations>
  readonly ages: CopyAges
  readonly replication: Replication
  readonly repairs: Repairs
  /** Not started: who tests them does. */
  readonly comparisons: Comparisons
  /** Calls of other regions, by name. */
  readonly answers: Readonly<Record<string, (from: RegionId, body: unknown) => Promise<unknown>>>
}

export interface CopyOfStore {
  readonly region: RegionId
  readonly dataset: string
  readonly directory: string
  readonly context: StoreContext
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

export class ReplicatingWorld {
  readonly lanes: Lanes
  readonly clock: ManualClock = manualClock()
  readonly regions: readonly RegionId[]
  readonly running = new Map<RegionId, RegionProcess>()
  readonly pipes = new Map<string, MessagePipe>()
  /** What a node would log as an error, and violations: there must be none. */
  readonly complaints: string[] = []
  /** Regions that answer no calls. */
  readonly silent = new Set<RegionId>()
  /** Directories that were flushed since somebody looked. */
  readonly flushed = new Set<string>()
  readonly #options: WorldOptions
  readonly #numbers: Readonly<Record<RegionId, number>>
  readonly #disks = new Map<RegionId, MemoryEngineKind>()
  readonly #alive = new Set<string>()
  #incarnations = 0

  constructor(options: WorldOptions) {
    this.#options = options
    this.lanes = new Lanes(options.random)
    this.regions = options.table.data.regions.map(({ id }) => id)
    this.#numbers = Object.fromEntries(this.regions.map((id, index) => [id, index + 1]))
    for (const region of this.regions) {
      const whenToFlush = (flush: () => void, directory: string): void =>
        this.lanes.add(`${region}/disk ${directory}`, () => {
          flush()
          this.flushed.add(directory)
        })
      this.#disks.set(region, createMemoryEngineKind({ whenToFlush }))
    }
  }

  feedOf(region: RegionId): number {
    return feedNumber(this.#numbers[region] ?? 0, 1)
  }

  #hostOf(feed: number): RegionId | undefined {
    return this.regions.find(region => this.feedOf(region) === feed)
  }

  /** All stores of all regions. */
  *copies(): IterableIterator<CopyOfStore> {
    for (const region of this.regions) {
      for (const { dataset, directory } of this.#stores(region)) {
        yield { region, dataset, directory, context: this.#context(region, dataset) }
      }
    }
  }

  /** Reads a store's durable rows, whether its region runs or not. */
  async read({ region, directory, context }: CopyOfStore): Promise<StoreReader> {
    const disk = this.#disks.get(region) as MemoryEngineKind
    return new StoreReader(await disk.open(directory), context)
  }

  #context(region: RegionId, dataset: string): StoreContext {
    const placement = this.#options.table.byId(dataset)
    if (!placement) throw new Error('no such dataset')
    const regions = new RegionNumbers(this.#numbers)
    const hashOfGroup = hmacSha256(erasureKey)
    return { hasher, placement, self: region, ownFeed: this.feedOf(region), regions, hashOfGroup }
  }

  #stores(region: RegionId): { dataset: string; store: number; directory: string }[] {
    const { table, stores } = this.#options
    return [...table.placements]
      .filter(placement => placement.mayStore(region))
      .flatMap(({ id: dataset }) =>
        Array.from({ length: stores }, (_, store) => ({
          dataset,
          store,
          directory: `${region}/${dataset}/${store}`,
        })),
      )
  }

  async start(region: RegionId): Promise<RegionProcess> {
    const { table, threads } = this.#options
    this.#incarnations += 1
    const name = `${region}/process ${this.#incarnations}`
    const disk = this.#disks.get(region) as MemoryEngineKind
    this.#alive.add(name)
    // The dead neither send nor hear.
    const carrier = (lane: string) => (task: () => void) => {
      if (this.#alive.has(name)) this.lanes.add(`${name} ${lane}`, task)
    }
    const ports = Array.from({ length: threads }, (_, thread) =>
      inProcessShard(disk, carrier(`to ${thread}`), carrier(`from ${thread}`)),
    )
    const complain = (what: string, fields: unknown = {}): void => {
      this.complaints.push(`${region}: ${what} ${JSON.stringify(fields)}`)
    }
    const shards: ShardClient<NodeOperations> = new ShardClient({
      ports,
      stores: this.#stores(region),
      onGrowth: growth => replication.onGrowth(growth),
      onBug: trace => complain(trace),
      onViolation: () => complain('a shard refused what it may not store'),
      onFatal: trace => complain(trace),
    })
    const ages = new CopyAges({ self: region, table: () => table, clock: this.clock })
    const replication: Replication = new Replication({
      self: region,
      onAges: change => ages.learn(change),
      table: () => table,
      feedOf: other => this.feedOf(other),
      shards,
      clock: this.clock,
      meter: new PeerMeter(this.clock),
      log: { debug: () => {}, info: () => {}, warn: complain, error: complain },
      onViolation: () => complain('a residency violation'),
      onDamaged: (dataset, key) => repairs.onDamaged(dataset, key),
    })
    const repairs: Repairs = new Repairs({
      ...{ self: region, table: () => table, shards, clock: this.clock },
      call: (to, name, body) => this.#call(region, to, name, body),
      log: { debug: () => {}, info: () => {}, warn: complain, error: () => {} },
      onViolation: () => complain('a residency violation'),
    })
    const onDamaged = (dataset: string, key: string): void => repairs.onDamaged(dataset, key)
    const compared = { self: region, hasher, table: () => table, shards, onDamaged }
    const comparisons = new Comparisons({
      ...{ ...compared, clock: this.clock, hostOf: feed => this.#hostOf(feed) },
      call: (to, name, body) => this.#call(region, to, name, body),
      log: { debug: () => {}, info: () => {}, warn: () => {}, error: complain },
    })
    const onViolation = (): void => complain('a residency violation')
    const answers = {
      repair: (from: RegionId, body: unknown) => repairs.answer(from, body),
      ...comparisonAnswers({ ...compared, onViolation }),
    }
    const opening = shards.open({
      policy: table.data,
      policyEpoch: 1,
      self: region,
      regionNumbers: this.#numbers,
      ownFeed: this.feedOf(region),
      registrarEpochs: {},
      erasureKey,
    })
    await this.until(opening)
    const process = { region, shards, replication, ages, repairs, comparisons, answers }
    this.running.set(region, process)
    replication.start()
    return process
  }

  async #call(from: RegionId, to: RegionId, name: string, body: unknown): Promise<unknown> {
    const peer = this.running.get(to)
    if (!peer || this.silent.has(to)) throw new PeerFailure(false, 'not connected')
    const answer = peer.answers[name]
    assert.ok(answer, `a call ${name}`)
    return decodeCbor(encodeCbor(await answer(from, decodeCbor(encodeCbor(body)))))
  }

  /** kill -9, or a power cut: what was not flushed is lost, unless it landed unseen. */
  crash(region: RegionId): void {
    this.running.get(region)?.replication.stop()
    this.running.get(region)?.comparisons.stop()
    this.running.delete(region)
    for (const [name, pipe] of this.pipes) if (name.split(' ').includes(region)) pipe.close()
    for (const name of this.#alive) if (name.startsWith(`${region}/`)) this.#alive.delete(name)
    this.lanes.drop(`${region}/`)
    const disk = this.#disks.get(region) as MemoryEngineKind
    for (const { directory } of this.#stores(region)) {
      if (disk.waitingCommits(directory) === 0) disk.crash(directory)
      else disk.crash(directory, { landed: this.#options.random.oneIn(2) })
      this.flushed.add(directory)
    }
  }

  /** `follower` opens its feeds connection to `source`, if both run and none is open. */
  connect(follower: RegionId, source: RegionId): void {
    const name = `${follower} ${source}`
    const at = this.running.get(source)
    const from = this.running.get(follower)
    if (follower === source || !at || !from) return
    if (this.pipes.get(name)?.closed === false) return
    this.#incarnations += 1
    const ends = { source, follower }
    const pipe = messagePipe(this.lanes, `pipe ${this.#incarnations}`, ends)
    this.pipes.set(name, pipe)
    at.replication.serve(follower, pipe.atSource)
    from.replication.follow(source, pipe.atFollower)
  }

  connectAll(): void {
    for (const follower of this.regions) {
      for (const source of this.regions) this.connect(follower, source)
    }
  }

  /** One task of one lane, and what follows from it at once. */
  async step(): Promise<void> {
    this.lanes.step()
    await turn()
  }

  async until<T>(task: Promise<T>): Promise<T> {
    let settled = false
    const settle = (): void => {
      settled = true
    }
    task.then(settle, settle)
    for (let n = 0; n < 100_000 && !settled; n++) await this.step()
    if (!settled) throw new Error('what was waited for never came')
    return await task
  }

  /** Runs until nothing is on its way. */
  async settle(stepsMax = 200_000): Promise<void> {
    for (let n = 0; n < stepsMax; n++) {
      await this.step()
      if (this.lanes.idle) {
        await turn()
        if (this.lanes.idle) return
      }
    }
    throw new Error('the world does not come to rest')
  }
}
