/**
 * A watch on its way to its client. It is read as fast as the client reads: what waits is bounded,
 * and a client that comes to it late gets the latest values. One that reads nothing for too long is
 * told so and cut off. Who calls is settled anew with each heartbeat: tokens are revoked and expire
 * while they watch.
 */
import { errorKinds } from '../model/error-kinds.ts'
import { DenizenError } from '../model/errors.ts'
import { timing } from '../model/limits.ts'
import type { OpenWatch } from '../routing/service.ts'
import type { Exchange } from './exchange.ts'
import type { Reply } from './host.ts'
import { asDenizenError } from './problem.ts'
import { ResultStream } from './result-stream.ts'
import type { WatchForm } from './watch-events.ts'

type Watched = Extract<OpenWatch, { kind: 'watch' }>

/** `checkCaller` rejects once the caller may watch no longer. */
export function streamWatch(
  exchange: Exchange,
  watch: Watched,
  form: WatchForm,
  checkCaller: () => Promise<void>,
): Reply {
  const stream = new WatchStream(exchange, watch, form, checkCaller)
  void stream.run()
  // A connection that fell idle after its watch would hold up the end of a node.
  const headers = { 'Content-Type': form.mediaType, Connection: 'close' }
  return exchange.streamed(headers, stream.body)
}

class WatchStream {
  readonly #exchange: Exchange
  readonly #watch: Watched
  readonly #form: WatchForm
  readonly #checkCaller: () => Promise<void>
  readonly #results: ResultStream
  #cursor: string | undefined
  #failure: unknown
  #cancelHeartbeat: () => void = () => {}

  constructor(
    exchange: Exchange,
    watch: Watched,
    form: WatchForm,
    checkCaller: () => Promise<void>,
  ) {
    this.#exchange = exchange
    this.#watch = watch
    this.#form = form
    this.#checkCaller = checkCaller
    this.#results = new ResultStream({
      clock: exchange.clock,
      onGivenUp: watch.end,
      cutOff: () => exchange.cutOff(),
    })
  }

  get body(): ResultStream['body'] {
    return this.#results.body
  }

  /** Never rejects: whatever ends the watch is its last event. */
  async run(): Promise<void> {
    const results = this.#results
    this.#beat()
    try {
      for await (const batch of this.#watch.batches) {
        if (batch.events.length > 0) results.write(this.#form.batch(batch))
        this.#cursor = batch.cursor ?? this.#cursor
        await results.room()
      }
      if (results.state === 'unread') this.#failure ??= notReading()
    } catch (error) {
      this.#failure ??= error
    }
    this.#cancelHeartbeat()
    if (this.#failure !== undefined) this.#tellEnd(asDenizenError(this.#exchange, this.#failure))
    results.end()
  }

  #tellEnd(failure: DenizenError): void {
    const { code } = failure
    this.#exchange.log(errorKinds[code].level, 'watch ended', { code })
    this.#results.write(this.#form.end(failure))
  }

  /** The first one comes at once: with it the client knows that it watches. */
  #beat(): void {
    this.#results.write(this.#form.heartbeat(this.#cursor))
    this.#cancelHeartbeat = this.#exchange.clock.after(timing.watchHeartbeatMs, () => {
      this.#beat()
      this.#checkCaller().catch((error: unknown) => {
        this.#failure ??= error
        this.#watch.end()
      })
    })
  }
}

const notReading = (): DenizenError =>
  new DenizenError('client_not_reading', 'events wait, and none was read for too long')
