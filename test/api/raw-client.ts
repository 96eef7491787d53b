/** HTTP/1.1 over a bare socket: what fetch would normalise, withhold or hide. */
import { connect, type Socket } from 'node:net'

export interface RawReply {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
}

/** Fails a test whose server neither answers nor closes, instead of waiting for ever. */
const SILENCE_MAX_MS = 5_000

export class RawClient {
  readonly socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #ended = false
  #failure: Error | undefined
  #wake: (() => void) | undefined

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    this.socket.setTimeout(SILENCE_MAX_MS, () => {
      this.socket.destroy(new Error('the server is silent'))
    })
    this.socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#wake?.()
    })
    this.socket.on('end', () => {
      this.#ended = true
      this.#wake?.()
    })
    this.socket.on('error', error => {
      this.#failure = error
      this.#ended = true
      this.#wake?.()
    })
  }

  /** Head lines without the empty one; Host is added. */
  sendHead(...lines: readonly string[]): void {
    this.socket.write(`${[lines[0], 'Host: node.test', ...lines.slice(1)].join('\r\n')}\r\n\r\n`)
  }

  /** One reply, 1xx included. `bodyless`: the reply to HEAD. */
  async reply(bodyless = false): Promise<RawReply> {
    const headEnd = await this.#indexOf('\r\n\r\n')
    const [statusLine = '', ...lines] = this.#take(headEnd + 4)
      .toString('latin1')
      .trimEnd()
      .split('\r\n')
    const headers = new Map(
      lines.map(line => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
      }),
    )
    const status = Number(statusLine.split(' ')[1])
    const length = Number(headers.get('content-length') ?? 0)
    const hasBody = !bodyless && status >= 200 && status !== 204 && status !== 304
    if (hasBody) await this.#until(() => this.#received.length >= length)
    return { status, headers, body: hasBody ? this.#take(length) : Buffer.alloc(0) }
  }

  /** Resolves when the server has ended its side; true if nothing was left over. */
  async ended(): Promise<boolean> {
    await this.#until(() => this.#ended)
    return this.#received.length === 0 && this.#failure === undefined
  }

  close(): void {
    this.socket.destroy()
  }

  async #indexOf(text: string): Promise<number> {
    await this.#until(() => this.#received.includes(text))
    return this.#received.indexOf(text)
  }

  #take(count: number): Buffer {
    const taken = this.#received.subarray(0, count)
    this.#received = this.#received.subarray(count)
    return taken
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#ended) throw this.#failure ?? new Error('the server ended the connection')
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }
}
