/**
 * The HTTP listener of a node: owns the sockets, their time limits and their ends, and hands each
 * request to the app with its raw target.
 *
 * Two things go beyond what @hono/node-server does. With `Expect: 100-continue` the app decides
 * first and asks for the body itself, so that a refusal (307, 413, 421, 451) costs no upload. And
 * where a reply goes out before the body has come in, the connection is closed with a lingering
 * close: closing at once would make the kernel answer the rest of the body with a reset, which can
 * destroy the reply before the client has read it (RFC 9112, section 9.6).
 */
import {
  createServer,
  IncomingMessage,
  type RequestListener,
  type Server,
  ServerResponse,
} from 'node:http'
import { createServer as createTlsServer, Server as TlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { getRequestListener, RequestError } from '@hono/node-server'
import type { DirectApi } from '../api/direct.ts'
import { encodeStructure } from '../api/exchange.ts'
import { problemBody, problemTypes } from '../api/problem.ts'
import type { Family } from '../metrics/family.ts'
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import type { Clock } from '../runtime/clock.ts'
import { describeError, type Logger } from '../runtime/log.ts'
import type { TlsMaterial } from '../runtime/tls-network.ts'
import { directListener } from './direct-listener.ts'
import { endOfRequest } from './end-of-request.ts'
import { Load } from './load.ts'
import { isRefused, replyOverloaded, underWay } from './load-shedding.ts'
import { ReadyReplies } from './ready-replies.ts'
import { httpsOptions } from './tls-files.ts'

/** What the app gets beside the request. */
export interface NodeBindings {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
  /** Present while the client waits for 100 (Continue) before it sends the body. */
  readonly sendContinue?: () => void
  /** Ends the connection at once: for a client that does not read the reply. */
  readonly cutOff: () => void
}

export interface HttpServerOptions {
  readonly app: {
    fetch(request: Request, env: NodeBindings): Response | Promise<Response>
  }
  /** Is asked first. */
  readonly direct?: DirectApi
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** Lets other threads and processes listen at the same address. */
  readonly reusePort: boolean
  /** The certificate for clients; default: HTTP without TLS. */
  readonly tls?: TlsMaterial
  readonly log: Logger
  readonly clock: Clock
}

export interface HttpServer {
  readonly port: number
  /** Shown to connections from now on; those that are open go on. */
  replaceTls(material: TlsMaterial): void
  /** What it has counted. */
  family(): Family
  /** Stops listening, lets requests under way end, and cuts off those that take too long. */
  close(): Promise<void>
}

/** Slow headers are an attack (slowloris) sooner than a slow line. */
const HEADERS_TIMEOUT_MS = 10_000
/** Longer than the 60 s after which common load balancers close: theirs must be the first word. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000
const CLOSE_GRACE_MS = 5_000

/** The request target as it came over the wire: `rawTarget` for `createApi`. */
export function nodeTarget(_request: Request, env: unknown): string {
  assert(typeof env === 'object' && env !== null && 'incoming' in env, 'fetch was given bindings')
  assert(env.incoming instanceof IncomingMessage, 'the bindings are those of Node')
  return env.incoming.url ?? '/'
}

/** Listens; rejects with Node's own error (EADDRINUSE, EACCES) when it can't. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { app, log, clock } = options
  const awaitingContinue = new WeakSet<IncomingMessage>()
  const load = new Load(clock, log)
  let closing = false

  const listener = getRequestListener(
    async (request, { incoming, outgoing }) => {
      assert(incoming instanceof IncomingMessage, 'the listener is of HTTP/1.1')
      assert(outgoing instanceof ServerResponse, 'the listener is of HTTP/1.1')
      const sendContinue = awaitingContinue.has(incoming)
        ? { sendContinue: () => outgoing.writeContinue() }
        : {}
      const cutOff = (): void => void incoming.socket.destroy()
      const bindings = { incoming, outgoing, cutOff, ...sendContinue }
      const answer = Promise.resolve(app.fetch(request, bindings))
      const response = await underWay(load, incoming, outgoing, answer)
      if (closing) outgoing.shouldKeepAlive = false
      await endOfRequest(incoming, outgoing, clock)
      return response
    },
    // A client of HTTP/1.0 may leave Host out; nothing of ours depends on it.
    { hostname: 'localhost', errorHandler: error => failureReply(error, log) },
  )

  const readyReplies = new ReadyReplies(clock, KEEP_ALIVE_TIMEOUT_MS)
  const refuse = (incoming: IncomingMessage, outgoing: ServerResponse): boolean => {
    if (!isRefused(load, incoming)) return false
    const ended = endOfRequest(incoming, outgoing, clock)
    void ended.then(() => replyOverloaded(incoming, outgoing, readyReplies))
    return true
  }
  const direct =
    options.direct &&
    directListener({
      ...{ direct: options.direct, clock, load, closing: () => closing },
      readyReplies,
    })
  const server = createFor(options.tls, (incoming, outgoing) => {
    if (direct?.atOnce(incoming, outgoing) === true) return
    if (refuse(incoming, outgoing)) return
    if (direct?.soon(incoming, outgoing) !== true) void listener(incoming, outgoing)
  })
  server.on('checkContinue', (incoming, outgoing) => {
    if (refuse(incoming, outgoing)) return
    awaitingContinue.add(incoming)
    void listener(incoming, outgoing)
  })
  const port = await listen(server, options).catch((error: unknown) => {
    load.close()
    throw error
  })

  return {
    port,
    replaceTls(material) {
      assert(server instanceof TlsServer, 'only a certificate that was there is replaced')
      server.setSecureContext(httpsOptions(material))
    },
    family: () => load.family(),
    async close() {
      closing = true
      load.close()
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      server.closeIdleConnections()
      const cancel = clock.after(CLOSE_GRACE_MS, () => server.closeAllConnections())
      await closed
      cancel()
    },
  }
}

function createFor(tls: TlsMaterial | undefined, listener: RequestListener): Server | TlsServer {
  const settings = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    // Streams last for as long as both ends go on; other bodies are timed where they are read.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    noDelay: true,
    // As fetch-style requests have them, so that no repeated header is half read.
    joinDuplicateHeaders: true,
  }
  if (!tls) return createServer(settings, listener)
  return createTlsServer({ ...settings, ...httpsOptions(tls) }, listener)
}

async function listen(
  server: Server | TlsServer,
  { host, port, reusePort }: HttpServerOptions,
): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, reusePort }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const address: AddressInfo | string | null = server.address()
  assert(address !== null && typeof address === 'object', 'a TCP listener has an address')
  return address.port
}

/** Answers what never reached the app: a target or Host header that makes no URL. */
function failureReply(error: unknown, log: Logger): Response {
  const refused = error instanceof RequestError
  if (!refused) log.error('request failed outside the app', describeError(error))
  const problem = refused
    ? new DenizenError('bad_request', 'the request target or the Host header is malformed')
    : new DenizenError('internal', 'an unexpected failure; the log has its stack')
  const body = encodeStructure('json', problemBody(problem))
  return new Response(body as Uint8Array<ArrayBuffer>, {
    status: problem.status,
    headers: { 'Content-Type': problemTypes.json, 'Cache-Control': 'no-store' },
  })
}
