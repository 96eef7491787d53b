/** The network port over TCP. */
import { connect, createServer, type Socket } from 'node:net'
import { assert } from '../model/assert.ts'
import {
  type Connection,
  formatAddress,
  type Listener,
  type Network,
  parseAddress,
} from './network.ts'
import { resetSocket } from './reset-socket.ts'

const KEEP_ALIVE_MS = 10_000
/** How long `close` waits for the other end to take what is queued. */
const CLOSE_GRACE_MS = 1_000

export const tcpNetwork: Network = { listen, connect: dial }

function listen(
  address: string,
  onConnection: (connection: Connection) => void,
): Promise<Listener> {
  const server = createServer({ noDelay: true, keepAlive: true }, socket =>
    onConnection(new TcpConnection(socket)),
  )
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

function dial(address: string, options: { readonly timeoutMs: number }): Promise<Connection> {
  const socket = connect({ ...parseAddress(address), noDelay: true, keepAlive: true })
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.destroy(new Error(`no connection within ${options.timeoutMs} ms`))
    }, options.timeoutMs)
    const onError = (error: Error): void => {
      clearTimeout(timer)
      reject(error)
    }
    socket.once('error', onError)
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.off('error', onError)
      resolve(new TcpConnection(socket))
    })
  })
}

class TcpConnection implements Connection {
  readonly remote: string
  readonly #socket: Socket
  #corked = false
  #closeReason = 'closed by the other end'
  #isClosed = false
  #onDrain: () => void = () => {}
  #onClose: (reason: string) => void = () => {}

  constructor(socket: Socket) {
    this.#socket = socket
    this.remote = formatAddress({
      host: socket.remoteAddress ?? 'unknown',
      port: socket.remotePort ?? 0,
    })
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.on('error', error => {
      this.#closeReason = 'code' in error ? String(error.code) : error.name
    })
    socket.on('close', () => {
      this.#isClosed = true
      this.#onClose(this.#closeReason)
    })
  }

  send(bytes: Uint8Array): void {
    if (!this.#socket.writable) return
    if (this.#corked) {
      this.#socket.write(bytes)
      return
    }
    // What one turn of the event loop sends goes out in one system call, with one callback.
    this.#corked = true
    this.#socket.cork()
    this.#socket.write(bytes, error => {
      if (!error && this.#socket.writableLength === 0) this.#onDrain()
    })
    setImmediate(() => {
      this.#corked = false
      this.#socket.uncork()
    })
  }

  bufferedBytes(): number {
    return this.#socket.writableLength
  }

  onDrain(task: () => void): void {
    this.#onDrain = task
  }

  onData(task: (bytes: Uint8Array) => void): void {
    this.#socket.on('data', task)
  }

  onClose(task: (reason: string) => void): void {
    this.#onClose = task
    // A connection may break between its opening and this call; its owner hears of it all the same.
    if (this.#isClosed) queueMicrotask(() => task(this.#closeReason))
  }

  close(): void {
    if (this.#socket.destroyed) return
    this.#closeReason = 'closed by this end'
    this.#socket.destroySoon()
    const timer = setTimeout(() => this.#socket.destroy(), CLOSE_GRACE_MS)
    this.#socket.once('close', () => clearTimeout(timer))
  }

  abort(): void {
    if (this.#socket.destroyed) return
    this.#closeReason = 'closed by this end'
    resetSocket(this.#socket)
  }
}
