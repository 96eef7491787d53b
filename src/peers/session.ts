/**
 * One connection to a peer, from its hello to its end: greeting, messages, pings, silence.
 *
 * Either side is silent for at most a ping interval, whatever else it sends, so that a cable that
 * dropped is told from a peer that has nothing to say. A session that ended never comes back.
 */

import { assert } from '../model/assert.ts'
import { limits, timing } from '../model/limits.ts'
import type { RegionId } from '../model/slot.ts'
import { decodeCbor, encodeCbor } from '../protocol/cbor.ts'
import { FrameDecoder, FrameEncoder, type Message, type Outgoing } from '../protocol/frames.ts'
import {
  decodeRefusal,
  encodeHello,
  encodeRefusal,
  type Hello,
  judgeHello,
  type Purpose,
  peerStateSchema,
} from '../protocol/hello.ts'
import type { Clock } from '../runtime/clock.ts'
import { describeError, type Logger } from '../runtime/log.ts'
import type { Connection } from '../runtime/network.ts'
import type { PeerIdentity, PeerState } from './peers.ts'

/** The types of messages between nodes. Numbers are part of the protocol and never reused. */
export const messageType = {
  hello: 1,
  refusal: 2,
  ping: 3,
  pong: 4,
  request: 5,
  reply: 6,
  failure: 7,
  stream: 8,
} as const

const strangerLimits = {
  frameBytesMax: limits.helloBytesMax,
  messageBytesMax: limits.helloBytesMax,
  interleavedMessagesMax: 1,
}

/** A ping that was late by more than this was held up by our own process, not by the peer. */
const OWN_STALL_MS = timing.pingIntervalMs / 2
/** Pings whose answers are awaited; older ones are forgotten. */
const PINGS_AWAITED_MAX = 32

/** What every session of a node shares. */
export interface SessionContext {
  readonly self: () => PeerIdentity
  readonly clock: Clock
  readonly log: Logger
}

export interface SessionOptions {
  readonly connection: Connection
  /** The purpose for the side that dialled, which speaks first; undefined for the other. */
  readonly dialledFor: Purpose | undefined
  /** The regions that the other side may be. */
  readonly regions: ReadonlySet<RegionId>
}

export interface SessionEvents {
  /** The hellos are exchanged: messages may be sent. */
  onOpen(hello: Hello): void
  onMessage(message: Message): void
  /** All that was sent has left this process. */
  onDrained(): void
  onPeerState(state: PeerState): void
  onRoundTrip(roundTripMs: number): void
  /** Once, at the end. */
  onClosed(reason: string): void
}

export class PeerSession {
  readonly #context: SessionContext
  readonly #options: SessionOptions
  readonly #connection: Connection
  readonly #events: SessionEvents
  readonly #encoder = new FrameEncoder()
  readonly #decoder = new FrameDecoder(strangerLimits)
  readonly #pings = new Map<number, number>()
  #state: 'greeting' | 'open' | 'closed' = 'greeting'
  #nextPing = 0
  #nextPingMs = 0
  #heardMs: number
  #cancelTimer: () => void
  #stallForgiven = false
  /** Messages since the hellos have come: it has heard ours, and pings. */
  #isAnswered = false

  constructor(context: SessionContext, options: SessionOptions, events: SessionEvents) {
    this.#context = context
    this.#options = options
    this.#connection = options.connection
    this.#events = events
    this.#heardMs = context.clock.monotonicMs()
    this.#cancelTimer = context.clock.after(timing.helloTimeoutMs, () =>
      this.#end('no hello in time', 'abort'),
    )
    this.#connection.onClose(reason => this.#end(reason, 'abort'))
    this.#connection.onDrain(() => this.#drained())
    this.#connection.onData(bytes => this.#received(bytes))
    if (options.dialledFor !== undefined) this.#sendHello(options.dialledFor)
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** Bytes that have not left this process. */
  bufferedBytes(): number {
    return this.#encoder.queuedBytes + this.#connection.bufferedBytes()
  }

  /** Queues a message on an open session; `undefined` when it is not open: nothing was sent. */
  send(message: Message, lane: string): Outgoing | undefined {
    if (this.#state !== 'open') return undefined
    const outgoing = this.#encoder.push(message, lane)
    this.#pump()
    return outgoing
  }

  /** Takes a message back, also after the end. False: some of it has left this process. */
  withdraw(outgoing: Outgoing): boolean {
    return this.#encoder.withdraw(outgoing)
  }

  /** Ends the session after what is queued has been sent. */
  close(reason: string): void {
    this.#end(reason, 'close')
  }

  /** Ends the session now: the other side broke the protocol or is gone. */
  abort(reason: string): void {
    this.#end(reason, 'abort')
  }

  #end(reason: string, how: 'close' | 'abort'): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#cancelTimer()
    if (how === 'close') this.#connection.close()
    else this.#connection.abort()
    this.#events.onClosed(reason)
  }

  #received(bytes: Uint8Array): void {
    if (this.#state === 'closed') return
    this.#heardMs = this.#context.clock.monotonicMs()
    this.#stallForgiven = false
    try {
      this.#decoder.push(bytes, message => this.#message(message))
    } catch (error) {
      this.#context.log.error('A peer broke the protocol, or its message was not handled', {
        remote: this.#connection.remote,
        ...describeError(error),
      })
      this.#end('a message could not be handled', 'abort')
    }
  }

  #message(message: Message): void {
    if (this.#state === 'greeting') this.#greet(message)
    else if (this.#state === 'open') {
      this.#isAnswered = true
      this.#dispatch(message)
    }
  }

  #greet(message: Message): void {
    if (message.type === messageType.refusal) {
      this.#end(`refused by the other end: ${decodeRefusal(message.payload)}`, 'abort')
      return
    }
    const { dialledFor, regions } = this.#options
    const { clusterId } = this.#context.self()
    const result =
      message.type === messageType.hello
        ? judgeHello(message.payload, {
            clusterId,
            regions,
            provenRegions: this.#connection.provenRegions,
            ...(dialledFor === undefined ? {} : { purpose: dialledFor }),
          })
        : { kind: 'refused' as const, reason: 'the first message is not a hello' }
    if (result.kind === 'refused') {
      this.#sendNow(messageType.refusal, encodeRefusal(result.reason))
      this.#end(`refused: ${result.reason}`, 'close')
      return
    }
    if (dialledFor === undefined) this.#sendHello(result.hello.purpose)
    this.#open(result.hello)
  }

  #open(hello: Hello): void {
    this.#state = 'open'
    this.#decoder.setLimits(limits)
    this.#cancelTimer()
    this.#events.onOpen(hello)
    this.#events.onPeerState(hello.state)
    this.#tick()
  }

  #dispatch(message: Message): void {
    switch (message.type) {
      case messageType.ping:
        this.#events.onPeerState(peerStateSchema.parse(decodeCbor(message.payload)))
        this.send({ type: messageType.pong, id: message.id, payload: new Uint8Array() }, 'pong')
        break
      case messageType.pong: {
        const sentMs = this.#pings.get(message.id)
        this.#pings.delete(message.id)
        if (sentMs !== undefined) {
          this.#events.onRoundTrip(this.#context.clock.monotonicMs() - sentMs)
        }
        break
      }
      case messageType.refusal:
        // The side that dialled did not accept our hello, which answered its own.
        this.#end(`refused by the other end: ${decodeRefusal(message.payload)}`, 'abort')
        break
      default:
        this.#events.onMessage(message)
    }
  }

  /** Pings when it is time, ends the session when the peer is silent, and sets the next tick. */
  #tick(lateMs = 0): void {
    if (this.#state !== 'open') return
    const nowMs = this.#context.clock.monotonicMs()
    const silentMs = nowMs - this.#heardMs
    const silenceMaxMs = this.#silenceMaxMs
    if (silentMs >= silenceMaxMs) {
      if (lateMs < OWN_STALL_MS || this.#stallForgiven) {
        this.#end(`silent for ${Math.round(silentMs)} ms`, 'abort')
        return
      }
      // What the peer sent meanwhile may still wait to be read.
      this.#stallForgiven = true
    }
    if (nowMs >= this.#nextPingMs) this.#ping(nowMs)
    const silenceMs = this.#heardMs + silenceMaxMs
    const nextMs = silenceMs > nowMs ? Math.min(this.#nextPingMs, silenceMs) : this.#nextPingMs
    this.#cancelTimer = this.#context.clock.after(nextMs - nowMs, () =>
      this.#tick(this.#context.clock.monotonicMs() - nextMs),
    )
  }

  /**
   * Who dialled says nothing until our hello has come: on a long line its first ping is a whole
   * round trip away.
   */
  get #silenceMaxMs(): number {
    const waitsForFirst = this.#options.dialledFor === undefined && !this.#isAnswered
    return waitsForFirst ? timing.helloTimeoutMs : timing.peerSilenceMaxMs
  }

  #ping(nowMs: number): void {
    this.#nextPingMs = nowMs + timing.pingIntervalMs
    const id = this.#nextPing
    this.#nextPing = (this.#nextPing + 1) % 2 ** 32
    this.#pings.set(id, nowMs)
    const [oldest] = this.#pings.keys()
    if (this.#pings.size > PINGS_AWAITED_MAX && oldest !== undefined) this.#pings.delete(oldest)
    const { keeperEpoch, revision } = this.#context.self()
    const payload = encodeCbor({ keeperEpoch, revision })
    this.send({ type: messageType.ping, id, payload }, 'ping')
  }

  #sendHello(purpose: Purpose): void {
    const { clusterId, region, nodeId, keeperEpoch, revision } = this.#context.self()
    const state = { keeperEpoch, revision }
    this.#sendNow(messageType.hello, encodeHello({ purpose, clusterId, region, nodeId, state }))
  }

  #sendNow(type: number, payload: Uint8Array): void {
    assert(payload.length < limits.helloBytesMax - 64, 'a greeting fits the first frame')
    this.#encoder.push({ type, id: 0, payload }, 'greeting')
    this.#pump()
  }

  /** Keeps the connection's queue short, so that lanes take turns here, where they can. */
  #pump(): void {
    while (this.#connection.bufferedBytes() < limits.frameBytesMax) {
      const frame = this.#encoder.next()
      if (!frame) return
      this.#connection.send(frame)
    }
  }

  #drained(): void {
    if (this.#state === 'closed') return
    this.#pump()
    if (this.bufferedBytes() === 0) this.#events.onDrained()
  }
}
