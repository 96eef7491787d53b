/**
 * Ends a connection with a reset, where there is one: Node has none for TLS. A socket whose own end
 * is just being sent is closed: Node (26.10) fails to reset it with EINVAL, never emits `close` for
 * it, and counts it as open for ever, so that the process spins in its clean-up instead of ending.
 */
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

export function resetSocket(socket: Socket): void {
  const isEnding = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0
  if (isEnding || socket instanceof TLSSocket) socket.destroy()
  else socket.resetAndDestroy()
}
