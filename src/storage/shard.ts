/**
 * A shard: the stores that one thread owns, and the loop that commits to them.
 *
 * Requests arrive in batches. Reads run at once, on committed and so durable state. Writes wait
 * until the store's running commit is done; then all that have gathered run in one transaction, are
 * committed together (group commit), and only then are answered. A request is checked against the
 * placement table here once more, whoever sent it: this is the last check before bytes reach disk.
 *
 * No commit begins that the disk might not have room for: an engine that met a full disk half-way
 * could not be trusted to go on (lmdb-js 3.5.6 writes past a buffer of its own then). So a full
 * disk is met here, before anything was written; writes are refused with `disk_full`, and taken
 * again as soon as there is room.
 *
 * What operations mean is not the shard's business: the composition root passes handlers in. Two
 * are its own: which keys the latest commits have changed (store-changes.ts), and compacting.
 */
import type { ShardMeter } from '../metrics/shard-meter.ts'
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import { limits } from '../model/limits.ts'
import type { Position } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import type { Random } from '../runtime/random.ts'
import { compact } from './compacting.ts'
import type { DigestAudit } from './digest-audit.ts'
import { compactOperation, type Engine, EngineFailure, type SharedState } from './engine.ts'
import { hasWork, type OpenStore, openStore, type QueuedWrite } from './open-store.ts'
import type { ShardReply, ShardRequest, TakeReplies } from './shard-requests.ts'
import { type StoreReader, storeName } from './store.ts'
import { type ChangesRequest, changesOperation } from './store-changes.ts'
import type { StoreContext } from './store-context.ts'
import { StoreTransaction } from './transaction.ts'

/** Names of operations, with what each takes and gives. Plain data: it crosses threads. */
export type OperationMap = Record<string, { request: unknown; reply: unknown }>

export type Handlers<Ops extends OperationMap> = {
  readonly reads: { readonly [K in keyof Ops]?: Handler<StoreReader, Ops[K]> }
  readonly writes: { readonly [K in keyof Ops]?: Handler<StoreTransaction, Ops[K]> }
  /** Parts of long work, each of which runs between two commits: it finds none half-way. */
  readonly slices?: { readonly [K in keyof Ops]?: Handler<DigestAudit, Ops[K]> }
  /** How many writes a request brings; default: one. */
  readonly counts?: { readonly [K in keyof Ops]?: (request: Ops[K]['request']) => number }
  /** Requests that look for what is committed, and so have a commit of their own. */
  readonly alone?: { readonly [K in keyof Ops]?: (request: Ops[K]['request']) => boolean }
}
type Handler<Store, Op extends { request: unknown; reply: unknown }> = (
  store: Store,
  request: Op['request'],
) => Op['reply']

/** This region's feeds of some slots have grown, durably, to these ends. */
export interface Growth {
  readonly dataset: string
  readonly ends: readonly { readonly slot: Slot; readonly end: Position }[]
}

export interface ShardOptions {
  readonly handlers: Handlers<OperationMap>
  readonly random: Random
  readonly onGrowth: (growth: Growth) => void
  /** A bug's trace, for the log; the caller gets `internal`. */
  readonly onBug: (error: unknown) => void
  /** Engine failures: the process has to stop. */
  readonly onFatal: (error: EngineFailure) => void
  /** Default: nobody counts. */
  readonly meter?: ShardMeter | undefined
  /** This region may store the dataset under the policies in force. */
  readonly mayStore: (dataset: string) => boolean
  /** Resolves when the commit after another begins, with all writes by then. Default: at once. */
  readonly gather?: ((waiting: () => number) => Promise<void>) | undefined
}

/**
 * Writes of one transaction, and bytes of its rows before its last request: bounded, so that no
 * single commit grows without end, and most fit into a log.
 */
const TRANSACTION_WRITES_MAX = 2_048
const TRANSACTION_BYTES_MAX = limits.logCommitBytesMax / 2

export class Shard {
  readonly #options: ShardOptions
  readonly #stores = new Map<string, OpenStore>()
  #stopped = false

  constructor(options: ShardOptions) {
    this.#options = options
  }

  /** `roomBytes`: what the disk of this store still takes; it is asked before each commit. */
  open(
    dataset: string,
    store: number,
    engine: Engine,
    context: StoreContext,
    roomBytes: () => number = () => Number.POSITIVE_INFINITY,
  ): void {
    assert(this.#options.mayStore(dataset), 'a store is opened only where the policy permits it')
    const opened = openStore({ engine, context, roomBytes, random: this.#options.random })
    this.#stores.set(storeName({ dataset, store }), opened)
  }

  /** Ends what its requests have begun, and closes it: the policy has taken it from here. */
  async closeStore(of: { readonly dataset: string; readonly store: number }): Promise<void> {
    const store = this.#stores.get(storeName(of))
    assert(store, 'a store is closed that is open')
    this.#stores.delete(storeName(of))
    await store.loop
    await store.engine.close()
  }

  /** What other threads need to read a store along; undefined where its engine can't be read so. */
  share(of: { readonly dataset: string; readonly store: number }): SharedState | undefined {
    return this.#stores.get(storeName(of))?.engine.share()
  }

  /** What is read of a store, by the thread that owns it; undefined where it is not open here. */
  reader(dataset: string, store: number): StoreReader | undefined {
    return this.#stores.get(storeName({ dataset, store }))?.reader
  }

  /** Requests that wait for their store's commit. */
  get waiting(): number {
    const stores = [...this.#stores.values()]
    return stores.reduce((sum, { queue, slices }) => sum + queue.length + slices.length, 0)
  }

  /** Runs reads at once, and writes with the next commit of their store. */
  submit(requests: readonly ShardRequest[], onReplies: TakeReplies): void {
    const replies: ShardReply[] = []
    const written = new Set<OpenStore>()
    for (const request of requests) {
      const store = this.#stores.get(storeName(request))
      if (this.#stopped || !store) {
        const error = this.#stopped
          ? new DenizenError('not_ready', 'this node is stopping')
          : new DenizenError('stale_policy', 'this node has no such store open')
        replies.push({ id: request.id, error: error.toWire() })
        continue
      }
      if (request.name === changesOperation) {
        // A `ShardClient` has checked its type.
        const asked = request.body as ChangesRequest
        store.changes.ask(asked, body => onReplies([{ id: request.id, body }]))
        continue
      }
      if (request.name === compactOperation) {
        const { id } = request
        const answer = (reply: Awaited<ReturnType<typeof compact>>) => onReplies([{ id, ...reply }])
        compact(store).then(answer, error => this.#stopped || this.#fail(error))
        continue
      }
      const { reads, slices } = this.#options.handlers
      const read = reads[request.name]
      if (read) replies.push(this.#run(request, () => read(store.reader, request.body)))
      else {
        const queue = slices?.[request.name] ? store.slices : store.queue
        queue.push({ request, onReplies })
        written.add(store)
      }
    }
    if (replies.length > 0) onReplies(replies)
    for (const store of written) store.loop ??= this.#commitLoop(store)
  }

  #fail(error: unknown): void {
    this.#stopped = true
    const failure = new EngineFailure('a commit failed', { cause: error })
    this.#options.onFatal(error instanceof EngineFailure ? error : failure)
  }

  async #commitLoop(store: OpenStore): Promise<void> {
    try {
      for (let isFirst = true; hasWork(store); isFirst = false) {
        if (!isFirst) await this.#options.gather?.(() => store.queue.length)
        const slice = store.slices.shift()
        if (slice) await this.#runSlice(store, slice)
        if (store.queue.length > 0) await this.#commitOnce(store)
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      store.loop = undefined
    }
  }

  async #runSlice(store: OpenStore, { request, onReplies }: QueuedWrite): Promise<void> {
    const slice = this.#options.handlers.slices?.[request.name]
    assert(slice, `a handler for ${request.name}`)
    onReplies([this.#run(request, () => slice(store.audit, request.body))])
  }

  async #commitOnce(store: OpenStore): Promise<void> {
    const { engine, context, generationsAtOpen, roomBytes, audit, rows } = store
    const transaction = new StoreTransaction(engine, context, generationsAtOpen, {
      roomBytes: roomBytes(),
      ...{ audit, rows },
    })
    const { answers, count } = this.#runNext(store.queue, transaction)
    const { changes, grown: ends } = transaction
    if (changes.length > 0) {
      const commit = engine.commit(changes)
      const { meter } = this.#options
      await (meter ? meter.committed(context.placement.id, count, commit) : commit)
    }
    audit.add(transaction.audited)
    // Growth first: whoever hears of a write must not be told after it that a copy without is new.
    if (ends.length > 0) this.#options.onGrowth({ dataset: context.placement.id, ends })
    for (const [onReplies, replies] of answers) onReplies(replies)
    if (changes.length > 0) store.changes.committed(() => transaction.changedKeys)
  }

  /** Runs what one commit has room for, and at least one request; `count` writes in all. */
  #runNext(
    queue: QueuedWrite[],
    transaction: StoreTransaction,
  ): { readonly answers: ReadonlyMap<TakeReplies, ShardReply[]>; readonly count: number } {
    const answers = new Map<TakeReplies, ShardReply[]>()
    let count = 0
    let taken = 0
    for (const { request, onReplies } of queue) {
      const more = this.#options.handlers.counts?.[request.name]?.(request.body) ?? 1
      const isFull =
        count + more > TRANSACTION_WRITES_MAX || transaction.stagedBytes > TRANSACTION_BYTES_MAX
      const isAlone = this.#options.handlers.alone?.[request.name]?.(request.body) === true
      if (taken > 0 && (isFull || isAlone)) break
      taken += 1
      count += more
      transaction.savepoint()
      const reply = this.#run(request, () => this.#write(transaction, request))
      if ('error' in reply) transaction.rollBack()
      const replies = answers.get(onReplies)
      if (replies) replies.push(reply)
      else answers.set(onReplies, [reply])
      if (isAlone) break
    }
    queue.splice(0, taken)
    return { answers, count }
  }

  #write(transaction: StoreTransaction, request: ShardRequest): unknown {
    if (!this.#options.mayStore(request.dataset)) {
      throw new DenizenError('residency_violation', 'this region may not store the dataset')
    }
    const write = this.#options.handlers.writes[request.name]
    assert(write, `a handler for ${request.name}`)
    transaction.takeRoom(0, limits.diskLastReserveBytes)
    return write(transaction, request.body)
  }

  #run(request: ShardRequest, task: () => unknown): ShardReply {
    try {
      return { id: request.id, body: task() }
    } catch (error) {
      if (error instanceof EngineFailure) throw error
      if (error instanceof DenizenError) return { id: request.id, error: error.toWire() }
      this.#options.onBug(error)
      const internal = new DenizenError('internal', 'the store met a bug', { applied: 'no' })
      return { id: request.id, error: internal.toWire() }
    }
  }

  async close(): Promise<void> {
    this.#stopped = true
    await Promise.all([...this.#stores.values()].map(({ loop }) => loop))
    await Promise.all([...this.#stores.values()].map(({ engine }) => engine.close()))
    this.#stores.clear()
  }
}
