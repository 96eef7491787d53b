/**
 * The key API from the command line's side: requests, redirects by hand, failures as `CliError`.
 */
import { errorKinds, isErrorCode } from '../model/error-kinds.ts'
import { decodeCbor } from '../protocol/cbor.ts'
import { decodeJson } from '../protocol/json.ts'
import { credentials } from './credentials.ts'
import { CliError, type ExitCode, exitCodes } from './exit-codes.ts'

export interface ApiRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** Base URL of a node. */
  readonly url: string
  /** From `/v1/` on, percent-encoded. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  readonly signal?: AbortSignal
}

export interface ApiReply {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
  /** Who answered, after redirects. */
  readonly url: string
}

const redirectsMax = 3
const timeoutMs = 30_000

/** `fetch` failed: nobody listens there, or the connection broke on the way. */
export class ConnectionFailure extends Error {
  override readonly name = 'ConnectionFailure'
}

/**
 * Sends a request and follows 307 by hand, because `fetch` would drop headers on the way to another
 * host. Any status is a reply. Throws `ConnectionFailure`.
 */
export async function send(request: ApiRequest): Promise<ApiReply> {
  let url = request.url + request.path
  for (let redirects = 0; ; redirects++) {
    const reply = await sendOnce(url, request)
    const location = reply.status === 307 ? reply.headers.get('location') : null
    if (location === null || redirects === redirectsMax) return reply
    url = new URL(location, url).href
  }
}

async function sendOnce(url: string, request: ApiRequest): Promise<ApiReply> {
  const timeout = AbortSignal.timeout(timeoutMs)
  const signal = request.signal ? AbortSignal.any([request.signal, timeout]) : timeout
  try {
    const response = await fetch(url, {
      method: request.method,
      headers: { ...credentials(), ...request.headers },
      redirect: 'manual',
      signal,
      ...(request.body && { body: Buffer.from(request.body) }),
    })
    const body = new Uint8Array(await response.arrayBuffer())
    return { status: response.status, headers: response.headers, body, url }
  } catch (error) {
    if (request.signal?.aborted) throw error
    throw connectionFailure(error)
  }
}

export function connectionFailure(error: unknown): ConnectionFailure {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  return new ConnectionFailure(code || (cause instanceof Error ? cause.message : String(cause)))
}

/** For `catch`: what a `ConnectionFailure` means to people. */
export const unreachable =
  (url: string) =>
  (error: unknown): never => {
    if (!(error instanceof ConnectionFailure)) throw error
    throw new CliError(
      exitCodes.unreachable,
      `no node answers at ${url} (${error.message})`,
      'Start a world with "denizen dev", or name a node with --url or DENIZEN_URL.',
    )
  }

/** `send` for commands: everything that is not a success is a `CliError`. */
export async function ask(request: ApiRequest): Promise<ApiReply> {
  const reply = await send(request).catch(unreachable(request.url))
  if (reply.status >= 200 && reply.status < 300) return reply
  throw problemOf(reply)
}

/** `GET` of a route that answers with a data item. */
export async function askData(url: string, path: string): Promise<unknown> {
  const headers = { accept: 'application/json' }
  return decodeData(await ask({ method: 'GET', url, path, headers }))
}

/** A CBOR or JSON body as plain data; other bodies are no data. Throws `DenizenError`. */
export function decodeData({ headers, body }: ApiReply): unknown {
  const type = dataTypeOf(headers.get('content-type'))
  if (type === 'cbor') return decodeCbor(body)
  if (type === 'json') return decodeJson(body)
  return undefined
}

export function dataTypeOf(mediaType: string | null): 'cbor' | 'json' | undefined {
  const type = mediaType?.split(';')[0]?.trim().toLowerCase()
  const match = /^application\/(?:[a-z0-9.-]+\+)?(cbor|json)$/.exec(type ?? '')
  return match?.[1] as 'cbor' | 'json' | undefined
}

/** The failure that a problem body (RFC 9457) describes. */
export function problemOf(reply: ApiReply): CliError {
  const problem = problemMembers(reply)
  const text = (name: string): string | undefined =>
    typeof problem[name] === 'string' ? problem[name] : undefined
  const code = text('code')
  const title = text('title') ?? `${reply.url} answered ${reply.status}`
  const detail = text('detail')
  const known = code !== undefined && isErrorCode(code) ? errorKinds[code].action : undefined
  return new CliError(
    exitCodeOf(reply.status),
    `${title}${detail === undefined ? '' : `: ${detail}`}${code === undefined ? '' : ` [${code}]`}`,
    text('action') ?? known,
  )
}

/** The stable code of an error reply; undefined where it has none. */
export const problemCodeOf = (reply: ApiReply): unknown => problemMembers(reply).code

function problemMembers(reply: ApiReply): Readonly<Record<string, unknown>> {
  try {
    const data = decodeData(reply)
    return typeof data === 'object' && data !== null ? { ...data } : {}
  } catch {
    // Something else than Denizen answers there: its status is all that can be told.
    return {}
  }
}

const exitCodeOf = (status: number): ExitCode =>
  status === 503 ? exitCodes.unreachable : status === 400 ? exitCodes.usage : exitCodes.failed
