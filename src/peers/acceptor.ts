/**
 * The connections that peers opened to this node: it answers their calls and takes their streams.
 */
import { limits } from '../model/limits.ts'
import type { RegionId } from '../model/slot.ts'
import type { Hello } from '../protocol/hello.ts'
import type { Connection } from '../runtime/network.ts'
import { CallServer } from './calls.ts'
import { type Channel, channelEvents } from './channel.ts'
import type { PeerHandlers } from './peers.ts'
import { PeerSession, type SessionContext } from './session.ts'
import { SessionStream } from './stream.ts'

/** Reasons that were logged as warnings: each once, until somebody gets through. */
const REASONS_REMEMBERED_MAX = 64

export class PeerAcceptor {
  readonly #context: SessionContext
  readonly #regions: ReadonlySet<RegionId>
  readonly #handlers: PeerHandlers
  readonly #sessions = new Set<PeerSession>()
  /** The open session of each peer and purpose. */
  readonly #latest = new Map<string, PeerSession>()
  readonly #reasons = new Set<string>()
  #stopped = false

  constructor(context: SessionContext, regions: ReadonlySet<RegionId>, handlers: PeerHandlers) {
    this.#context = context
    this.#regions = regions
    this.#handlers = handlers
  }

  accept(connection: Connection): void {
    if (this.#stopped || this.#sessions.size >= limits.peerConnectionsMax) {
      this.#warnOnce('this node has too many connections, or stops', connection)
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
          if (region === undefined) this.#warnOnce(reason, connection)
        },
      }),
    )
    this.#sessions.add(session)
  }

  stop(): void {
    this.#stopped = true
    for (const session of [...this.#sessions]) session.close('this node stops')
  }

  #opened(session: PeerSession, hello: Hello): Channel {
    const { log } = this.#context
    const { region, purpose, nodeId } = hello
    log.info('A peer connected to this node', { peer: region, purpose, node: nodeId })
    this.#reasons.clear()
    // A peer that dials again has given the earlier connection up, whether we saw it end or not.
    const key = `${region} ${purpose}`
    this.#latest.get(key)?.abort('the peer has connected again')
    this.#latest.set(key, session)
    if (purpose === 'calls') return new CallServer(region, session, this.#handlers, log)
    const stream = new SessionStream(region, session, log)
    this.#handlers.onStream(region, stream)
    return stream
  }

  #warnOnce(reason: string, { remote }: Connection): void {
    const level = this.#reasons.has(reason) ? 'debug' : 'warn'
    this.#context.log[level]('A connection to this node ended before it began', { remote, reason })
    if (this.#reasons.size < REASONS_REMEMBERED_MAX) this.#reasons.add(reason)
  }
}
