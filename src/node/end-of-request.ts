/** What the client still sends of its request must not cost it the reply. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../runtime/clock.ts'

const LINGER_MS = 2_000

/** To be awaited before a reply is sent. */
export async function endOfRequest(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  clock: Clock,
): Promise<void> {
  // A reply may be ready while the parser is still amid the bytes that brought the request: a body
  // that came along has gone through it by the next microtask, which costs less than a turn.
  if (!incoming.complete) await undefined
  if (!incoming.complete) await nextTurn()
  if (incoming.complete) return
  outgoing.shouldKeepAlive = false
  lingerOnClose(incoming, clock)
}

/**
 * Ends our side after the reply, and discards what the client still sends until it has read the
 * reply and closed, or time is up. Node calls `destroySoon` once the reply is flushed.
 */
function lingerOnClose(incoming: IncomingMessage, clock: Clock): void {
  const { socket } = incoming
  let lingering = false
  socket.destroySoon = () => {
    if (lingering) return
    lingering = true
    socket.end()
    // The app's reader, if any, has stopped at its limit and would hold the rest back.
    incoming.removeAllListeners('data')
    incoming.resume()
    socket.once(
      'close',
      clock.after(LINGER_MS, () => socket.destroy()),
    )
  }
}
