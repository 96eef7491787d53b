/**
 * One batch of puts, sent again until all of it is done. A put of an import may be repeated safely
 * whatever became of it: it writes the same value under the same key.
 */
import { z } from 'zod'
import { encodeCbor } from '../../protocol/cbor.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { type ApiReply, ConnectionFailure, decodeData, problemOf, send } from '../http-client.ts'

export interface PutRecord {
  readonly key: string
  readonly value: unknown
}

export type PutResult =
  | { readonly kind: 'written'; readonly home: string }
  | { readonly kind: 'failed'; readonly code: string }

const replySchema = z.object({
  results: z.array(
    z.object({
      home: z.string().optional(),
      error: z.object({ code: z.string(), retry: z.string() }).optional(),
    }),
  ),
})
type Reply = z.infer<typeof replySchema>

const attemptsMax = 10
const pauseMinMs = 50
const pauseMaxMs = 2_000

/** One result per record, in order. Throws `CliError` when the node can't be reached at all. */
export async function sendBatch(
  url: string,
  dataset: string,
  records: readonly PutRecord[],
  signal?: AbortSignal,
): Promise<readonly PutResult[]> {
  const results = new Map<PutRecord, PutResult>()
  let open = records
  for (let attempt = 1; open.length > 0; attempt++) {
    const isLast = attempt === attemptsMax
    const reply = await attemptBatch(url, dataset, open, isLast, signal)
    const again: PutRecord[] = []
    open.forEach((record, index) => {
      const result = reply?.results[index]
      const mayRepeat = result === undefined || (result.error && isRepeatable(result.error))
      if (mayRepeat && !isLast) again.push(record)
      else results.set(record, resultOf(result))
    })
    open = again
    if (open.length > 0) await pause(attempt, signal)
  }
  return records.map(record => results.get(record) ?? { kind: 'failed', code: 'no_reply' })
}

/** `undefined`: nothing came back, or nothing was applied; worth another attempt. */
async function attemptBatch(
  url: string,
  dataset: string,
  records: readonly PutRecord[],
  isLast: boolean,
  signal: AbortSignal | undefined,
): Promise<Reply | undefined> {
  const ops = records.map(({ key, value }) => ({ op: 'put', key, value }))
  const reply = await send({
    method: 'POST',
    url,
    path: `/v1/batch/${encodeURIComponent(dataset)}`,
    headers: { 'content-type': 'application/cbor', accept: 'application/cbor' },
    body: encodeCbor({ ops }),
    ...(signal && { signal }),
  }).catch((error: unknown) => {
    if (!(error instanceof ConnectionFailure)) throw error
    if (isLast) throw unreachable(url, error)
    return undefined
  })
  return reply && readReply(reply, isLast)
}

function readReply(reply: ApiReply, isLast: boolean): Reply | undefined {
  if (reply.status >= 200 && reply.status < 300) {
    return replySchema.parse(decodeData(reply))
  }
  if (reply.status >= 500 && !isLast) return undefined
  throw problemOf(reply)
}

const unreachable = (url: string, { message }: ConnectionFailure): CliError =>
  new CliError(
    exitCodes.unreachable,
    `no node answers at ${url} (${message})`,
    'See "denizen status"; repeating the import is safe.',
  )

const isRepeatable = ({ code, retry }: { code: string; retry: string }): boolean =>
  retry === 'safe' || code === 'outcome_unknown'

const resultOf = (result: Reply['results'][number] | undefined): PutResult =>
  result?.home === undefined || result.error
    ? { kind: 'failed', code: result?.error?.code ?? 'no_reply' }
    : { kind: 'written', home: result.home }

/** Doubling, with jitter, so that many batches do not come back at the same time. */
async function pause(attempt: number, signal: AbortSignal | undefined): Promise<void> {
  const fullMs = Math.min(pauseMaxMs, pauseMinMs * 2 ** attempt)
  const delayMs = fullMs * (0.5 + Math.random() / 2)
  await new Promise(resolve => setTimeout(resolve, delayMs))
  signal?.throwIfAborted()
}
