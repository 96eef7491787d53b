/**
 * The links between this region's node and those of all other regions.
 *
 * Each node dials every peer twice: one connection for calls (requests and answers, many in flight)
 * and one for feeds (messages both ways), so that for a pair of regions there are four. What a
 * region asks goes over the connection that it dialled; whether it can reach a peer is therefore
 * its own observation, and a partition that cuts one way only is seen as what it is.
 *
 * The promise behind truthful errors: nothing but the hello leaves before the peer's hello has come
 * and was accepted, so a call that fails with `sent: false` was not executed.
 */
import type { PeerMeter } from '../metrics/peer-meter.ts'
import { assert } from '../model/assert.ts'
import { timing } from '../model/limits.ts'
import type { RegionId } from '../model/slot.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import type { Listener, Network } from '../runtime/network.ts'
import type { Random } from '../runtime/random.ts'
import { PeerAcceptor } from './acceptor.ts'
import { PeerLink } from './link.ts'
import {
  type CallOptions,
  PeerFailure,
  type PeerHandlers,
  type PeerIdentity,
  type PeerStatus,
} from './peers.ts'

export interface PeerLinksOptions {
  /** Asked anew for each hello and ping. */
  readonly self: () => PeerIdentity
  readonly network: Network
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** `host:port` */
  readonly listen: string
  /** The address of each other region; not this one's. */
  readonly peers: ReadonlyMap<RegionId, string>
  readonly handlers: PeerHandlers
  /** Default: nobody counts. */
  readonly meter?: PeerMeter
}

export class PeerLinks {
  readonly #options: PeerLinksOptions
  readonly #links: ReadonlyMap<RegionId, PeerLink>
  readonly #acceptor: PeerAcceptor
  #listener: Listener | undefined

  constructor(options: PeerLinksOptions) {
    const { self, clock, random, network, log, peers, handlers } = options
    assert(!peers.has(self().region), 'a region is not its own peer')
    this.#options = options
    const context = { self, clock, log }
    this.#acceptor = new PeerAcceptor(context, new Set(peers.keys()), handlers)
    this.#links = new Map(
      [...peers].map(([region, address]) => [
        region,
        new PeerLink({ context, network, random, region, address, handlers }),
      ]),
    )
  }

  /** Listens, then dials for calls. Rejects when the address can't be taken. */
  async start(): Promise<void> {
    const { network, listen } = this.#options
    this.#listener = await network.listen(listen, {
      onConnection: connection => this.#acceptor.accept(connection),
      onRefused: (remote, reason) => this.#acceptor.refused(remote, reason),
    })
    for (const link of this.#links.values()) link.start()
  }

  /** Dials the feeds connections: from now on `onStreamOpen` and its streams come. */
  follow(): void {
    for (const link of this.#links.values()) link.follow()
  }

  /** Where peers reach this node: the real port where 0 was asked for. */
  get address(): string {
    assert(this.#listener, 'the links are started')
    return this.#listener.address
  }

  /**
   * Asks a peer. Body and reply are CBOR-able. Rejects with `PeerFailure` when no answer came, with
   * the handler's `DenizenError` when it failed. `timeoutMs` counts from now, sending included.
   */
  async call(
    region: RegionId,
    name: string,
    body: unknown,
    { timeoutMs = timing.callTimeoutMs, trace }: Partial<CallOptions> = {},
  ): Promise<unknown> {
    const link = this.#links.get(region)
    if (!link) throw new PeerFailure(false, 'no such peer')
    const { meter } = this.#options
    const answer = link.call(name, body, { timeoutMs, trace })
    return meter ? meter.asked(region, name, answer) : answer
  }

  reachable(region: RegionId): boolean {
    return this.#links.get(region)?.reachable ?? false
  }

  /** Smoothed round trip to the peer, the last known one while it is unreachable. */
  rttMs(region: RegionId): number | undefined {
    return this.#links.get(region)?.rttMs
  }

  /** Resolves once the peer is reachable. Rejects with `PeerFailure` (nothing sent) otherwise. */
  async whenReachable(
    region: RegionId,
    { timeoutMs }: { readonly timeoutMs: number },
  ): Promise<void> {
    const link = this.#links.get(region)
    if (!link) throw new PeerFailure(false, 'no such peer')
    return link.whenReachable(timeoutMs)
  }

  /** Connections to this node that ended before their hello was accepted, since it started. */
  get refusals(): number {
    return this.#acceptor.refusals
  }

  statuses(): readonly PeerStatus[] {
    return [...this.#links.values()].map(link => link.status())
  }

  /** Ends every connection; calls in flight fail. Nothing is dialled or accepted any more. */
  async close(): Promise<void> {
    for (const link of this.#links.values()) link.stop()
    this.#acceptor.stop()
    await this.#listener?.close()
  }
}
