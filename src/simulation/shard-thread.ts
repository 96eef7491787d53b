/**
 * A shard in this thread, behind the ports that a worker thread would be behind: one for the thread
 * that opens and closes it, others for threads that only ask.
 */
import type { Hasher } from '../model/hash.ts'
import { nodeHandlers } from '../node/shard-operations.ts'
import type { Random } from '../runtime/random.ts'
import type { EngineKind } from '../storage/engine.ts'
import type { FromShard, ShardPort, ToShard } from '../storage/shard-messages.ts'
import { ShardWorker } from '../storage/shard-worker.ts'
import type { StoreReader } from '../storage/store.ts'

/** Carries a message over: soon, in order. */
export type Carrier = (task: () => void) => void

export interface ShardThreadOptions {
  readonly hasher: Hasher
  readonly random: Random
  readonly engineKind: EngineKind
  readonly roomBytes?: () => number
  readonly toShard: Carrier
  readonly fromShard: Carrier
}

export class ShardThread {
  readonly #options: ShardThreadOptions
  readonly #worker: ShardWorker
  #receive: (message: FromShard) => void = () => {}

  constructor(options: ShardThreadOptions) {
    const { hasher, random, engineKind } = options
    this.#options = options
    this.#worker = new ShardWorker({
      ...{ hasher, random, engineKind, handlers: nodeHandlers },
      roomBytes: options.roomBytes ?? (() => Number.POSITIVE_INFINITY),
      post: message => this.#carryBack(message, copy => this.#receive(copy)),
    })
  }

  /** For the thread that opens and closes it. What crosses is copied, as between threads. */
  ownerPort(): ShardPort {
    return {
      post: message => this.#carry(message, copy => this.#worker.receive(copy)),
      onMessage: task => {
        this.#receive = task
      },
    }
  }

  /** For a thread that asks for operations only. */
  askingPort(): ShardPort {
    let receive: (message: FromShard) => void = () => {}
    const answer = (message: FromShard): void => this.#carryBack(message, copy => receive(copy))
    return {
      post: message =>
        this.#carry(message, copy => {
          if (copy.kind !== 'requests') return
          this.#worker.submit(copy.requests, replies => answer({ kind: 'replies', replies }))
        }),
      onMessage: task => {
        receive = task
      },
    }
  }

  /** Of what a store has committed. */
  reader(dataset: string, store: number): StoreReader | undefined {
    return this.#worker.reader(dataset, store)
  }

  #carry(message: ToShard, take: (copy: ToShard) => void): void {
    const copy = structuredClone(message)
    this.#options.toShard(() => take(copy))
  }

  #carryBack(message: FromShard, take: (copy: FromShard) => void): void {
    const copy = structuredClone(message)
    this.#options.fromShard(() => take(copy))
  }
}
