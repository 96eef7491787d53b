/**
 * Puts on their way into the cluster through one streamed batch: sent as fast as they are answered,
 * and sent again until each is done. A put of an import may be repeated safely whatever became of
 * it: it writes the same value under the same key.
 */
import type { Format } from '../../api/media-type.ts'
import { Signal } from '../../api/signal.ts'
import { concatBytes } from '../../model/bytes.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { ConnectionFailure } from '../http-client.ts'
import { type BatchResult, openBatchStream } from './batch-stream.ts'

export interface LanePut {
  /** The operation as an item of the lane's form. */
  readonly bytes: Uint8Array
}

export type PutResult =
  | { readonly kind: 'written'; readonly home: string }
  | { readonly kind: 'failed'; readonly code: string }

export interface PutLaneOptions<Put> {
  /** Base URL of the node that the puts enter at. */
  readonly url: string
  readonly dataset: string
  readonly format: Format
  /** The region that new groups are homed near, where it is not the one that they enter. */
  readonly hint?: string
  readonly onResult: (put: Put, result: PutResult) => void
  readonly signal?: AbortSignal
}

/** Not to be repeated in general; a put of an import may be, and is not done yet. */
const repeatedCodes: readonly string[] = ['outcome_unknown', 'acks_timeout']
/** Attempts in a row that settle nothing. */
const attemptsMax = 10
const pauseMinMs = 50
const pauseMaxMs = 2_000
/** Puts that wait to be sent. */
const queuedMax = 4_096
/** Puts to repeat that end an attempt: the next one begins after a pause. */
const repeatedMax = 2_000
const pieceBytes = 64 * 1024

export class PutLane<Put extends LanePut> {
  readonly #options: PutLaneOptions<Put>
  readonly #filled = new Signal()
  readonly #taken = new Signal()
  /** In the order in which they go out; those to repeat come first. */
  #queue: Put[] = []
  /** Sent in this attempt and not answered yet, in order. */
  #unanswered: Put[] = []
  /** Refused for the moment: for the next attempt. */
  #refused: { readonly put: Put; readonly code: string }[] = []
  #settled = 0
  #ended = false
  #url: string

  constructor(options: PutLaneOptions<Put>) {
    this.#options = options
    this.#url = `${options.url}/v1/batch/${encodeURIComponent(options.dataset)}`
  }

  /** Resolves once there is room for more. */
  async add(puts: readonly Put[]): Promise<void> {
    this.#queue = this.#queue.concat(puts)
    this.#filled.notify()
    while (this.#queue.length > queuedMax) await this.#taken.next
  }

  /** No more puts are to come. */
  end(): void {
    this.#ended = true
    this.#filled.notify()
  }

  /**
   * Resolves when the lane has ended and each put has its result. Throws `CliError` when no node
   * answers, or one refuses them all.
   */
  async run(): Promise<void> {
    for (let attempt = 1; await this.#hasMore(); attempt++) {
      const settledBefore = this.#settled
      const failure = await this.#attempt()
      if (this.#settled > settledBefore) attempt = 1
      if (attempt >= attemptsMax) this.#giveUp(failure)
      const repeated = [...this.#refused.map(({ put }) => put), ...this.#unanswered]
      this.#queue = [...repeated, ...this.#queue]
      this.#refused = []
      this.#unanswered = []
      if (repeated.length > 0) await this.#pause(attempt)
    }
  }

  async #hasMore(): Promise<boolean> {
    while (this.#queue.length === 0 && !this.#ended) await this.#filled.next
    return this.#queue.length > 0
  }

  /** What ended the stream before all was answered, if anything did. */
  async #attempt(): Promise<Error | undefined> {
    const over = new AbortController()
    const { format, hint, signal } = this.#options
    try {
      const opened = await openBatchStream({
        url: this.#url,
        format,
        ...(hint !== undefined && { hint }),
        body: this.#body(over.signal),
        signal: signal ? AbortSignal.any([signal, over.signal]) : over.signal,
      })
      if ('movedTo' in opened) {
        this.#url = opened.movedTo
        return undefined
      }
      for await (const results of opened.results) {
        for (const result of results) if (this.#answered(result)) return undefined
      }
      return undefined
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof ConnectionFailure) return error
      if (error instanceof CliError && error.exitCode === exitCodes.unreachable) return error
      throw error
    } finally {
      over.abort()
      this.#filled.notify()
    }
  }

  /** Pulled by the connection, as fast as the node reads. */
  #body(over: AbortSignal): ReadableStream<Uint8Array> {
    return new ReadableStream(
      {
        pull: async controller => {
          while (this.#queue.length === 0 && !this.#ended && !over.aborted) await this.#filled.next
          if (over.aborted) return
          const piece = this.#takePiece()
          if (piece) controller.enqueue(piece)
          else controller.close()
        },
      },
      { highWaterMark: 0 },
    )
  }

  #takePiece(): Uint8Array | undefined {
    if (this.#queue.length === 0 || this.#refused.length > repeatedMax) return undefined
    let bytes = 0
    const count = this.#queue.findIndex(put => {
      bytes += put.bytes.length
      return bytes > pieceBytes
    })
    const puts = this.#queue.splice(0, count < 0 ? this.#queue.length : count + 1)
    this.#unanswered.push(...puts)
    this.#taken.notify()
    return concatBytes(...puts.map(put => put.bytes))
  }

  /** True where the result is the last of its stream. */
  #answered({ home, error }: BatchResult): boolean {
    const isLast = error?.taken !== undefined
    const isRepeatable = error !== undefined && error.retry !== 'no'
    // The last item tells of the operation that it stands for only if that is at fault.
    if (isLast && (isRepeatable || error.applied !== 'no')) return true
    const put = this.#unanswered.shift()
    if (put === undefined) return true
    if (error && (isRepeatable || repeatedCodes.includes(error.code))) {
      this.#refused.push({ put, code: error.code })
      return false
    }
    const result: PutResult =
      home === undefined || error
        ? { kind: 'failed', code: error?.code ?? 'no_reply' }
        : { kind: 'written', home }
    this.#settle(put, result)
    return isLast
  }

  #settle(put: Put, result: PutResult): void {
    this.#settled += 1
    this.#options.onResult(put, result)
  }

  /** What was refused again and again has failed; a node that does not answer is no result. */
  #giveUp(failure: Error | undefined): void {
    if (this.#refused.length === 0) {
      if (failure instanceof CliError) throw failure
      throw new CliError(
        exitCodes.unreachable,
        `no node answers at ${this.#options.url} (${failure?.message ?? 'the stream ends early'})`,
        'See "denizen status"; the same import again goes on from there.',
      )
    }
    for (const { put, code } of this.#refused) this.#settle(put, { kind: 'failed', code })
    this.#refused = []
  }

  /** Doubling, with jitter, so that many lanes do not come back at the same time. */
  async #pause(attempt: number): Promise<void> {
    const fullMs = Math.min(pauseMaxMs, pauseMinMs * 2 ** attempt)
    const delayMs = fullMs * (0.5 + Math.random() / 2)
    await new Promise(resolve => setTimeout(resolve, delayMs))
    this.#options.signal?.throwIfAborted()
  }
}
