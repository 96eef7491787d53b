/** What the links between regions offer to the rest of a node, and what they ask of it. */
import type { RegionId } from '../model/slot.ts'

/** The coordination record that a node has stored: whoever sees a higher one fetches it. */
export interface PeerState {
  readonly keeperEpoch: number
  readonly revision: number
}

/** Who this node is. `clusterId` is null until the node has joined a cluster. */
export interface PeerIdentity extends PeerState {
  readonly clusterId: string | null
  readonly region: RegionId
  readonly nodeId: string
}

export interface PeerHandlers {
  /**
   * Answers a call. What it resolves with goes back as the reply; a `DenizenError` crosses as it
   * is; anything else is logged here and crosses as `internal`, without its text. `trace`: the
   * `traceparent` of the caller's span.
   */
  onCall(from: RegionId, name: string, body: unknown, trace?: string): Promise<unknown>
  /** A peer opened its feeds connection to us. Set the stream's callbacks before returning. */
  onStream(from: RegionId, stream: MessageStream): void
  /** Our feeds connection to a peer is up (again). Set the stream's callbacks before returning. */
  onStreamOpen(to: RegionId, stream: MessageStream): void
  /** Upon each hello and ping of a peer. */
  onPeerState(region: RegionId, state: PeerState): void
  /** Our calls connection to a peer came up, or ended. */
  onReachability(region: RegionId, reachable: boolean): void
}

export interface SendOptions {
  /**
   * Messages of one lane arrive in the order in which they were sent. Lanes take turns, a frame
   * each, so that a large message of one dataset does not hold up the others. Default: one lane.
   */
  readonly lane?: string
}

/**
 * Messages to and from one peer over one connection. It ends with the connection and is never
 * revived: the owner hears of the next one by `onStream` or `onStreamOpen`.
 */
export interface MessageStream {
  readonly region: RegionId
  /**
   * Queues a CBOR-able message. No-op once closed. The owner keeps `bufferedBytes` below
   * limits.linkQueueBytesMax, by credit or by waiting for `onDrained`: beyond it the stream fails.
   */
  send(message: unknown, options?: SendOptions): void
  bufferedBytes(): number
  /** Runs each time the queue has run empty. */
  onDrained(task: () => void): void
  onMessage(task: (message: unknown) => void): void
  /** Runs once, whoever closed. */
  onClose(task: (reason: string) => void): void
  close(): void
}

/**
 * A call that brought no answer from its handler. `sent: false` is a promise: nothing of the call
 * has left this node, so it was not executed. `sent: true` means that it may have been.
 */
export class PeerFailure extends Error {
  override readonly name = 'PeerFailure'
  readonly sent: boolean
  readonly reason: string

  constructor(sent: boolean, reason: string) {
    super(`${reason} (${sent ? 'may have been executed' : 'nothing was sent'})`)
    this.sent = sent
    this.reason = reason
  }
}

export interface CallOptions {
  readonly timeoutMs: number
  /** The `traceparent` of the span that the call belongs to. */
  readonly trace?: string | undefined
}

/** Asks a region. Rejects with `PeerFailure`, or with the `DenizenError` of its handler. */
export type PeerCall = (
  region: RegionId,
  name: string,
  body: unknown,
  options: CallOptions,
) => Promise<unknown>

export interface PeerStatus {
  readonly region: RegionId
  readonly address: string
  /** Our calls connection to the peer is up and answers. */
  readonly reachable: boolean
  /** Our feeds connection to the peer is up and answers. */
  readonly streaming: boolean
  /** Smoothed round trip; the last one measured while the peer is unreachable. */
  readonly rttMs: number | undefined
  readonly callsInFlight: number
  /** Why the last connection failed or ended; undefined while reachable. */
  readonly lastFailure: string | undefined
}
