/** The shard's side of the boundary: turns messages into calls on a `Shard`. */
import type { ShardMeter } from '../metrics/shard-meter.ts'
import { AccessRuns } from '../model/access-runs.ts'
import { assert } from '../model/assert.ts'
import type { Hasher } from '../model/hash.ts'
import { PlacementTable } from '../model/placement.ts'
import { RegionNumbers } from '../model/slot.ts'
import { hmacSha256 } from '../runtime/mac.ts'
import type { Random } from '../runtime/random.ts'
import type { EngineKind } from './engine.ts'
import { datasetsOf, GrowthBoard } from './growth-board.ts'
import {
  type Handlers,
  type OperationMap,
  Shard,
  type ShardRequest,
  type TakeReplies,
} from './shard.ts'
import type { FromShard, ShardConfiguration, SharedStore, ToShard } from './shard-messages.ts'
import type { StoreContext, StoreReader } from './store.ts'

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
        this.#open(message.configuration).then(opened => post({ kind: 'opened', ...opened }), fail)
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

  async #open(configuration: ShardConfiguration): Promise<Omit<Opened, 'kind'>> {
    const { engineKind, handlers, random, roomBytes, meter, gather, post } = this.#options
    const contexts = storeContexts(this.#options.hasher, configuration)
    const board = new GrowthBoard(datasetsOf(configuration.stores))
    const shard = new Shard({
      ...{ handlers, random, meter, gather },
      mayStore: dataset => contexts(dataset)?.placement.mayStore(configuration.self) === true,
      onGrowth: growth => {
        if (board.enter(growth)) post({ kind: 'grown' })
      },
      onBug: error => post({ kind: 'bug', trace: traceOf(error) }),
      onFatal: error => post({ kind: 'fatal', trace: traceOf(error) }),
    })
    const sharedStores: SharedStore[] = []
    for (const location of configuration.stores) {
      const context = contexts(location.dataset)
      assert(context, 'the configuration names datasets of the policy')
      const engine = await engineKind.open(location.directory)
      const { dataset, store, directory } = location
      shard.open(dataset, store, engine, context, () => roomBytes(directory))
      const shared = engine.share()
      if (shared) sharedStores.push({ ...location, shared })
    }
    this.#shard = shard
    return { shared: sharedStores, growth: board.memory }
  }
}

/** The context of each dataset's stores under a policy; undefined for unknown datasets. */
export function storeContexts(
  hasher: Hasher,
  configuration: Omit<ShardConfiguration, 'stores'>,
): (dataset: string) => StoreContext | undefined {
  const { policy, policyEpoch, self, regionNumbers, ownFeed, erasureKey } = configuration
  const table = new PlacementTable(policy, policyEpoch, hasher)
  const regions = new RegionNumbers(regionNumbers)
  const erasureMac = hmacSha256(erasureKey)
  return dataset => {
    const placement = table.byId(dataset)
    if (!placement) return undefined
    const { rehome } = placement.data
    const accesses = rehome && new AccessRuns(rehome.after)
    const hashOfGroup = (group: string): string => erasureMac(`${dataset}\n${group}`)
    const context = { hasher, placement, self, ownFeed, regions, hashOfGroup }
    return { ...context, ...(accesses && { accesses }) }
  }
}

export function traceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `\ncaused by ${traceOf(error.cause)}`
  return `${error.stack ?? error.message}${cause}`
}
