/**
 * The caller's side of the boundary: calls to shards, gathered per turn of the event loop, and the
 * map from (dataset, slot) to store and thread. A dataset's stores are fixed when it is made; which
 * thread owns a store may change with every start. What can be read in the caller's own thread is
 * read there, at once.
 */
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import type { Slot } from '../model/slot.ts'
import type { Tracing } from '../runtime/tracing.ts'
import { datasetsOf, GrowthBoard } from './growth-board.ts'
import type { LocalReads } from './local-reads.ts'
import type { Growth, OperationMap } from './shard.ts'
import {
  type FromShard,
  type ShardConfiguration,
  type ShardPort,
  type SharedStore,
  type StoreLocation,
  threadOf,
} from './shard-messages.ts'
import type { ShardReply, ShardRequest } from './shard-requests.ts'
import { storeName } from './store.ts'

export interface ShardClientOptions {
  /** To the shards, in the same order in every thread of the node. */
  readonly ports: readonly ShardPort[]
  /** All stores of this node. */
  readonly stores: readonly StoreLocation[]
  /** What this thread reads by itself; default: nothing. */
  readonly reads?: LocalReads
  readonly tracing?: Tracing | undefined
  readonly onGrowth: (growth: Growth) => void
  readonly onBug: (trace: string) => void
  /** A shard refused what this region may not store. */
  readonly onViolation: () => void
  readonly onFatal: (trace: string) => void
}

interface Waiting {
  readonly resolve: (body: unknown) => void
  readonly reject: (error: Error) => void
}

interface Line {
  readonly port: ShardPort
  readonly outbox: ShardRequest[]
  opened: (message: Extract<FromShard, { kind: 'opened' }>) => void
  /** Of the shard, to the thread that has opened it. */
  growth: GrowthBoard | undefined
  closed: () => void
}

export class ShardClient<Ops extends OperationMap> {
  readonly #lines: readonly Line[]
  #stores: readonly StoreLocation[] = []
  #storeCounts: ReadonlyMap<string, number> = new Map()
  #lineOf: ReadonlyMap<string, Line> = new Map()
  readonly #waiting = new Map<number, Waiting>()
  readonly #options: ShardClientOptions
  #nextId = 1
  #flushing = false
  #closed = false

  constructor(options: ShardClientOptions) {
    this.#options = options
    this.#lines = options.ports.map(port => {
      const line: Line = {
        ...{ port, outbox: [], growth: undefined },
        ...{ opened: () => {}, closed: () => {} },
      }
      port.onMessage(message => this.#receive(line, message))
      return line
    })
    this.setStores(options.stores)
  }

  /** The policy has changed the stores of this node: calls go to these from now on. */
  setStores(stores: readonly StoreLocation[]): void {
    const counts = new Map<string, number>()
    const lines = new Map<string, Line>()
    for (const location of stores) {
      const { dataset, store } = location
      counts.set(dataset, Math.max(counts.get(dataset) ?? 0, store + 1))
      lines.set(storeName(location), this.#lineFor(location))
    }
    this.#stores = stores
    this.#storeCounts = counts
    this.#lineOf = lines
  }

  #lineFor(of: Pick<StoreLocation, 'dataset' | 'store'>): Line {
    return this.#lines[threadOf(of, this.#lines.length)] as Line
  }

  /** Opens every store in the thread that owns it. Resolves with what others can read along. */
  async open(configuration: Omit<ShardConfiguration, 'stores'>): Promise<SharedStore[]> {
    return await this.#post('open', configuration, this.#stores)
  }

  /**
   * The shards act by another policy, and have these stores. What is closed is not called any more
   * from here on, what is opened once this resolves.
   */
  async adopt(
    configuration: Omit<ShardConfiguration, 'stores'>,
    stores: readonly StoreLocation[],
  ): Promise<SharedStore[]> {
    const names = new Set(stores.map(storeName))
    this.setStores(this.#stores.filter(location => names.has(storeName(location))))
    const shared = await this.#post('adopt', configuration, stores)
    this.setStores(stores)
    return shared
  }

  async #post(
    kind: 'open' | 'adopt',
    configuration: Omit<ShardConfiguration, 'stores'>,
    all: readonly StoreLocation[],
  ): Promise<SharedStore[]> {
    const shared = await Promise.all(
      this.#lines.map(line => {
        const stores = all.filter(of => this.#lineFor(of) === line)
        return new Promise<readonly SharedStore[]>(resolve => {
          line.opened = ({ shared, growth }) => {
            // What was entered on the board before is told before it is left.
            this.#tellGrowth(line)
            line.growth = new GrowthBoard(datasetsOf(stores), growth)
            if (kind === 'adopt') line.growth.await()
            this.#tellGrowth(line)
            resolve(shared)
          }
          line.port.post({ kind, configuration: { ...configuration, stores } })
        })
      }),
    )
    return shared.flat()
  }

  /** True where this node holds a copy of the dataset. */
  stores(dataset: string): boolean {
    return this.#storeCounts.has(dataset)
  }

  storeCount(dataset: string): number {
    return this.#storeCounts.get(dataset) ?? 0
  }

  storeOfSlot(dataset: string, slot: Slot): number {
    if (!this.stores(dataset)) throw notStored()
    return slot % this.storeCount(dataset)
  }

  /** Calls an operation on the store of a slot. Rejects with `DenizenError`. */
  call<K extends keyof Ops & string>(
    dataset: string,
    slot: Slot,
    name: K,
    body: Ops[K]['request'],
  ): Promise<Ops[K]['reply']> {
    return this.callStore(dataset, slot % Math.max(1, this.storeCount(dataset)), name, body)
  }

  callStore<K extends keyof Ops & string>(
    dataset: string,
    store: number,
    name: K,
    body: Ops[K]['request'],
  ): Promise<Ops[K]['reply']> {
    const line = this.#lineOf.get(storeName({ dataset, store }))
    if (!line) return Promise.reject(notStored())
    if (this.#closed) return Promise.reject(new DenizenError('not_ready', 'the node is stopping'))
    try {
      const now = this.#options.reads?.run(dataset, store, name, body)
      if (now) return Promise.resolve(now.reply as Ops[K]['reply'])
    } catch (error) {
      return Promise.reject(error)
    }
    const send = (): Promise<Ops[K]['reply']> => this.#send(line, { dataset, store, name, body })
    const { tracing } = this.#options
    if (!tracing) return send()
    const span = { name: `shard ${name}`, kind: 'internal' } as const
    return tracing.run({ ...span, attributes: { 'denizen.dataset': dataset } }, send)
  }

  #send<K extends keyof Ops & string>(
    line: Line,
    request: Omit<ShardRequest, 'id'>,
  ): Promise<Ops[K]['reply']> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++
      this.#waiting.set(id, { resolve, reject })
      line.outbox.push({ id, ...request })
      this.#flushSoon()
    })
  }

  /** Reads in this thread, at once; undefined where that is not possible. Throws `DenizenError`. */
  readNow<K extends keyof Ops & string>(
    dataset: string,
    slot: Slot,
    name: K,
    body: Ops[K]['request'],
  ): { readonly reply: Ops[K]['reply'] } | undefined {
    const store = this.storeOfSlot(dataset, slot)
    const now = this.#closed ? undefined : this.#options.reads?.run(dataset, store, name, body)
    return now as { readonly reply: Ops[K]['reply'] } | undefined
  }

  /** Of the engine of the slot's store, which this thread reads: see `EngineReader.stamp`. */
  stampOf(dataset: string, slot: Slot): (() => number) | undefined {
    return this.#options.reads?.stampOf(dataset, this.storeOfSlot(dataset, slot))
  }

  /** Calls an operation on every store of a dataset. */
  callAll<K extends keyof Ops & string>(
    dataset: string,
    name: K,
    body: Ops[K]['request'],
  ): Promise<Ops[K]['reply'][]> {
    const stores = Array.from({ length: this.storeCount(dataset) }, (_, index) => index)
    return Promise.all(stores.map(store => this.callStore(dataset, store, name, body)))
  }

  /** Growth is told soon from now on, and not only when it is asked for: it costs messages. */
  awaitGrowth(): void {
    for (const line of this.#lines) {
      line.growth?.await()
      this.#tellGrowth(line)
    }
  }

  /** Tells now of all growth: that of every write whose answer anybody may have. */
  receiveGrowth(): void {
    for (const line of this.#lines) this.#tellGrowth(line)
  }

  #tellGrowth(line: Line): void {
    for (const growth of line.growth?.news() ?? []) this.#options.onGrowth(growth)
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(
      this.#lines.map(
        line =>
          new Promise<void>(resolve => {
            line.closed = resolve
            line.port.post({ kind: 'close' })
          }),
      ),
    )
  }

  #flushSoon(): void {
    if (this.#flushing) return
    this.#flushing = true
    setImmediate(() => {
      this.#flushing = false
      for (const { port, outbox } of this.#lines) {
        if (outbox.length > 0) port.post({ kind: 'requests', requests: outbox.splice(0) })
      }
    })
  }

  #receive(line: Line, message: FromShard): void {
    switch (message.kind) {
      case 'opened':
        line.opened(message)
        return
      case 'replies':
        for (const reply of message.replies) this.#settle(reply)
        return
      case 'grown':
        line.growth?.await()
        this.#tellGrowth(line)
        return
      case 'bug':
        this.#options.onBug(message.trace)
        return
      case 'fatal':
        this.#options.onFatal(message.trace)
        return
      case 'closed':
        line.closed()
    }
  }

  #settle(reply: ShardReply): void {
    const waiting = this.#waiting.get(reply.id)
    assert(waiting, 'a shard answers each request once')
    this.#waiting.delete(reply.id)
    if ('error' in reply) {
      if (reply.error.code === 'residency_violation') this.#options.onViolation()
      waiting.reject(DenizenError.fromWire(reply.error))
    } else waiting.resolve(reply.body)
  }
}

const notStored = (): DenizenError => new DenizenError('stale_policy', 'no such store is open here')
