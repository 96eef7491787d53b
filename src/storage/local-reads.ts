/**
 * Reads of stores in the caller's own thread: of those that it owns, and of those that it reads
 * along with their owners. A read sees only what is committed, and so durable, wherever it runs;
 * and all that it looks at as one commit left it, though the owner goes on committing meanwhile.
 */
import { DenizenError } from '../model/errors.ts'
import { EngineFailure, type EngineReader } from './engine.ts'
import type { Handlers, OperationMap } from './shard.ts'
import type { StoreReader } from './store.ts'

export interface LocalReadsOptions {
  readonly reads: Handlers<OperationMap>['reads']
  readonly readerOf: (dataset: string, store: number) => StoreReader | undefined
  readonly onBug: (error: unknown) => void
  readonly onFatal: (error: EngineFailure) => void
}

export class LocalReads {
  readonly #options: LocalReadsOptions

  readonly #stamps = new WeakMap<EngineReader, () => number>()

  constructor(options: LocalReadsOptions) {
    this.#options = options
  }

  /** The stamp of a store's engine, as it is whenever it is asked for. */
  stampOf(dataset: string, store: number): (() => number) | undefined {
    const engine = this.#options.readerOf(dataset, store)?.engine
    if (!engine) return undefined
    let stampNow = this.#stamps.get(engine)
    if (!stampNow) {
      stampNow = () => engine.stamp()
      this.#stamps.set(engine, stampNow)
    }
    return stampNow
  }

  /**
   * Runs an operation at once; undefined where it writes or its store is not read here. Throws
   * `DenizenError`.
   */
  run(
    dataset: string,
    store: number,
    name: string,
    body: unknown,
  ): { readonly reply: unknown } | undefined {
    const { reads, readerOf, onBug, onFatal } = this.#options
    const read = reads[name]
    const reader = read && readerOf(dataset, store)
    if (!reader) return undefined
    try {
      return { reply: reader.engine.atOnce(() => read(reader, body)) }
    } catch (error) {
      if (error instanceof DenizenError) throw error
      if (error instanceof EngineFailure) onFatal(error)
      else onBug(error)
      throw new DenizenError('internal', 'the store could not be read', { applied: 'no' })
    }
  }
}
