/** Carries requests of Node's HTTP server to the direct API, and its replies away. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { DirectApi } from '../api/direct.ts'
import type { HostRequest, Reply } from '../api/host.ts'
import { assert } from '../model/assert.ts'
import { limits } from '../model/limits.ts'
import type { Clock } from '../runtime/clock.ts'
import { endOfRequest } from './end-of-request.ts'
import { sendLarge } from './large-reply.ts'
import type { Load } from './load.ts'
import { underWay } from './load-shedding.ts'
import { linesOf, type ReadyReplies } from './ready-replies.ts'

export interface DirectListenerOptions {
  readonly direct: DirectApi
  readonly clock: Clock
  readonly load: Load
  readonly readyReplies: ReadyReplies
  /** The server closes connections after the replies that are under way. */
  readonly closing: () => boolean
}

/** Both say whether they have taken the request. */
export interface DirectListener {
  /** Takes a request that can be answered before anything else happens, if there is time for it. */
  atOnce(incoming: IncomingMessage, outgoing: ServerResponse): boolean
  /** Takes any other, but for bodies of undeclared length: they are the framework's. */
  soon(incoming: IncomingMessage, outgoing: ServerResponse): boolean
}

export function directListener(options: DirectListenerOptions): DirectListener {
  const { direct, clock, load, closing, readyReplies } = options

  const send = async (
    reply: Promise<Reply>,
    incoming: IncomingMessage,
    outgoing: ServerResponse,
  ): Promise<void> => {
    const { status, headers, body } = await reply
    if (closing()) outgoing.shouldKeepAlive = false
    if (!incoming.complete && hasBody(incoming)) await endOfRequest(incoming, outgoing, clock)
    assert(!(body instanceof ReadableStream), 'values are answered whole')
    const lines = readyReplies.fit(outgoing) ? linesOf(headers) : undefined
    if (lines === undefined) outgoing.writeHead(status, headers)
    else readyReplies.begin(outgoing, status, lines)
    if (body === null) outgoing.end()
    else sendBody(outgoing, body)
  }

  /** Node writes head and body in one piece where both are text. */
  const sendBody = (outgoing: ServerResponse, body: Uint8Array): void => {
    if (body.length <= ONE_PIECE_BYTES_MAX) outgoing.end(latin1(body), 'latin1')
    else if (body.length <= limits.shortReplyBytes) outgoing.end(body)
    else void sendLarge(outgoing, body, { load, clock })
  }

  return {
    atOnce(incoming, outgoing) {
      if (incoming.method !== 'GET' || !load.hasRoom || closing()) return false
      if (!readyReplies.fit(outgoing)) return false
      const target = incoming.url ?? '/'
      const answer = direct.atOnce(target, incoming.rawHeaders)
      if (answer === undefined) return false
      if ('headers' in answer) {
        readyReplies.begin(outgoing, 200, answer.headers)
        sendBody(outgoing, answer.body)
      } else {
        const refusal = direct.refuse(answer, target, new IncomingRequest(incoming))
        void send(underWay(load, incoming, outgoing, refusal), incoming, outgoing)
      }
      return true
    },
    soon(incoming, outgoing) {
      if (incoming.headers['transfer-encoding'] !== undefined) return false
      const reply = direct.soon(incoming.method, incoming.url ?? '/', new IncomingRequest(incoming))
      if (!reply) return false
      void send(underWay(load, incoming, outgoing, reply), incoming, outgoing)
      return true
    },
  }
}

/** Above this, copying costs more than a second piece. */
const ONE_PIECE_BYTES_MAX = 4_096

const latin1 = ({ buffer, byteOffset, length }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, length).toString('latin1')

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['content-length'] !== undefined && headers['content-length'] !== '0'

class IncomingRequest implements HostRequest {
  readonly #incoming: IncomingMessage

  constructor(incoming: IncomingMessage) {
    this.#incoming = incoming
  }

  header(name: string): string | undefined {
    const value = this.#incoming.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }

  async arrived(): Promise<Uint8Array | undefined> {
    const incoming = this.#incoming
    const length = Number(incoming.headers['content-length'] ?? 0)
    // By then, what came in one piece with the headers has gone through Node's parser.
    await undefined
    if (incoming.readableLength < length || length === 0) return undefined
    const body: unknown = incoming.read()
    assert(Buffer.isBuffer(body), 'nobody has read of it')
    incoming.resume()
    // In memory of its own, since all of that is copied where it goes to another thread.
    return length === body.buffer.byteLength ? body : Buffer.allocUnsafeSlow(length).fill(body)
  }

  bytes(): Promise<Uint8Array> {
    const incoming = this.#incoming
    const whole = Buffer.allocUnsafeSlow(Number(incoming.headers['content-length'] ?? 0))
    let length = 0
    return new Promise((resolve, reject) => {
      incoming.on('data', (chunk: Buffer) => {
        length += chunk.copy(whole, length)
      })
      incoming.on('end', () => resolve(whole.subarray(0, length)))
      incoming.on('error', reject)
    })
  }

  stream(): null {
    return null
  }
}
