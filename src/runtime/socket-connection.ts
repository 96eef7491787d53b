/** A connection of the network port over a socket of Node: TCP, or TLS over it. */
import type { Socket } from 'node:net'
import type { RegionId } from '../model/slot.ts'
import { type Connection, formatAddress } from './network.ts'
import { resetSocket } from './reset-socket.ts'

const KEEP_ALIVE_MS = 10_000
/** How long `close` waits for the other end to take what is queued. */
const CLOSE_GRACE_MS = 1_000

interface RemoteEnd {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
}

/** For logs: a socket that has ended may not know it any more. */
export const remoteOf = ({ remoteAddress = 'unknown', remotePort = 0 }: RemoteEnd): string =>
  formatAddress({ host: remoteAddress, port: remotePort })

/** What a log may say of a failure of the network: Node's texts may quote what came in. */
export const codeOf = (error: Error): string => ('code' in error ? String(error.code) : error.name)

export class SocketConnection implements Connection {
  readonly remote: string
  readonly provenRegions: ReadonlySet<RegionId> | undefined
  readonly #socket: Socket
  #corked = false
  #closeReason = 'closed by the other end'
  #isClosed = false
  #onDrain: () => void = () => {}
  #onClose: (reason: string) => void = () => {}

  constructor(socket: Socket, provenRegions: ReadonlySet<RegionId> | undefined) {
    this.#socket = socket
    this.remote = remoteOf(socket)
    this.provenRegions = provenRegions
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.on('error', error => {
      this.#closeReason = codeOf(error)
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
