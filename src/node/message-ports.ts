/** A shard in another thread of this process, behind a MessagePort: both ends. */
import type { MessagePort } from 'node:worker_threads'
import type { FromShard, ShardPort, ToShard } from '../storage/shard-messages.ts'
import type { ShardReply, ShardRequest } from '../storage/shard-requests.ts'
import {
  type Packed,
  packReplies,
  packRequests,
  unpackReplies,
  unpackRequests,
} from './packed-writes.ts'

type WireToShard = Exclude<ToShard, { kind: 'requests' }> | Packed<ShardRequest>
type WireFromShard = Exclude<FromShard, { kind: 'replies' }> | Packed<ShardReply>

/** The caller's end. */
export const messagePortToShard = (port: MessagePort): ShardPort => ({
  post(message: ToShard) {
    const wire: WireToShard = message.kind === 'requests' ? packRequests(message.requests) : message
    port.postMessage(wire)
  },
  onMessage(receive: (message: FromShard) => void) {
    port.on('message', (wire: WireFromShard) =>
      receive('kind' in wire ? wire : { kind: 'replies', replies: unpackReplies(wire) }),
    )
  },
})

/** The shard's end. Returns what sends messages to the caller. */
export function messagePortOfShard(
  port: MessagePort,
  receive: (message: ToShard) => void,
): (message: FromShard) => void {
  port.on('message', (wire: WireToShard) =>
    receive('kind' in wire ? wire : { kind: 'requests', requests: unpackRequests(wire) }),
  )
  return message => {
    const wire: WireFromShard = message.kind === 'replies' ? packReplies(message.replies) : message
    port.postMessage(wire)
  }
}
