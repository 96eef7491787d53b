/**
 * A core: one worker thread of a node, with an HTTP listener, the router behind it, and a shard. It
 * reads every store of the node by itself; it writes its own shard's stores, and asks other cores
 * for theirs. What exists once per node it asks of the main thread.
 */
import { createApi } from '../api/app.ts'
import { createDirectApi } from '../api/direct.ts'
import type { ClusterRecord } from '../coordination/cluster-record.ts'
import { assert } from '../model/assert.ts'
import type { Hasher } from '../model/hash.ts'
import { PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { CopyAges } from '../replication/copy-ages.ts'
import { systemClock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import type { AttachedReader } from '../storage/engine.ts'
import { lmdbEngine } from '../storage/lmdb-engine.ts'
import { LocalReads } from '../storage/local-reads.ts'
import { ShardClient } from '../storage/shard-client.ts'
import type { ShardPort, SharedStore, StoreLocation } from '../storage/shard-messages.ts'
import { type ShardWorker, storeContexts, traceOf } from '../storage/shard-worker.ts'
import { StoreReader } from '../storage/store.ts'
import { Asks } from './asks.ts'
import { CoreAccess } from './core-access.ts'
import type { FromCore, ListenRequest, ServingState, ToCore } from './core-messages.ts'
import { CoreService } from './core-service.ts'
import { nodeTarget, startHttpServer } from './http-server.ts'
import { createServing, type Serving, shardConfiguration } from './serving.ts'
import { type NodeOperations, nodeHandlers } from './shard-operations.ts'
import { version } from './version.ts'

export interface CoreOptions {
  readonly region: RegionId
  readonly hasher: Hasher
  /** This core's own. */
  readonly shard: ShardWorker
  /** To the shards of all cores, this one's among them. */
  readonly shardPorts: readonly ShardPort[]
  readonly post: (message: FromCore) => void
}

export class Core {
  readonly #options: CoreOptions
  readonly #asks: Asks
  readonly #service: CoreService
  readonly #access = new CoreAccess(systemClock)
  readonly #reachable = new Set<RegionId>()
  readonly #attached = new Map<string, StoreReader>()
  readonly #attachedEngines: AttachedReader[] = []
  #record: ClusterRecord | undefined
  #ages: CopyAges | undefined
  #shards: ShardClient<NodeOperations> | undefined
  #http: { close(): Promise<void> } | undefined

  constructor(options: CoreOptions) {
    this.#options = options
    this.#asks = new Asks(asks => options.post({ kind: 'asks', asks }))
    this.#service = new CoreService(options.region, () => this.#asks.ask({ kind: 'cluster' }))
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
      case 'access':
      case 'usage':
        this.#access.receive(message)
        return
      case 'stop':
        void this.#stop()
    }
  }

  async #listen({ host, port, reusePort, access: state }: ListenRequest): Promise<void> {
    const { post } = this.#options
    const log = this.#log()
    const access = this.#access.begin(state)
    const common = { service: this.#service, access, log, clock: systemClock }
    const app = createApi({ ...common, rawTarget: nodeTarget, version })
    const direct = createDirectApi(common)
    try {
      const listen = { host, port, reusePort }
      const http = await startHttpServer({ app, direct, ...listen, log, clock: systemClock })
      this.#http = http
      post({ kind: 'listening', port: http.port })
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
      post({ kind: 'listenFailed', code })
    }
  }

  async #serve(state: ServingState): Promise<void> {
    const { region, hasher, shardPorts, post } = this.#options
    this.#record = state.record
    for (const reachable of state.reachable) this.#reachable.add(reachable)
    const table = new PlacementTable(state.record.current, state.record.policyEpoch, hasher)
    this.#ages = new CopyAges({ self: region, table: () => table, clock: systemClock })
    await this.#attach(state)
    this.#shards = new ShardClient<NodeOperations>({
      ports: shardPorts,
      stores: state.stores,
      reads: this.#localReads(),
      onGrowth: () => assert(false, 'growth goes to the main thread'),
      onBug: () => assert(false, 'bugs of a shard go to the main thread'),
      onViolation: () => post({ kind: 'violation' }),
      onFatal: trace => post({ kind: 'failed', reason: 'a disk failed', trace }),
    })
    this.#service.serves(this.#serving(table, this.#shards))
  }

  #serving(table: PlacementTable, shards: ShardClient<NodeOperations>): Serving {
    const { region, hasher, post } = this.#options
    assert(this.#ages, 'the ages of copies are kept before anything is served')
    return createServing({
      ...{ self: region, hasher, table, shards, freshness: this.#ages },
      record: () => {
        assert(this.#record, 'a core that serves has a record')
        return this.#record
      },
      reachable: to => this.#reachable.has(to),
      call: (to, name, body, { timeoutMs }) =>
        this.#asks.ask({ kind: 'call', region: to, name, body, timeoutMs }),
      onViolation: () => post({ kind: 'violation' }),
    })
  }

  #localReads(): LocalReads {
    const { shard } = this.#options
    const log = this.#log()
    return new LocalReads({
      reads: nodeHandlers.reads,
      readerOf: (dataset, store) =>
        shard.reader(dataset, store) ?? this.#attached.get(nameOf({ dataset, store })),
      onBug: error => log.error('a bug in a read', { trace: traceOf(error) }),
      onFatal: error => this.#fail('a disk failed', error),
    })
  }

  async #attach({ record, sharedStores }: ServingState): Promise<void> {
    const { region, hasher, shard } = this.#options
    const contexts = storeContexts(hasher, shardConfiguration(record, region))
    for (const location of sharedStores) {
      if (shard.reader(location.dataset, location.store)) continue
      this.#attached.set(nameOf(location), await this.#reader(location, contexts))
    }
  }

  async #reader(
    { dataset, directory, shared }: SharedStore,
    contexts: ReturnType<typeof storeContexts>,
  ): Promise<StoreReader> {
    const context = contexts(dataset)
    assert(context, 'the stores of a node are of its policy')
    const engine = await lmdbEngine.attach(directory, shared)
    this.#attachedEngines.push(engine)
    return new StoreReader(engine, context)
  }

  /** Lines of all threads are written by one: two writers could tear them. */
  #log(): Logger {
    const { post } = this.#options
    const at =
      (level: keyof Logger): Logger[typeof level] =>
      (message, fields = {}) =>
        post({ kind: 'log', level, message, fields })
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  }

  #fail(reason: string, error: unknown): void {
    this.#options.post({ kind: 'failed', reason, trace: traceOf(error) })
  }

  async #stop(): Promise<void> {
    this.#service.stops()
    await this.#http?.close()
    await Promise.all(this.#attachedEngines.map(engine => engine.close()))
    this.#options.post({ kind: 'stopped' })
  }
}

const nameOf = ({ dataset, store }: Pick<StoreLocation, 'dataset' | 'store'>): string =>
  `${store}:${dataset}`
