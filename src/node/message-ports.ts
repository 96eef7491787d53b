/** A shard in another thread of this process, behind a MessagePort. */
import type { MessagePort } from 'node:worker_threads'
import type { FromShard, ShardPort, ToShard } from '../storage/shard-messages.ts'

export const messagePortToShard = (port: MessagePort): ShardPort => ({
  post: (message: ToShard) => port.postMessage(message),
  onMessage: (receive: (message: FromShard) => void) => void port.on('message', receive),
})
