/**
 * A watch on its way to its client. It is read as fast as the client reads: what waits is bounded,
 * and a client that comes to it late gets the latest values. One that reads nothing for too long is
 * told so and cut off.
 */
import { DenizenError, errorKinds } from '../model/errors.ts'
import { timing } from '../model/limits.ts'
import type { OpenWatch } from '../routing/service.ts'
import type { Exchange } from './exchange.ts'
import type { Reply } from './host.ts'
import { asDenizenError } from './problem.ts'
import { ResultStream } from './result-stream.ts'
import type { WatchForm } from './watch-events.ts'

type Watched = Extract<OpenWatch, { kind: 'watch' }>

export function streamWatch(exchange: Exchange, watch: Watched, form: WatchForm): Reply {
  const results = new ResultStream({
    clock: exchange.clock,
    onGivenUp: watch.end,
    cutOff: () => exchange.cutOff(),
  })
  void relay(exchange, watch, form, results)
  // A connection that fell idle after its watch would hold up the end of a node.
  const headers = { 'Content-Type': form.mediaType, Connection: 'close' }
  return exchange.streamed(headers, results.body)
}

/** Never rejects: whatever ends the watch is its last event. */
async function relay(
  exchange: Exchange,
  { batches }: Watched,
  form: WatchForm,
  results: ResultStream,
): Promise<void> {
  const heartbeats = new Heartbeats(exchange, form, results)
  let failure: DenizenError | undefined
  try {
    for await (const batch of batches) {
      if (batch.events.length > 0) results.write(form.batch(batch))
      heartbeats.cursor = batch.cursor ?? heartbeats.cursor
      await results.room()
    }
    if (results.state === 'unread') failure = new DenizenError('client_not_reading', unread)
  } catch (error) {
    failure = asDenizenError(exchange, error)
  }
  heartbeats.stop()
  if (failure) {
    exchange.log(errorKinds[failure.code].level, 'watch ended', { code: failure.code })
    results.write(form.end(failure))
  }
  results.end()
}

const unread = 'events wait, and none was read for too long'

/** The first one comes at once: with it the client knows that it watches. */
class Heartbeats {
  cursor: string | undefined
  readonly #exchange: Exchange
  readonly #form: WatchForm
  readonly #results: ResultStream
  #cancel: () => void = () => {}

  constructor(exchange: Exchange, form: WatchForm, results: ResultStream) {
    this.#exchange = exchange
    this.#form = form
    this.#results = results
    this.#beat()
  }

  stop(): void {
    this.#cancel()
  }

  #beat(): void {
    this.#results.write(this.#form.heartbeat(this.cursor))
    this.#cancel = this.#exchange.clock.after(timing.watchHeartbeatMs, () => this.#beat())
  }
}
