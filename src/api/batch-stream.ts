/**
 * POST /v1/batch as a stream in both directions: operations are read, run and answered chunk by
 * chunk, until the body ends, an item is malformed, or the client stops reading. Its memory is
 * bounded: a chunk that runs, one that is gathered meanwhile, and the results that wait.
 */
import { errorKinds } from '../model/error-kinds.ts'
import { DenizenError } from '../model/errors.ts'
import type { RequestContext } from '../routing/service.ts'
import { executePlanned } from './batch-execution.ts'
import { type BatchFrame, Planner } from './batch-operation.ts'
import { itemsOf } from './batch-reply.ts'
import { failureResult } from './batch-results.ts'
import { BatchSource } from './batch-source.ts'
import { checkWhole } from './body.ts'
import type { Exchange } from './exchange.ts'
import type { Reply } from './host.ts'
import type { Format } from './media-type.ts'
import { asDenizenError } from './problem.ts'
import { ResultStream } from './result-stream.ts'
import { encodeSequence, preferredSequence, sequenceTypes } from './sequence.ts'

/** Throws `unsupported_media_type` and `bad_request` before anything is read. */
export function streamBatch(exchange: Exchange, frame: BatchFrame, context: RequestContext): Reply {
  const { format } = frame
  checkWhole(exchange)
  const replyFormat = preferredSequence(exchange.accept, format)
  const source = new BatchSource({
    format,
    clock: exchange.clock,
    planner: new Planner(exchange, frame),
  })
  const results = new ResultStream({
    clock: exchange.clock,
    onGivenUp: () => source.stop(),
    cutOff: () => exchange.cutOff(),
  })
  exchange.sendContinue()
  const body = exchange.request.stream()
  if (body) void source.fill(body)
  else source.stop()
  void answerAll(exchange, frame.dataset, context, source, results, replyFormat)
  return exchange.streamed({ 'Content-Type': sequenceTypes[replyFormat] }, results.body)
}

/** Never rejects: whatever ends the stream early is its last item. */
async function answerAll(
  exchange: Exchange,
  dataset: string,
  context: RequestContext,
  source: BatchSource,
  results: ResultStream,
  format: Format,
): Promise<void> {
  let taken = 0
  let failure: DenizenError | undefined
  try {
    let { session } = context
    for (;;) {
      await results.room()
      const planned = await source.take()
      if (planned.length === 0) break
      const known = session === undefined ? context : { ...context, session }
      const executed = await executePlanned(exchange, dataset, planned, known)
      const bytes = itemsOf(executed, format)
      session = executed.session ?? session
      taken += planned.length
      results.write(bytes)
      source.fit(planned.length, bytes.length)
    }
    failure = source.failure ?? notReading(results)
  } catch (error) {
    source.stop()
    failure = asDenizenError(exchange, error)
  }
  if (failure) {
    exchange.log(errorKinds[failure.code].level, 'stream ended early', {
      code: failure.code,
      taken,
    })
    results.write(encodeSequence(format, [lastItem(failure, taken)]))
  }
  results.end()
}

const notReading = ({ state }: ResultStream): DenizenError | undefined =>
  state === 'unread'
    ? new DenizenError('client_not_reading', 'results wait, and none was read for too long')
    : undefined

const lastItem = ({ code, message, applied, retry, extra }: DenizenError, taken: number): object =>
  failureResult(new DenizenError(code, message, { applied, retry, extra: { ...extra, taken } }))
