/**
 * How much a core has to do, and when that is too much. What is over the bounds is refused at once
 * and before its body is read: it can be tried elsewhere, what is served is served as fast as ever,
 * and memory stays bounded. Two things say that it is too much:
 *
 * - the requests that are under way, the bytes of their bodies, and the bytes of large replies that
 *   clients have not read yet;
 * - timers that run late, turn after turn: then requests wait where none can be counted, in the
 *   sockets. A single long turn says nothing (the idea is that of CoDel, RFC 8289: a queue is
 *   standing if even its shortest delay within an interval is too long).
 */
import { Counter } from '../metrics/counter.ts'
import type { Family } from '../metrics/family.ts'
import { limits, timing } from '../model/limits.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'

type Excess = 'requests' | 'body_bytes' | 'reply_bytes' | 'late_timers'

export class Load {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #refused = new Counter(
    'denizen_shed_requests_total',
    'Requests that were refused as overload before they were read, by what was too much.',
    ['excess'],
  )
  #requests = 0
  #bodyBytes = 0
  #replyBytes = 0
  /** Since when every timer has run late; undefined where the last one did not. */
  #lateSinceMs: number | undefined
  #isLate = false
  #warnedMs = Number.NEGATIVE_INFINITY
  #cancel: () => void

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock
    this.#log = log
    this.#cancel = this.#watchTimers()
  }

  /** True: a request with a body of so many bytes would be too much; it is counted as refused. */
  refuses(bodyBytes: number): boolean {
    const excess = this.#excessWith(bodyBytes)
    if (excess) this.#count(excess)
    return excess !== undefined
  }

  /** A request without a body would not be too much. */
  get hasRoom(): boolean {
    return this.#excessWith(0) === undefined
  }

  /** A request is under way until `end`. */
  begin(bodyBytes: number): void {
    this.#requests += 1
    this.#bodyBytes += bodyBytes
  }

  end(bodyBytes: number): void {
    this.#requests -= 1
    this.#bodyBytes -= bodyBytes
  }

  /** A large reply is being sent until `endReply`. */
  beginReply(bytes: number): void {
    this.#replyBytes += bytes
  }

  endReply(bytes: number): void {
    this.#replyBytes -= bytes
  }

  family(): Family {
    return this.#refused.family()
  }

  close(): void {
    this.#cancel()
  }

  #excessWith(bodyBytes: number): Excess | undefined {
    if (this.#requests >= limits.requestsInFlightMax) return 'requests'
    if (this.#bodyBytes + bodyBytes > limits.bodyBytesInFlightMax) return 'body_bytes'
    if (this.#replyBytes >= limits.replyBytesInFlightMax) return 'reply_bytes'
    return this.#isLate ? 'late_timers' : undefined
  }

  #count(excess: Excess): void {
    this.#refused.add(1, excess)
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - this.#warnedMs < timing.refusalWarningsMs) return
    this.#warnedMs = nowMs
    this.#log.warn('overloaded: requests are refused', { excess })
  }

  #watchTimers(): () => void {
    const dueMs = this.#clock.monotonicMs() + timing.lateTimersLookMs
    return this.#clock.after(timing.lateTimersLookMs, () => {
      const nowMs = this.#clock.monotonicMs()
      if (nowMs - dueMs < timing.lateTimerMs) this.#lateSinceMs = undefined
      else this.#lateSinceMs ??= nowMs
      this.#isLate =
        this.#lateSinceMs !== undefined && nowMs - this.#lateSinceMs >= timing.lateTimersMs
      this.#cancel = this.#watchTimers()
    })
  }
}
