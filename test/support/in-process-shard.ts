/** A shard in this thread, behind the port that a worker thread would be behind. */
import { nodeHandlers } from '../../src/node/shard-operations.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import type { EngineKind } from '../../src/storage/engine.ts'
import type { FromShard, ShardPort, ToShard } from '../../src/storage/shard-messages.ts'
import { ShardWorker } from '../../src/storage/shard-worker.ts'
import type { StoreReader } from '../../src/storage/store.ts'
import { hasher } from './policies.ts'

/** Carries a message over: soon, in order. */
export type Carrier = (task: () => void) => void

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
  let receive: (message: FromShard) => void = () => {}
  const worker = new ShardWorker({
    hasher,
    ...{ engineKind, roomBytes, random: systemRandom },
    handlers: nodeHandlers,
    post: message => {
      const copy = structuredClone(message)
      fromShard(() => receive(copy))
    },
  })
  return {
    post(message: ToShard) {
      const copy = structuredClone(message)
      toShard(() => worker.receive(copy))
    },
    onMessage(task) {
      receive = task
    },
    reader: (dataset, store) => worker.reader(dataset, store),
  }
}
