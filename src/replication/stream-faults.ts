/** How feeds streams end before their time: always loudly, and always by closing the stream. */
import { DenizenError } from '../model/errors.ts'
import type { MessageStream } from '../peers/peers.ts'
import { describeError, type Logger } from '../runtime/log.ts'

export class StreamFaults {
  readonly #log: Logger
  readonly #onViolation: () => void
  #stopped = false

  constructor(log: Logger, onViolation: () => void) {
    this.#log = log
    this.#onViolation = onViolation
  }

  /** From now on a failure is only the end of what is being stopped. */
  stop(): void {
    this.#stopped = true
  }

  /** Runs a task for a stream; its failure ends the stream. */
  attempt(stream: MessageStream, task: () => Promise<void>): void {
    task().catch((error: unknown) => this.failed(stream, error))
  }

  /** The next stream starts from what is durable. */
  failed(stream: MessageStream, error: unknown): void {
    if (this.#stopped) return
    const reason =
      error instanceof DenizenError ? { code: error.code } : { ...describeError(error) }
    // A change over a damaged record waits for the repair, and comes with the next stream.
    const isDamage = error instanceof DenizenError && error.code === 'damaged_record'
    const level = isDamage || isStale(error) ? 'warn' : 'error'
    this.#log[level]('a feeds stream failed', { region: stream.region, ...reason })
    stream.close()
  }

  violated(stream: MessageStream, dataset: string): void {
    this.#onViolation()
    const { region } = stream
    this.#log.error('a residency check stopped a feeds stream', { region, dataset })
    stream.close()
  }

  dropped(stream: MessageStream, reason: string): void {
    this.#log.error('a feeds stream was dropped', { region: stream.region, reason })
    stream.close()
  }
}

const isStale = (error: unknown): boolean =>
  error instanceof DenizenError && error.code === 'stale_policy'
