/** The shard's side of the boundary: turns messages into calls on a `Shard`. */
import type { ShardMeter } from '../metrics/shard-meter.ts'
import { assert } from '../model/assert.ts'
import type { Hasher } from '../model/hash.ts'
import type { Random } from '../runtime/random.ts'
import type { EngineKind } from './engine.ts'
import { datasetsOf, GrowthBoard } from './growth-board.ts'
import { type Handlers, type OperationMap, Shard } from './shard.ts'
import type { FromShard, ShardConfiguration, StoreLocation, ToShard } from './shard-messages.ts'
import type { ShardRequest, TakeReplies } from './shard-requests.ts'
import { type StoreReader, storeName } from './store.ts'
import { StoreContexts } from './store-contexts.ts'

type Opened = Extract<FromShard, { kind: 'opened' }>

export interface ShardWorkerOptions {
  readonly hasher: Hasher
  readonly engineKind: EngineKind
  readonly handlers: Handlers<OperationMap>
  /** Default: nobody counts. */
  readonly meter?: ShardMeter
  readonly random: Random
  /** What the disk still takes in a directory. */
  readonly roomBytes: (directory: string) => number
  /** See `ShardOptions`. */
  readonly gather?: (waiting: () => number) => Promise<void>
  /** To the thread that opens and closes the shard. */
  readonly post: (message: FromShard) => void
}

export class ShardWorker {
  readonly #options: ShardWorkerOptions
  #shard: Shard | undefined
  #contexts: StoreContexts | undefined
  /** The last, and the one before: its reader may not have come to the last yet. */
  #boards: readonly GrowthBoard[] = []
  #stores: readonly StoreLocation[] = []
  readonly #answerOwner: TakeReplies

  constructor(options: ShardWorkerOptions) {
    this.#options = options
    this.#answerOwner = replies => options.post({ kind: 'replies', replies })
  }

  /** Takes the messages of the thread that opens and closes the shard, in order. */
  receive(message: ToShard): void {
    const { post } = this.#options
    const fail = (error: unknown): void => post({ kind: 'fatal', trace: traceOf(error) })
    switch (message.kind) {
      case 'open':
        assert(!this.#shard, 'a shard is opened once')
        this.#shard = this.#newShard(message.configuration)
        this.#take(message.configuration).then(post, fail)
        return
      case 'adopt':
        this.#contexts?.adopt(message.configuration)
        this.#take(message.configuration).then(post, fail)
        return
      case 'requests':
        this.submit(message.requests, this.#answerOwner)
        return
      case 'close':
        Promise.resolve(this.#shard?.close()).then(() => post({ kind: 'closed' }), fail)
    }
  }

  /** Runs the requests of any thread. */
  submit(requests: readonly ShardRequest[], onReplies: TakeReplies): void {
    assert(this.#shard, 'requests come after the shard has opened')
    this.#shard.submit(requests, onReplies)
  }

  /** Requests that wait for their store's commit. */
  get waiting(): number {
    return this.#shard?.waiting ?? 0
  }

  reader(dataset: string, store: number): StoreReader | undefined {
    return this.#shard?.reader(dataset, store)
  }

  #newShard(configuration: ShardConfiguration): Shard {
    const { handlers, random, meter, gather, post } = this.#options
    const { self } = configuration
    const contexts = new StoreContexts(this.#options.hasher, configuration)
    this.#contexts = contexts
    return new Shard({
      ...{ handlers, random, meter, gather },
      mayStore: dataset => contexts.of(dataset)?.placement.mayHold(self) === true,
      onGrowth: growth => {
        const awaited = this.#boards.map(board => board.enter(growth))
        if (awaited.includes(true)) post({ kind: 'grown' })
      },
      onBug: error => post({ kind: 'bug', trace: traceOf(error) }),
      onFatal: error => post({ kind: 'fatal', trace: traceOf(error) }),
    })
  }

  /** Opens and closes stores, until those of a configuration are open. */
  async #take({ stores }: ShardConfiguration): Promise<Opened> {
    const { engineKind, roomBytes } = this.#options
    const shard = this.#shard
    assert(shard, 'a shard is there before its stores')
    const names = new Set(stores.map(storeName))
    const closing = this.#stores.filter(location => !names.has(storeName(location)))
    await Promise.all(closing.map(location => shard.closeStore(location)))
    for (const { dataset, store, directory } of stores) {
      if (shard.reader(dataset, store)) continue
      const context = this.#contexts?.of(dataset)
      assert(context, 'the configuration names datasets of the policy')
      const engine = await engineKind.open(directory)
      shard.open(dataset, store, engine, context, () => roomBytes(directory))
    }
    this.#stores = stores
    const board = new GrowthBoard(datasetsOf(stores))
    this.#boards = [board, ...this.#boards.slice(0, 1)]
    const shared = stores.flatMap(location => {
      const memory = shard.share(location)
      return memory ? [{ ...location, shared: memory }] : []
    })
    return { kind: 'opened', shared, growth: board.memory }
  }
}

export function traceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `\ncaused by ${traceOf(error.cause)}`
  return `${error.stack ?? error.message}${cause}`
}
