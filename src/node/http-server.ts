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
import { createServer, IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { getRequestListener, RequestError } from '@hono/node-server'
import { encodeStructure } from '../api/exchange.ts'
import { problemBody, problemTypes } from '../api/problem.ts'
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import type { Clock } from '../runtime/clock.ts'
import { describeError, type Logger } from '../runtime/log.ts'

/** What the app gets beside the request. */
export interface NodeBindings {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
  /** Present while the client waits for 100 (Continue) before it sends the body. */
  readonly sendContinue?: () => void
}

export interface HttpServerOptions {
  readonly app: {
    fetch(request: Request, env: NodeBindings): Response | Promise<Response>
  }
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly log: Logger
  readonly clock: Clock
}

export interface HttpServer {
  readonly port: number
  /** Stops listening, lets requests under way end, and cuts off those that take too long. */
  close(): Promise<void>
}

/** Slow headers are an attack (slowloris) sooner than a slow line. */
const HEADERS_TIMEOUT_MS = 10_000
/** A whole request: 16 MiB over a line of 0.5 Mbit/s. */
const REQUEST_TIMEOUT_MS = 300_000
/** Longer than the 60 s after which common load balancers close: theirs must be the first word. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000
const CLOSE_GRACE_MS = 5_000
const LINGER_MS = 2_000

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
  let closing = false

  const listener = getRequestListener(
    async (request, { incoming, outgoing }) => {
      assert(incoming instanceof IncomingMessage, 'the listener is of HTTP/1.1')
      assert(outgoing instanceof ServerResponse, 'the listener is of HTTP/1.1')
      const sendContinue = awaitingContinue.has(incoming)
        ? { sendContinue: () => outgoing.writeContinue() }
        : {}
      const response = await app.fetch(request, { incoming, outgoing, ...sendContinue })
      if (closing) outgoing.shouldKeepAlive = false
      // A reply may be ready while the parser is still amid the bytes that brought the request.
      if (!incoming.complete) await nextTurn()
      if (!incoming.complete) {
        outgoing.shouldKeepAlive = false
        lingerOnClose(incoming, clock)
      }
      return response
    },
    // A client of HTTP/1.0 may leave Host out; nothing of ours depends on it.
    { hostname: 'localhost', errorHandler: error => failureReply(error, log) },
  )

  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      noDelay: true,
    },
    listener,
  )
  server.on('checkContinue', (incoming, outgoing) => {
    awaitingContinue.add(incoming)
    void listener(incoming, outgoing)
  })
  const port = await listen(server, options)

  return {
    port,
    async close() {
      closing = true
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      server.closeIdleConnections()
      const cancel = clock.after(CLOSE_GRACE_MS, () => server.closeAllConnections())
      await closed
      cancel()
    },
  }
}

async function listen(
  server: ReturnType<typeof createServer>,
  { host, port }: HttpServerOptions,
): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const address: AddressInfo | string | null = server.address()
  assert(address !== null && typeof address === 'object', 'a TCP listener has an address')
  return address.port
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
