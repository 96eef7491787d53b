/**
 * Ends a TCP connection with a reset, unless its own end is just being sent: then it is closed.
 * Node (26.10) fails to reset such a socket with EINVAL, never emits `close` for it, and counts it
 * as open for ever, so that the process spins in its clean-up instead of ending.
 */
import type { Socket } from 'node:net'

export function resetSocket(socket: Socket): void {
  const isEnding = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0
  if (isEnding) socket.destroy()
  else socket.resetAndDestroy()
}
