/**
 * The results of a stream on their way to its client: a body that is read as fast as the client
 * reads, and what has to wait meanwhile. Who leaves results unread for too long is given up: soon
 * where as many wait as may (`unreadResultsBytesMax`), after the idle time where fewer do.
 */
import { limits, timing } from '../model/limits.ts'
import type { Clock } from '../runtime/clock.ts'
import { Signal } from './signal.ts'

/** Given to the host at a time, which keeps what it was given: small, so that the count is true. */
const PIECE_BYTES = 64 * 1024

export interface ResultStreamOptions {
  readonly clock: Clock
  /** The client does not read, or is gone: nothing more is to be written but a last item. */
  readonly onGivenUp: () => void
  /** Not even the last item was read: ends the connection. */
  readonly cutOff: () => void
}

export class ResultStream {
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>
  readonly #options: ResultStreamOptions
  readonly #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #ended = false
  #state: 'read' | 'unread' | 'gone' = 'read'
  readonly #written = new Signal()
  readonly #read = new Signal()
  #cancelTimer: (() => void) | undefined

  constructor(options: ResultStreamOptions) {
    this.#options = options
    // Nothing is pulled ahead of the client: what waits is counted here.
    const strategy = { highWaterMark: 0 }
    this.body = new ReadableStream(
      { pull: controller => this.#pull(controller), cancel: () => this.#giveUp('gone') },
      strategy,
    )
  }

  /** `unread`: the client has left results unread for too long; `gone`: it has left. */
  get state(): 'read' | 'unread' | 'gone' {
    return this.#state
  }

  write(results: Uint8Array): void {
    this.#waiting.push(results)
    this.#waitingBytes += results.length
    if (this.#waiting.length === 1 || this.#isFull) this.#watch()
    this.#written.notify()
  }

  /** Waits until more results may wait, or the client is given up. */
  async room(): Promise<void> {
    while (this.#isFull && this.#state === 'read') await this.#read.next
  }

  end(): void {
    this.#ended = true
    this.#written.notify()
  }

  get #isFull(): boolean {
    return this.#waitingBytes >= limits.unreadResultsBytesMax
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    while (this.#waiting.length === 0 && !this.#ended) await this.#written.next
    if (this.#state === 'gone') return
    const piece = this.#takePiece()
    if (piece) controller.enqueue(piece)
    else controller.close()
    this.#watch()
    this.#read.notify()
  }

  #takePiece(): Uint8Array<ArrayBuffer> | undefined {
    const next = this.#waiting.shift()
    if (next === undefined) return undefined
    if (next.length > PIECE_BYTES) this.#waiting.unshift(next.subarray(PIECE_BYTES))
    const piece = next.subarray(0, PIECE_BYTES)
    this.#waitingBytes -= piece.length
    return piece as Uint8Array<ArrayBuffer>
  }

  /** Counts the time anew since which nothing was read. */
  #watch(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    if (this.#waiting.length === 0 || this.#state === 'gone') return
    const maxMs = this.#isFull ? timing.streamUnreadMaxMs : timing.streamIdleMaxMs
    this.#cancelTimer = this.#options.clock.after(maxMs, () => {
      if (this.#state === 'read') this.#giveUp('unread')
      else this.#options.cutOff()
    })
  }

  #giveUp(state: 'unread' | 'gone'): void {
    this.#state = state
    this.#watch()
    this.#read.notify()
    this.#options.onGivenUp()
  }
}
