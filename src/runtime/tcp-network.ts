/** The network port over TCP. */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { assert } from '../model/assert.ts'
import { formatAddress, type Listener, type Network, parseAddress } from './network.ts'
import { SocketConnection } from './socket-connection.ts'

export const tcpNetwork: Network = {
  async listen(address, { onConnection }) {
    const server = createServer({ noDelay: true, keepAlive: true }, socket =>
      onConnection(new SocketConnection(socket, undefined)),
    )
    return await startListening(server, address)
  },

  async connect(address, { timeoutMs }) {
    const socket = connect({ ...parseAddress(address), noDelay: true, keepAlive: true })
    await opened(socket, 'connect', timeoutMs)
    return new SocketConnection(socket, undefined)
  },
}

/** Rejects when the address can't be taken. The server hands connections over by itself. */
export function startListening(server: Server, address: string): Promise<Listener> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(parseAddress(address), () => {
      server.off('error', reject)
      // An accept that fails (out of descriptors) costs that one connection: the dialler retries.
      server.on('error', () => {})
      const bound = server.address()
      assert(bound !== null && typeof bound === 'object', 'a TCP server has an address')
      resolve({
        address: formatAddress({ host: bound.address, port: bound.port }),
        // `close` would wait for the accepted connections, which have owners of their own.
        close: () =>
          new Promise(closed => {
            server.close()
            closed()
          }),
      })
    })
  })
}

/** Resolves upon the event that says so. Rejects, and ends the socket, after `timeoutMs`. */
export function opened(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  timeoutMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.destroy(new Error(`no connection within ${timeoutMs} ms`))
    }, timeoutMs)
    const onError = (error: Error): void => {
      clearTimeout(timer)
      reject(error)
    }
    socket.once('error', onError)
    socket.once(event, () => {
      clearTimeout(timer)
      socket.off('error', onError)
      resolve()
    })
  })
}
