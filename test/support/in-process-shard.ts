/** A shard in this thread, behind the port that a worker thread would be behind. */
import { systemRandom } from '../../src/runtime/random.ts'
import { type Carrier, ShardThread } from '../../src/simulation/shard-thread.ts'
import type { EngineKind } from '../../src/storage/engine.ts'
import type { ShardPort } from '../../src/storage/shard-messages.ts'
import type { StoreReader } from '../../src/storage/store.ts'
import { hasher } from './policies.ts'

export interface InProcessShard extends ShardPort {
  /** Of what a store has committed. */
  reader(dataset: string, store: number): StoreReader | undefined
}

/** What crosses is copied, as between threads. By default it arrives in a later microtask. */
export function inProcessShard(
  engineKind: EngineKind,
  toShard: Carrier = queueMicrotask,
  fromShard: Carrier = queueMicrotask,
  roomBytes: () => number = () => Number.POSITIVE_INFINITY,
): InProcessShard {
  const thread = new ShardThread({
    ...{ hasher, random: systemRandom, engineKind, toShard, fromShard, roomBytes },
  })
  return {
    ...thread.ownerPort(),
    reader: (dataset, store) => thread.reader(dataset, store),
  }
}
