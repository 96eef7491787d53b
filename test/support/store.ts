/** A store over the memory engine, without a shard: for tests of what runs inside transactions. */

import type { PlacementData } from '../../src/model/placement.ts'
import { feedNumber } from '../../src/model/position.ts'
import type { Slot } from '../../src/model/slot.ts'
import { RegionNumbers } from '../../src/model/slot.ts'
import { hmacSha256 } from '../../src/runtime/mac.ts'
import type { Engine } from '../../src/storage/engine.ts'
import { createMemoryEngineKind, type MemoryEngineKind } from '../../src/storage/memory-engine.ts'
import { currentGeneration } from '../../src/storage/row-values.ts'
import { StoreReader } from '../../src/storage/store.ts'
import type { StoreContext } from '../../src/storage/store-context.ts'
import { StoreTransaction } from '../../src/storage/transaction.ts'
import { dataset, hasher, policy, tableOf } from './policies.ts'

export const regions = ['one', 'two', 'three']
export const numbers = { one: 1, two: 2, three: 3 }
export const feeds = { one: feedNumber(1, 1), two: feedNumber(2, 1), three: feedNumber(3, 1) }
/** Names erased groups. */
export const erasureKey = '0e'.repeat(32)
export type TestRegion = keyof typeof feeds

export interface TestStore {
  readonly engine: Engine
  readonly reader: StoreReader
  readonly context: StoreContext
  /** Runs in one transaction and commits. */
  commit<T>(task: (transaction: StoreTransaction) => T): Promise<T>
  begin(): StoreTransaction
}

export interface StoreOptions {
  readonly placement?: Partial<PlacementData>
  readonly self?: TestRegion
  readonly kind?: MemoryEngineKind
  readonly directory?: string
}

/** Opening the same directory of the same kind again is a restart. */
export async function openStore(options: StoreOptions = {}): Promise<TestStore> {
  const { self = 'one', kind = createMemoryEngineKind(), directory = 'store' } = options
  const data = dataset('things', regions, { slots: 2, ...options.placement })
  const placement = tableOf(policy(regions, [data])).byId(data.id)
  if (!placement) throw new Error('the dataset is in the table')
  const engine = await kind.open(directory)
  const context: StoreContext = {
    hasher,
    placement,
    self,
    ownFeed: feeds[self],
    regions: new RegionNumbers(numbers),
    hashOfGroup: hmacSha256(erasureKey),
  }
  const reader = new StoreReader(engine, context)
  const generations = new Map<Slot, number>()
  for (const { slot, feed, state } of reader.feedStates()) {
    if (feed === context.ownFeed) generations.set(slot, currentGeneration(state))
  }
  const begin = (): StoreTransaction => new StoreTransaction(engine, context, generations)
  return {
    engine,
    reader,
    context,
    begin,
    async commit(task) {
      const transaction = begin()
      const result = task(transaction)
      await engine.commit(transaction.changes)
      return result
    },
  }
}
