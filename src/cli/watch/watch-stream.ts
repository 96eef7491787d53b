/** One connection to GET /v1/watch, from the command line's side: its events as they come. */
import { z } from 'zod'
import { fromUtf8, utf8 } from '../../model/bytes.ts'
import { limits } from '../../model/limits.ts'
import { decodeJson } from '../../protocol/json.ts'
import { SequenceSplitter } from '../../protocol/sequence.ts'
import { credentials } from '../credentials.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { connectionFailure, problemOf } from '../http-client.ts'

export interface WatchQuery {
  readonly url: string
  readonly dataset: string
  /** Beginning of the keys. */
  readonly prefix: string
  /** Cursor of an earlier event of the same node. */
  readonly since: string | undefined
  readonly signal: AbortSignal
}

const cursor = z.string().optional()
const eventSchema = z.discriminatedUnion('event', [
  z.object({
    event: z.literal('change'),
    cursor,
    key: z.string(),
    version: z.string().optional(),
    deleted: z.literal(true).optional(),
    type: z.string().optional(),
    value: z.unknown().optional(),
    /** In base64url. */
    bytes: z.string().optional(),
  }),
  z.object({ event: z.literal('live'), cursor }),
  /** The watch stands at the cursor, without news. */
  z.object({ event: z.literal('none'), cursor }),
  z.object({ event: z.literal('end'), cursor, code: z.string(), detail: z.string() }),
])
export type WatchEvent = z.infer<typeof eventSchema>
export type WatchChange = Extract<WatchEvent, { event: 'change' }>

/** The node does not know the changes since the cursor any more. */
export class CursorTooOld extends Error {
  override readonly name = 'CursorTooOld'
}

const redirectsMax = 3

/**
 * The events of one connection, up to its end. Throws `ConnectionFailure`, `CursorTooOld`, and
 * `CliError` for any other reply: of the kind `unreachable` where trying again may help.
 */
export async function* watchOnce(query: WatchQuery): AsyncGenerator<WatchEvent> {
  const lines = new SequenceSplitter('json', limits.streamItemBytesMax)
  const reader = (await open(query)).getReader()
  let fields: Record<string, string> = {}
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      throw connectionFailure(error)
    })
    if (done) return
    for (const bytes of lines.push(value)) {
      const line = fromUtf8(bytes).trimEnd()
      const colon = line.indexOf(': ')
      if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 2)
      if (line !== '') continue
      yield eventOf(fields)
      fields = {}
    }
  }
}

/** Of the fields of a server-sent event, which has one line of data here. */
function eventOf({ event = 'none', id, data }: Readonly<Record<string, string>>): WatchEvent {
  const members: unknown = data === undefined ? {} : decodeJson(utf8(data))
  const parsed = eventSchema.parse({ ...Object(members), event, cursor: id })
  if (parsed.event === 'end' && parsed.code === 'cursor_too_old') throw new CursorTooOld()
  return parsed
}

async function open(query: WatchQuery): Promise<ReadableStream<Uint8Array>> {
  const { dataset, prefix, since, signal } = query
  const parameters = new URLSearchParams({ prefix, ...(since !== undefined && { since }) })
  const headers = { ...credentials(), accept: 'text/event-stream' }
  let url = `${query.url}/v1/watch/${encodeURIComponent(dataset)}?${parameters}`
  for (let redirects = 0; ; redirects++) {
    const response = await fetch(url, { headers, redirect: 'manual', signal }).catch(
      (error: unknown) => {
        throw connectionFailure(error)
      },
    )
    if (response.status === 200 && response.body) return response.body
    const location = response.status === 307 ? response.headers.get('location') : null
    if (location === null || redirects === redirectsMax) throw await refusal(response, url)
    await response.body?.cancel()
    url = new URL(location, url).href
  }
}

async function refusal(response: Response, url: string): Promise<Error> {
  const { status, headers } = response
  const body = new Uint8Array(
    await response.arrayBuffer().catch((error: unknown) => {
      throw connectionFailure(error)
    }),
  )
  if (status === 410) return new CursorTooOld()
  const failure = problemOf({ status, headers, body, url })
  const isPassing = status === 429 || status >= 500
  const exitCode = isPassing ? exitCodes.unreachable : failure.exitCode
  return new CliError(exitCode, failure.message, failure.action)
}
