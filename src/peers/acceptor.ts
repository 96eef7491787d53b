/**
 * The connections that peers opened to this node: it answers their calls and takes their streams.
 */
import { limits, timing } from '../model/limits.ts'
import type { RegionId } from '../model/slot.ts'
import type { Hello } from '../protocol/hello.ts'
import type { Connection } from '../runtime/network.ts'
import { CallServer } from './calls.ts'
import { type Channel, channelEvents } from './channel.ts'
import type { PeerHandlers } from './peers.ts'
import { PeerSession, type SessionContext } from './session.ts'
import { SessionStream } from './stream.ts'

/** Warnings in one interval: strangers choose what they are refused for, and how often. */
const WARNINGS_MAX = 64

export class PeerAcceptor {
  readonly #context: SessionContext
  readonly #regions: ReadonlySet<RegionId>
  readonly #handlers: PeerHandlers
  readonly #sessions = new Set<PeerSession>()
  /** The open session of each peer and purpose. */
  readonly #latest = new Map<string, PeerSession>()
  /** For which reasons it was warned since `#warnedFromMs`: once for each. */
  readonly #warned = new Set<string>()
  #warnedFromMs = 0
  #refusals = 0
  #stopped = false

  constructor(context: SessionContext, regions: ReadonlySet<RegionId>, handlers: PeerHandlers) {
    this.#context = context
    this.#regions = regions
    this.#handlers = handlers
  }

  accept(connection: Connection): void {
    if (this.#stopped || this.#sessions.size >= limits.peerConnectionsMax) {
      this.refused(connection.remote, 'this node has too many connections, or stops')
      connection.abort()
      return
    }
    let region: RegionId | undefined
    const session: PeerSession = new PeerSession(
      this.#context,
      { connection, dialledFor: undefined, regions: this.#regions },
      channelEvents({
        onOpen: hello => {
          region = hello.region
          return this.#opened(session, hello)
        },
        onPeerState: state => region && this.#handlers.onPeerState(region, state),
        onRoundTrip: () => {},
        onClosed: reason => {
          this.#sessions.delete(session)
          if (region === undefined) this.refused(connection.remote, reason)
        },
      }),
    )
    this.#sessions.add(session)
  }

  /** A connection to this node ended before its hello was accepted. */
  refused(remote: string, reason: string): void {
    this.#refusals += 1
    const nowMs = this.#context.clock.monotonicMs()
    if (nowMs - this.#warnedFromMs >= timing.refusalWarningsMs) {
      this.#warned.clear()
      this.#warnedFromMs = nowMs
    }
    const isNews = !this.#warned.has(reason) && this.#warned.size < WARNINGS_MAX
    if (isNews) this.#warned.add(reason)
    this.#context.log[isNews ? 'warn' : 'debug'](
      'A connection to this node ended before it began',
      { remote, reason, refusals: this.#refusals },
    )
  }

  get refusals(): number {
    return this.#refusals
  }

  stop(): void {
    this.#stopped = true
    for (const session of [...this.#sessions]) session.close('this node stops')
  }

  #opened(session: PeerSession, hello: Hello): Channel {
    const { log } = this.#context
    const { region, purpose, nodeId } = hello
    log.info('A peer connected to this node', { peer: region, purpose, node: nodeId })
    // A peer that dials again has given the earlier connection up, whether we saw it end or not.
    const key = `${region} ${purpose}`
    this.#latest.get(key)?.abort('the peer has connected again')
    this.#latest.set(key, session)
    if (purpose === 'calls') return new CallServer(region, session, this.#handlers, log)
    const stream = new SessionStream(region, session, log)
    this.#handlers.onStream(region, stream)
    return stream
  }
}
