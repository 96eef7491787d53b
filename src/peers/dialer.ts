/** Keeps one connection to a peer open: dials, and dials again when it ends. */
import { timing } from '../model/limits.ts'
import type { RegionId } from '../model/slot.ts'
import type { Purpose } from '../protocol/hello.ts'
import type { Connection, Network } from '../runtime/network.ts'
import type { Random } from '../runtime/random.ts'
import { PeerSession, type SessionContext, type SessionEvents } from './session.ts'

export interface DialerOptions {
  readonly context: SessionContext
  readonly network: Network
  readonly random: Random
  readonly region: RegionId
  readonly address: string
  readonly purpose: Purpose
  /** The events of a session of this dialler, which has just been made. */
  readonly events: (session: () => PeerSession) => SessionEvents
}

/**
 * Exponential, with half of it random, so that peers of a region that returns don't come at once.
 */
export function reconnectDelayMs(failures: number, unit: number): number {
  const ceilingMs = Math.min(timing.reconnectMaxMs, timing.reconnectMinMs * 2 ** failures)
  return ceilingMs * (0.5 + 0.5 * unit)
}

export class PeerDialer {
  readonly #options: DialerOptions
  #session: PeerSession | undefined
  #failures = 0
  /** When the hellos of the present session were exchanged. */
  #openedAtMs: number | undefined
  #lastFailure: string | undefined
  #stopped = false
  #cancelTimer: () => void = () => {}

  constructor(options: DialerOptions) {
    this.#options = options
  }

  /** The session whose hellos are exchanged, if there is one. */
  get openSession(): PeerSession | undefined {
    return this.#session?.isOpen ? this.#session : undefined
  }

  /** Why the last attempt or session ended; undefined while one is open. */
  get lastFailure(): string | undefined {
    return this.#lastFailure
  }

  start(): void {
    const { network, address } = this.#options
    network.connect(address, { timeoutMs: timing.connectTimeoutMs }).then(
      connection => this.#connected(connection),
      error => this.#ended(`no connection: ${failureOf(error)}`),
    )
  }

  stop(): void {
    this.#stopped = true
    this.#cancelTimer()
    this.#session?.close('this node stops')
  }

  #connected(connection: Connection): void {
    if (this.#stopped) {
      connection.abort()
      return
    }
    const { context, region, purpose, events } = this.#options
    const session: PeerSession = new PeerSession(
      context,
      { connection, dialledFor: purpose, regions: new Set([region]) },
      this.#observed(events(() => session)),
    )
    this.#session = session
  }

  /** The owner's events, with this dialler's own part in them. */
  #observed(events: SessionEvents): SessionEvents {
    return {
      ...events,
      onOpen: hello => {
        this.#openedAtMs = this.#options.context.clock.monotonicMs()
        this.#lastFailure = undefined
        this.#log('info', 'A peer is connected', {})
        events.onOpen(hello)
      },
      onClosed: reason => {
        if (this.#hasLasted()) this.#failures = 0
        this.#openedAtMs = undefined
        this.#session = undefined
        events.onClosed(reason)
        this.#ended(reason)
      },
    }
  }

  /** One that opens only to end at once, over and over, is dialled ever less often. */
  #hasLasted(): boolean {
    if (this.#openedAtMs === undefined) return false
    return this.#options.context.clock.monotonicMs() - this.#openedAtMs >= timing.reconnectMaxMs
  }

  #ended(reason: string): void {
    if (this.#stopped) return
    // The first time says it; the same again and again would drown the rest.
    this.#log(reason === this.#lastFailure ? 'debug' : 'warn', 'A peer is not connected', {
      reason,
    })
    this.#lastFailure = reason
    const delayMs = reconnectDelayMs(this.#failures, this.#options.random.unit())
    this.#failures += 1
    this.#cancelTimer = this.#options.context.clock.after(delayMs, () => this.start())
  }

  #log(level: 'debug' | 'info' | 'warn', message: string, fields: { reason?: string }): void {
    const { context, region, purpose, address } = this.#options
    context.log[level](message, { peer: region, purpose, address, ...fields })
  }
}

const failureOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'it timed out'
