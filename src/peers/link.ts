/**
 * This node's side of the link to one peer: the two connections that it dials, and what it knows.
 */
import type { RegionId } from '../model/slot.ts'
import type { Network } from '../runtime/network.ts'
import type { Random } from '../runtime/random.ts'
import { CallClient } from './calls.ts'
import { channelEvents } from './channel.ts'
import { PeerDialer } from './dialer.ts'
import { type CallOptions, PeerFailure, type PeerHandlers, type PeerStatus } from './peers.ts'
import type { SessionContext } from './session.ts'
import { SessionStream } from './stream.ts'

export interface PeerLinkOptions {
  readonly context: SessionContext
  readonly network: Network
  readonly random: Random
  readonly region: RegionId
  readonly address: string
  readonly handlers: PeerHandlers
}

/** Exponentially weighted by 1/8, as TCP does it (RFC 6298, section 2). */
export const smoothedRtt = (smoothedMs: number | undefined, sampleMs: number): number =>
  smoothedMs === undefined ? sampleMs : smoothedMs + (sampleMs - smoothedMs) / 8

export class PeerLink {
  readonly #options: PeerLinkOptions
  readonly #calls: PeerDialer
  readonly #feeds: PeerDialer
  readonly #waiters = new Set<(failure?: PeerFailure) => void>()
  #client: CallClient | undefined
  #rttMs: number | undefined

  constructor(options: PeerLinkOptions) {
    this.#options = options
    this.#calls = this.#dialCalls()
    this.#feeds = this.#dialFeeds()
  }

  start(): void {
    this.#calls.start()
  }

  follow(): void {
    this.#feeds.start()
  }

  stop(): void {
    this.#calls.stop()
    this.#feeds.stop()
    for (const waiter of [...this.#waiters]) waiter(new PeerFailure(false, 'this node stops'))
  }

  get reachable(): boolean {
    return this.#client !== undefined
  }

  get rttMs(): number | undefined {
    return this.#rttMs
  }

  async call(name: string, body: unknown, options: CallOptions): Promise<unknown> {
    if (!this.#client) throw new PeerFailure(false, this.#calls.lastFailure ?? 'not connected yet')
    return this.#client.call(name, body, options)
  }

  whenReachable(timeoutMs: number): Promise<void> {
    if (this.reachable) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const waiter = (failure?: PeerFailure): void => {
        cancelTimer()
        this.#waiters.delete(waiter)
        if (failure) reject(failure)
        else resolve()
      }
      const cancelTimer = this.#options.context.clock.after(timeoutMs, () =>
        waiter(new PeerFailure(false, this.#calls.lastFailure ?? 'not connected in time')),
      )
      this.#waiters.add(waiter)
    })
  }

  status(): PeerStatus {
    const { region, address } = this.#options
    return {
      region,
      address,
      reachable: this.reachable,
      streaming: this.#feeds.openSession !== undefined,
      rttMs: this.#rttMs,
      callsInFlight: this.#client?.inFlight ?? 0,
      lastFailure: this.#calls.lastFailure,
    }
  }

  #dialCalls(): PeerDialer {
    const { context, region, handlers } = this.#options
    return new PeerDialer({
      ...this.#options,
      purpose: 'calls',
      events: session =>
        channelEvents({
          onOpen: () => {
            const client = new CallClient(session(), context.clock)
            this.#client = client
            handlers.onReachability(region, true)
            for (const waiter of [...this.#waiters]) waiter()
            return client
          },
          onPeerState: state => handlers.onPeerState(region, state),
          onRoundTrip: roundTripMs => {
            this.#rttMs = smoothedRtt(this.#rttMs, roundTripMs)
          },
          onClosed: () => {
            this.#client = undefined
            handlers.onReachability(region, false)
          },
        }),
    })
  }

  #dialFeeds(): PeerDialer {
    const { context, region, handlers } = this.#options
    return new PeerDialer({
      ...this.#options,
      purpose: 'feeds',
      events: session =>
        channelEvents({
          onOpen: () => {
            const stream = new SessionStream(region, session(), context.log)
            handlers.onStreamOpen(region, stream)
            return stream
          },
          onPeerState: state => handlers.onPeerState(region, state),
          onRoundTrip: () => {},
          onClosed: () => {},
        }),
    })
  }
}
