/**
 * The stores of a node as one core reads them: its own shard's, and along with their owners those
 * of all other cores.
 */

import { assert } from '../model/assert.ts'
import type { Hasher } from '../model/hash.ts'
import type { AttachedReader, EngineFailure } from '../storage/engine.ts'
import { LocalReads } from '../storage/local-reads.ts'
import type { ShardConfiguration, SharedStore } from '../storage/shard-messages.ts'
import type { ShardWorker } from '../storage/shard-worker.ts'
import { StoreReader, storeName } from '../storage/store.ts'
import { StoreContexts } from '../storage/store-contexts.ts'
import { nodeHandlers } from './shard-operations.ts'
import { storeEngine } from './store-engine.ts'

interface Attached {
  readonly engine: AttachedReader
  readonly reader: StoreReader
}

export interface CoreStoresOptions {
  readonly hasher: Hasher
  readonly shard: ShardWorker
  readonly onBug: (error: unknown) => void
  readonly onFatal: (error: EngineFailure) => void
}

export class CoreStores {
  readonly reads: LocalReads
  readonly #options: CoreStoresOptions
  readonly #attached = new Map<string, Attached>()
  #contexts: StoreContexts | undefined

  constructor(options: CoreStoresOptions) {
    const { shard, onBug, onFatal } = options
    this.#options = options
    this.reads = new LocalReads({
      ...{ reads: nodeHandlers.reads, onBug, onFatal },
      readerOf: (dataset, store) =>
        shard.reader(dataset, store) ?? this.#attached.get(storeName({ dataset, store }))?.reader,
    })
  }

  /** Reads the stores that there are now, and no others, by the policy in effect. */
  async adopt(
    configuration: Omit<ShardConfiguration, 'stores'>,
    sharedStores: readonly SharedStore[],
  ): Promise<void> {
    this.#contexts ??= new StoreContexts(this.#options.hasher, configuration)
    this.#contexts.adopt(configuration)
    const names = new Set(sharedStores.map(storeName))
    for (const [name, { engine }] of this.#attached) {
      if (names.has(name)) continue
      this.#attached.delete(name)
      await engine.close()
    }
    for (const location of sharedStores) {
      const { dataset, store, directory, shared } = location
      const name = storeName(location)
      if (this.#attached.has(name) || this.#options.shard.reader(dataset, store)) continue
      const context = this.#contexts.of(dataset)
      assert(context, 'the stores of a node are of its policy')
      const engine = await storeEngine.attach(directory, shared)
      this.#attached.set(name, { engine, reader: new StoreReader(engine, context) })
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#attached.values()].map(({ engine }) => engine.close()))
  }
}
