/** The entry of a shard's worker thread. */
import { parentPort } from 'node:worker_threads'
import { assert } from '../model/assert.ts'
import { loadHasher } from '../model/hash.ts'
import { lmdbEngine } from '../storage/lmdb-engine.ts'
import type { FromShard, ToShard } from '../storage/shard-messages.ts'
import { createShardWorker } from '../storage/shard-worker.ts'
import { nodeHandlers } from './shard-operations.ts'

const port = parentPort
assert(port, 'a shard runs in a worker thread')
const receive = createShardWorker({
  hasher: await loadHasher(),
  engineKind: lmdbEngine,
  handlers: nodeHandlers,
  post: (message: FromShard) => port.postMessage(message),
})
port.on('message', (message: ToShard) => receive(message))
