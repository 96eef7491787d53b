/** A shard in another thread of this process, behind a MessagePort. */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import type { FromShard, ShardPort, ToShard } from '../storage/shard-messages.ts'

export function messagePortToShard(port: MessagePort): ShardPort {
  let receive: (message: FromShard) => void = () => {}
  return {
    post: (message: ToShard) => port.postMessage(message),
    onMessage(task) {
      receive = task
      port.on('message', task)
    },
    receiveAll() {
      for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) {
        receive(next.message)
      }
    },
  }
}
