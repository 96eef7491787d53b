/**
 * Calls over a session: the side that dialled asks, the other side answers, in any order. A request
 * is `[name, body]`, or `[name, body, traceparent]` where it belongs to a trace; its answer has the
 * request's id and is a reply, or a failure (a `WireError`).
 */
import { z } from 'zod'
import { assert } from '../model/assert.ts'
import { isErrorCode } from '../model/error-kinds.ts'
import { DenizenError, type WireError } from '../model/errors.ts'
import { limits } from '../model/limits.ts'
import type { RegionId } from '../model/slot.ts'
import { decodeCbor, encodeCbor } from '../protocol/cbor.ts'
import type { Message, Outgoing } from '../protocol/frames.ts'
import type { Clock } from '../runtime/clock.ts'
import { describeError, type Logger } from '../runtime/log.ts'
import type { Channel } from './channel.ts'
import { type CallOptions, PeerFailure, type PeerHandlers } from './peers.ts'
import { messageType, type PeerSession } from './session.ts'

const requestSchema = z.tuple([
  z.string().min(1).max(100),
  z.unknown(),
  z.string().max(200).optional(),
])

const wireErrorSchema = z.object({
  // A code of a later version means nothing here but that it failed.
  code: z.string().transform(code => (isErrorCode(code) ? code : 'internal')),
  detail: z.string(),
  applied: z.enum(['yes', 'no', 'unknown']),
  retry: z.enum(['safe', 'with-idempotency-key', 'no']),
  extra: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])),
}) satisfies z.ZodType<WireError>

const decodeMessage = (payload: Uint8Array): unknown =>
  decodeCbor(payload, { depthMax: limits.messageDepthMax })

interface Pending {
  readonly outgoing: Outgoing
  settle(outcome: { readonly value: unknown } | { readonly error: Error }): void
}

/** The asking side of one session. */
export class CallClient implements Channel {
  readonly #session: PeerSession
  readonly #clock: Clock
  readonly #pending = new Map<number, Pending>()
  #lastId = 0

  constructor(session: PeerSession, clock: Clock) {
    this.#session = session
    this.#clock = clock
  }

  get inFlight(): number {
    return this.#pending.size
  }

  /** Rejects with `PeerFailure`, or with the `DenizenError` that the other side answered. */
  call(name: string, body: unknown, { timeoutMs, trace }: CallOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const payload = encodeCbor(trace === undefined ? [name, body] : [name, body, trace])
      if (payload.length > limits.messageBytesMax) {
        throw new DenizenError('too_large', 'a call between regions is too large')
      }
      if (this.#pending.size >= limits.callsInFlightMax) {
        throw new PeerFailure(false, 'too many calls are in flight')
      }
      if (this.#session.bufferedBytes() + payload.length > limits.linkQueueBytesMax) {
        throw new PeerFailure(false, 'too many bytes wait to be sent')
      }
      const id = this.#freeId()
      const outgoing = this.#session.send({ type: messageType.request, id, payload }, `${id}`)
      if (!outgoing) throw new PeerFailure(false, 'not connected')
      const cancelTimer = this.#clock.after(timeoutMs, () => this.#fail(id, 'no answer in time'))
      this.#pending.set(id, {
        outgoing,
        settle: outcome => {
          cancelTimer()
          if ('error' in outcome) reject(outcome.error)
          else resolve(outcome.value)
        },
      })
    })
  }

  /** An answer. One that nobody waits for any more came after its timeout. */
  receive(message: Message): void {
    assert(
      message.type === messageType.reply || message.type === messageType.failure,
      'the answering side of a calls connection sends answers only',
    )
    const pending = this.#pending.get(message.id)
    if (!pending) return
    const value = decodeMessage(message.payload)
    const outcome =
      message.type === messageType.reply
        ? { value }
        : { error: DenizenError.fromWire(wireErrorSchema.parse(value)) }
    this.#pending.delete(message.id)
    pending.settle(outcome)
  }

  /** The session ended: no answer will come. */
  closed(reason: string): void {
    for (const id of [...this.#pending.keys()]) this.#fail(id, reason)
  }

  drained(): void {}

  #fail(id: number, reason: string): void {
    const pending = this.#pending.get(id)
    assert(pending, 'a call that fails is pending')
    this.#pending.delete(id)
    const unsent = this.#session.withdraw(pending.outgoing)
    pending.settle({ error: new PeerFailure(!unsent, reason) })
  }

  /** An id whose call is not in flight. */
  #freeId(): number {
    do this.#lastId = (this.#lastId + 1) % 2 ** 32
    while (this.#pending.has(this.#lastId))
    return this.#lastId
  }
}

/** The answering side of one session. */
export class CallServer implements Channel {
  readonly #from: RegionId
  readonly #session: PeerSession
  readonly #handlers: PeerHandlers
  readonly #log: Logger
  #running = 0

  constructor(from: RegionId, session: PeerSession, handlers: PeerHandlers, log: Logger) {
    this.#from = from
    this.#session = session
    this.#handlers = handlers
    this.#log = log
  }

  /** Throws when the message is no request: the session ends with it. */
  receive({ type, id, payload }: Message): void {
    assert(type === messageType.request, 'the asking side of a calls connection only asks')
    const [name, body, trace] = requestSchema.parse(decodeMessage(payload))
    // The caller gives up on calls that we still work on, so its bound does not bound us.
    const full =
      this.#running >= limits.callsInFlightMax ||
      this.#session.bufferedBytes() > limits.linkQueueBytesMax
    if (full) {
      this.#answerFailure(id, new DenizenError('overloaded', 'the peer has too many calls'))
      return
    }
    this.#running += 1
    this.#run(name, body, trace).then(
      reply => this.#answer(id, reply),
      error => this.#answerFailure(id, this.#crossing(name, error)),
    )
  }

  drained(): void {}
  /** Handlers that still run finish; their answers have nowhere to go. */
  closed(): void {}

  async #run(name: string, body: unknown, trace?: string): Promise<Uint8Array> {
    try {
      const reply = encodeCbor(await this.#handlers.onCall(this.#from, name, body, trace))
      assert(reply.length <= limits.messageBytesMax, 'the reply to a call keeps its bound')
      return reply
    } finally {
      this.#running -= 1
    }
  }

  /** What crosses of an error. Texts that are not ours may quote keys and values: they stay. */
  #crossing(name: string, error: unknown): DenizenError {
    if (error instanceof DenizenError) return error
    this.#log.error('A call from a peer failed unexpectedly', {
      peer: this.#from,
      call: name,
      ...describeError(error),
    })
    return new DenizenError('internal', 'the other region failed; its log says how')
  }

  #answer(id: number, payload: Uint8Array): void {
    // When the session has ended meanwhile, the caller knows that the outcome is unknown.
    this.#session.send({ type: messageType.reply, id, payload }, `${id}`)
  }

  #answerFailure(id: number, error: DenizenError): void {
    const payload = encodeCbor(error.toWire())
    this.#session.send({ type: messageType.failure, id, payload }, `${id}`)
  }
}
