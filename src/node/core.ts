/**
 * A core: one worker thread of a node, with an HTTP listener, the router behind it, and a shard. It
 * reads every store of the node by itself; it writes its own shard's stores, and asks other cores
 * for theirs. What exists once per node it asks of the main thread.
 */
import type { Administration, HeldGroup, Rehomed } from '../api/administration.ts'
import { createApi } from '../api/app.ts'
import { createDirectApi } from '../api/direct.ts'
import { type ClusterRecord, compareOrder, policyInEffect } from '../coordination/cluster-record.ts'
import type { Family } from '../metrics/family.ts'
import { RequestMeter } from '../metrics/request-meter.ts'
import type { ShardMeter } from '../metrics/shard-meter.ts'
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import type { Hasher } from '../model/hash.ts'
import type { Census } from '../model/home-census.ts'
import { limits } from '../model/limits.ts'
import { PlacementTable } from '../model/placement.ts'
import type { PolicyChangeView } from '../model/policy-change-view.ts'
import type { RegionId } from '../model/slot.ts'
import type { Receipt, ReceiptKeys } from '../receipts/receipt.ts'
import { CopyAges } from '../replication/copy-ages.ts'
import type { ScrubReport } from '../routing/scrub-report.ts'
import { systemClock } from '../runtime/clock.ts'
import { nodeDisk } from '../runtime/node-disk.ts'
import { systemRandom } from '../runtime/random.ts'
import { type Tracing, tracedCall } from '../runtime/tracing.ts'
import { ShardClient } from '../storage/shard-client.ts'
import type { ShardPort } from '../storage/shard-messages.ts'
import { type ShardWorker, traceOf } from '../storage/shard-worker.ts'
import { Asks } from './asks.ts'
import { Backups } from './backups.ts'
import { CoreAccess } from './core-access.ts'
import { coreLog } from './core-log.ts'
import type { FromCore, ListenRequest, ServingState, ToCore } from './core-messages.ts'
import { CoreService } from './core-service.ts'
import { CoreStores } from './core-stores.ts'
import { EventLoopDelay } from './event-loop-delay.ts'
import { type HttpServer, nodeTarget, startHttpServer } from './http-server.ts'
import { policyInForce } from './policy-in-force.ts'
import { publicReceiptKeys } from './receipt-keys.ts'
import { createServing, type Serving, shardConfiguration } from './serving.ts'
import type { NodeOperations } from './shard-operations.ts'
import { version } from './version.ts'

export interface CoreOptions {
  readonly region: RegionId
  readonly index: number
  readonly hasher: Hasher
  /** This core's own. */
  readonly shard: ShardWorker
  readonly shardMeter: ShardMeter
  readonly tracing: Tracing | undefined
  /** To the shards of all cores, this one's among them. */
  readonly shardPorts: readonly ShardPort[]
  readonly post: (message: FromCore) => void
}

export class Core {
  readonly #options: CoreOptions
  readonly #asks: Asks
  readonly #meter = new RequestMeter()
  readonly #delay: EventLoopDelay
  readonly #service: CoreService
  readonly #backups: Backups
  readonly #access = new CoreAccess(systemClock)
  readonly #reachable = new Set<RegionId>()
  readonly #stores: CoreStores
  /** Of the stores. */
  #directories: readonly string[] = []
  #record: ClusterRecord | undefined
  #table: PlacementTable | undefined
  #ages: CopyAges | undefined
  #shards: ShardClient<NodeOperations> | undefined
  #http: HttpServer | undefined

  constructor(options: CoreOptions) {
    this.#options = options
    this.#delay = new EventLoopDelay(`core ${options.index}`)
    this.#asks = new Asks(asks => options.post({ kind: 'asks', asks }))
    this.#backups = new Backups(options.region)
    const log = coreLog(options.post)
    this.#stores = new CoreStores({
      ...options,
      onBug: error => log.error('a bug in a read', { trace: traceOf(error) }),
      onFatal: error => this.#fail('a disk failed', error),
    })
    this.#service = new CoreService(
      options.region,
      () => this.#asks.ask({ kind: 'cluster' }),
      () => this.#directories.every(hasRoom),
    )
  }

  receive(message: ToCore): void {
    switch (message.kind) {
      case 'listen':
        void this.#listen(message)
        return
      case 'waits':
        this.#service.waits(message.reason)
        return
      case 'serve':
        this.#serve(message.state).then(
          () => this.#options.post({ kind: 'serving' }),
          (error: unknown) => this.#fail('a core could not begin to serve', error),
        )
        return
      case 'adopt':
        this.#adopt(message.state).then(
          () => this.#options.post({ kind: 'adopted' }),
          (error: unknown) => this.#fail('a core could not adopt a policy', error),
        )
        return
      case 'nodeServes':
        this.#service.nodeServes()
        return
      case 'record':
        this.#record = message.record
        return
      case 'reachability':
        if (message.reachable) this.#reachable.add(message.region)
        else this.#reachable.delete(message.region)
        return
      case 'aged':
        this.#ages?.learn(message.change)
        return
      case 'answers':
        this.#asks.settle(message.answers)
        return
      case 'tls':
        this.#http?.replaceTls(message.material)
        return
      case 'access':
      case 'usage':
        this.#access.receive(message)
        return
      case 'measure':
        this.#options.post({ kind: 'measured', families: this.#families() })
        return
      case 'stop':
        void this.#stop()
    }
  }

  async #listen({ host, port, reusePort, access: state, tls }: ListenRequest): Promise<void> {
    const { post, tracing } = this.#options
    const log = coreLog(post)
    const access = this.#access.begin(state)
    const common = {
      service: this.#service,
      access,
      log,
      clock: systemClock,
      meter: this.#meter,
      tracing,
    }
    const metricsPage = async (): Promise<string> =>
      String(await this.#asks.ask({ kind: 'metrics' }))
    const administration = this.#administration()
    const options = { ...common, administration, metricsPage, version }
    const app = createApi({ ...options, rawTarget: nodeTarget })
    const direct = createDirectApi(common)
    try {
      const listen = { host, port, reusePort, ...(tls && { tls }) }
      const http = await startHttpServer({ app, direct, ...listen, log, clock: systemClock })
      this.#http = http
      post({ kind: 'listening', port: http.port })
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
      post({ kind: 'listenFailed', code })
    }
  }

  async #serve(state: ServingState): Promise<void> {
    const { region, shardPorts, post } = this.#options
    for (const reachable of state.reachable) this.#reachable.add(reachable)
    this.#ages = new CopyAges({ self: region, table: () => this.#tableNow(), clock: systemClock })
    this.#shards = new ShardClient<NodeOperations>({
      ports: shardPorts,
      ...{ stores: state.stores, tracing: this.#options.tracing },
      reads: this.#stores.reads,
      onGrowth: () => assert(false, 'growth goes to the main thread'),
      onBug: () => assert(false, 'bugs of a shard go to the main thread'),
      onViolation: () => post({ kind: 'violation' }),
      onFatal: trace => post({ kind: 'failed', reason: 'a disk failed', trace }),
    })
    await this.#adopt(state)
  }

  /** Acts by a record from now on: requests that have begun come to their ends as they began. */
  async #adopt(state: ServingState): Promise<void> {
    const { region, hasher } = this.#options
    const { record, stores } = state
    assert(this.#shards, 'a core that adopts has its shards')
    // What it was told since may be newer.
    if (!this.#record || compareOrder(record, this.#record) > 0) this.#record = record
    this.#directories = stores.map(({ directory }) => directory)
    const table = new PlacementTable(policyInEffect(record), record.policyEpoch, hasher)
    this.#table = table
    this.#shards.setStores(stores)
    await this.#stores.adopt(shardConfiguration(record, region), state.sharedStores)
    this.#backups.serves(state)
    this.#service.serves(this.#serving(table, record, this.#shards), dataset => {
      const placement = table.byId(dataset)
      return placement?.isReadable(region) === true && placement.mayServe(region)
    })
  }

  #tableNow(): PlacementTable {
    assert(this.#table, 'a core that serves has a table')
    return this.#table
  }

  #serving(
    table: PlacementTable,
    adopted: ClusterRecord,
    shards: ShardClient<NodeOperations>,
  ): Serving {
    const { region, hasher, tracing, post } = this.#options
    assert(this.#ages, 'the ages of copies are kept before anything is served')
    return createServing({
      ...{ self: region, hasher, table, adopted, shards, tracing, freshness: this.#ages },
      ...{ clock: systemClock, random: systemRandom },
      record: () => {
        assert(this.#record, 'a core that serves has a record')
        return this.#record
      },
      reachable: to => this.#reachable.has(to),
      call: (to, name, body, { timeoutMs }) =>
        tracedCall(tracing, to, name, trace =>
          this.#asks.ask({ kind: 'call', region: to, name, body, timeoutMs, trace }),
        ),
      // The main thread made it of this type.
      regionsWith: async (dataset, regions, writes) =>
        (await this.#asks.ask({ kind: 'acks', dataset, regions, writes })) as number[],
      onViolation: () => post({ kind: 'violation' }),
      onDamaged: (dataset, key) => post({ kind: 'damaged', dataset, key }),
    })
  }

  #families(): Family[] {
    const { shard, shardMeter } = this.#options
    const ofShard = shardMeter.families(shard.waiting)
    const ofLoad = this.#http ? [this.#http.family()] : []
    return [...this.#meter.families(), ...ofShard, ...ofLoad, this.#delay.family()]
  }

  #administration(): Administration {
    return {
      backUp: request => this.#backups.open(request),
      // The main thread made it of this type.
      scrub: async start => (await this.#asks.ask({ kind: 'scrub', start })) as ScrubReport,
      finalizeFormat: async () => Number(await this.#asks.ask({ kind: 'finalizeFormat' })),
      // As before.
      rehome: async request => (await this.#asks.ask({ kind: 'rehome', ...request })) as Rehomed,
      erase: async request => (await this.#asks.ask({ kind: 'erase', ...request })) as Receipt,
      erasureReceipt: async request =>
        (await this.#asks.ask({ kind: 'erasureReceipt', ...request })) as Receipt,
      hold: async request => (await this.#asks.ask({ kind: 'hold', ...request })) as HeldGroup,
      moveReceipt: async request =>
        (await this.#asks.ask({ kind: 'moveReceipt', ...request })) as Receipt,
      policyInForce: () => policyInForce(this.#options.region, this.#recordNow()),
      beginCensus: async desired =>
        (await this.#asks.ask({ kind: 'beginCensus', desired })) as Census,
      census: async () => (await this.#asks.ask({ kind: 'census' })) as Census,
      applyPolicy: async wish =>
        (await this.#asks.ask({ kind: 'policyChange', wish })) as PolicyChangeView,
      policyChange: async () =>
        (await this.#asks.ask({ kind: 'policyChange', wish: undefined })) as PolicyChangeView,
      policyReceipt: async () => (await this.#asks.ask({ kind: 'policyReceipt' })) as Receipt,
      receiptKeys: () => publicReceiptKeys(this.#recordNow()),
      rotateReceiptKey: async () =>
        (await this.#asks.ask({ kind: 'rotateReceiptKey' })) as ReceiptKeys,
      record: async act => void (await this.#asks.ask({ kind: 'record', act })),
    }
  }

  #recordNow(): ClusterRecord {
    if (this.#record) return this.#record
    throw new DenizenError('not_ready', 'the node has not learnt the policy in force yet')
  }

  #fail(reason: string, error: unknown): void {
    this.#options.post({ kind: 'failed', reason, trace: traceOf(error) })
  }

  async #stop(): Promise<void> {
    this.#service.stops()
    await this.#backups.close()
    await this.#http?.close()
    await this.#options.tracing?.close()
    await this.#stores.close()
    this.#options.post({ kind: 'stopped' })
  }
}

const hasRoom = (directory: string): boolean =>
  nodeDisk.roomBytes(directory) >= limits.diskReserveBytes
