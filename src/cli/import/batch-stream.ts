/** One streamed batch over HTTP: operations out, results in, at the same time. */
import { z } from 'zod'
import { decodeFormat, type Format } from '../../api/media-type.ts'
import { sequenceTypes } from '../../api/sequence.ts'
import { limits } from '../../model/limits.ts'
import { SequenceSplitter } from '../../protocol/sequence.ts'
import { credentials } from '../credentials.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { connectionFailure, problemOf } from '../http-client.ts'

export interface BatchStreamRequest {
  readonly url: string
  readonly format: Format
  readonly hint?: string
  readonly body: ReadableStream<Uint8Array>
  readonly signal: AbortSignal
}

const resultSchema = z.object({
  home: z.string().optional(),
  error: z
    .object({
      code: z.string(),
      applied: z.string(),
      retry: z.string(),
      /** Of a last item: how many operations were taken. */
      taken: z.number().optional(),
    })
    .optional(),
})
export type BatchResult = z.infer<typeof resultSchema>

type Opened = { readonly results: AsyncIterable<readonly BatchResult[]> } | { movedTo: string }

/**
 * Resolves with the results, in order, as they come, or with the URL that a redirect names. Throws
 * `ConnectionFailure`, also amid the results, and `CliError` for any other reply: of the kind
 * `unreachable` where trying again may help.
 */
export async function openBatchStream(request: BatchStreamRequest): Promise<Opened> {
  const { url, format, hint, body, signal } = request
  // The DOM's type does not know `duplex`, without which a streamed body is refused.
  const init: RequestInit & { readonly duplex: 'half' } = {
    method: 'POST',
    headers: {
      ...credentials(),
      'content-type': sequenceTypes[format],
      ...(hint !== undefined && { 'denizen-hint': hint }),
    },
    redirect: 'manual',
    duplex: 'half',
    body,
    signal,
  }
  const response = await fetch(url, init).catch((error: unknown) => {
    throw connectionFailure(error)
  })
  const location = response.status === 307 ? response.headers.get('location') : null
  if (location !== null) return { movedTo: new URL(location, url).href }
  if (response.status === 200 && response.body) return { results: resultsOf(response.body, format) }
  throw await refusal(response, url)
}

async function refusal(response: Response, url: string): Promise<CliError> {
  const { status, headers } = response
  const body = new Uint8Array(
    await response.arrayBuffer().catch((error: unknown) => {
      throw connectionFailure(error)
    }),
  )
  const failure = problemOf({ status, headers, body, url })
  const isPassing = status === 429 || status >= 500
  const exitCode = isPassing ? exitCodes.unreachable : failure.exitCode
  return new CliError(exitCode, failure.message, failure.action)
}

async function* resultsOf(
  body: ReadableStream<Uint8Array>,
  format: Format,
): AsyncGenerator<readonly BatchResult[]> {
  const splitter = new SequenceSplitter(format, limits.streamItemBytesMax)
  const reader = body.getReader()
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      throw connectionFailure(error)
    })
    if (done) return
    yield Array.from(splitter.push(value), item => resultSchema.parse(decodeFormat(format, item)))
  }
}
