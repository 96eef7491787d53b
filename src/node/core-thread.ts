/** The entry of a core's worker thread. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { ShardMeter } from '../metrics/shard-meter.ts'
import { assert } from '../model/assert.ts'
import { loadHasher } from '../model/hash.ts'
import { systemClock } from '../runtime/clock.ts'
import { nodeDisk } from '../runtime/node-disk.ts'
import { systemRandom } from '../runtime/random.ts'
import type { FromShard, ShardPort } from '../storage/shard-messages.ts'
import type { TakeReplies } from '../storage/shard-requests.ts'
import { ShardWorker } from '../storage/shard-worker.ts'
import { Core } from './core.ts'
import { coreLog } from './core-log.ts'
import type { CoreBirth, FromCore, ToCore } from './core-messages.ts'
import { gatherWrites } from './gathering.ts'
import { messagePortOfShard, messagePortToShard } from './message-ports.ts'
import { openTracing } from './node-tracing.ts'
import { nodeHandlers } from './shard-operations.ts'
import { storeEngine } from './store-engine.ts'

const main = parentPort
assert(main, 'a core runs in a worker thread')
const { region, index, shardPort, servedPorts, shardPorts } = workerData as CoreBirth
const hasher = await loadHasher()
const post = (message: FromCore): void => main.postMessage(message)
const meter = new ShardMeter(systemClock)

const shard = new ShardWorker({
  ...{ hasher, engineKind: storeEngine, handlers: nodeHandlers, meter, random: systemRandom },
  roomBytes: directory => nodeDisk.roomBytes(directory),
  gather: waiting => gatherWrites(systemClock, waiting),
  post: (message: FromShard) => postToMain(message),
})
const postToMain = messagePortOfShard(shardPort, message => shard.receive(message))
for (const port of servedPorts) serve(port)

const core = new Core({
  ...{ region, index, hasher, shard, post, shardMeter: meter },
  tracing: await openTracing(region, coreLog(post)),
  shardPorts: shardPorts.map(port => (port ? messagePortToShard(port) : ownShard())),
})
main.on('message', (message: ToCore) => core.receive(message))
assert(shardPorts[index] === null, 'a core calls its own shard without a port')

/** Another core calls this core's shard. */
function serve(port: MessagePort): void {
  const send = messagePortOfShard(port, message => {
    assert(message.kind === 'requests', 'only the main thread opens and closes shards')
    shard.submit(message.requests, answer)
  })
  const answer: TakeReplies = replies => send({ kind: 'replies', replies })
}

function ownShard(): ShardPort {
  let receive: (message: FromShard) => void = () => {}
  const answer: TakeReplies = replies => receive({ kind: 'replies', replies })
  return {
    post(message) {
      assert(message.kind === 'requests', 'only the main thread opens and closes shards')
      shard.submit(message.requests, answer)
    },
    onMessage(task) {
      receive = task
    },
  }
}
