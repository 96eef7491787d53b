/**
 * Refuses what a core is too busy for, in place of the API: at once, and before the body is read.
 * The reply is made ready beforehand, because under overload most replies may be this one, and all
 * that they cost is taken from the others.
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { encodeStructure } from '../api/exchange.ts'
import type { Format } from '../api/media-type.ts'
import { problemFormat } from '../api/negotiation.ts'
import { problemBody, problemTypes, RETRY_AFTER_SECONDS } from '../api/problem.ts'
import { corsHeaders, neverCached } from '../api/reply-headers.ts'
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import { limits } from '../model/limits.ts'
import type { Load } from './load.ts'
import { linesOf, type ReadyReplies } from './ready-replies.ts'

/** Who asks these wants to know how an overloaded node is. */
const always: ReadonlySet<string | undefined> = new Set(['/healthz', '/readyz', '/metrics'])

/** Whether the request is to be answered with `replyOverloaded`. */
export const isRefused = (load: Load, { url, headers }: IncomingMessage): boolean =>
  !always.has(url) && load.refuses(bodyBytesOf(headers))

/** Counts a request as under way while it is answered, and its body for as long as it comes in. */
export async function underWay<T>(
  load: Load,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  answer: Promise<T>,
): Promise<T> {
  const bodyBytes = bodyBytesOf(incoming.headers)
  load.begin(bodyBytes)
  try {
    return await answer
  } finally {
    if (incoming.complete || outgoing.closed) load.end(bodyBytes)
    else outgoing.once('close', () => load.end(bodyBytes))
  }
}

/** Less than it declares where that is more than any route takes: such a body is never read. */
function bodyBytesOf(headers: IncomingHttpHeaders): number {
  if (headers['transfer-encoding'] !== undefined) return limits.undeclaredBodyBytes
  const declared = headers['content-length']
  return declared === undefined ? 0 : Math.min(Number(declared), limits.bodyBytesMax)
}

interface Prepared {
  readonly headers: Readonly<Record<string, string>>
  /** The same as lines. */
  readonly lines: string
  /** One character a byte: head and body then leave in one piece. */
  readonly body: string
}

const prepared: Readonly<Record<Format, Prepared>> = {
  json: prepare('json'),
  cbor: prepare('cbor'),
}

export function replyOverloaded(
  { headers }: IncomingMessage,
  outgoing: ServerResponse,
  readyReplies: ReadyReplies,
): void {
  const reply = prepared[problemFormat(headers.accept)]
  const isOfScript = headers.origin !== undefined
  if (isOfScript) outgoing.writeHead(503, { ...reply.headers, ...corsHeaders })
  else if (readyReplies.fit(outgoing)) readyReplies.begin(outgoing, 503, reply.lines)
  else outgoing.writeHead(503, reply.headers)
  outgoing.end(reply.body, 'latin1')
}

function prepare(format: Format): Prepared {
  const error = new DenizenError('overloaded', 'as much is under way as this node takes')
  const body = Buffer.from(encodeStructure(format, problemBody(error)))
  const headers = {
    'Content-Type': problemTypes[format],
    'Content-Length': String(body.length),
    'Retry-After': RETRY_AFTER_SECONDS,
    'Cache-Control': neverCached,
    Vary: 'Accept, Origin',
  }
  const lines = linesOf(headers)
  assert(lines !== undefined, 'our own headers are sound')
  return { headers, lines, body: body.toString('latin1') }
}
