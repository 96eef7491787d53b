/** A `MessageStream` over a session. */
import { assert } from '../model/assert.ts'
import { limits } from '../model/limits.ts'
import type { RegionId } from '../model/slot.ts'
import { decodeCbor, encodeCbor } from '../protocol/cbor.ts'
import type { Message } from '../protocol/frames.ts'
import type { Logger } from '../runtime/log.ts'
import type { Channel } from './channel.ts'
import type { MessageStream, SendOptions } from './peers.ts'
import { messageType, type PeerSession } from './session.ts'

export class SessionStream implements MessageStream, Channel {
  readonly region: RegionId
  readonly #session: PeerSession
  readonly #log: Logger
  #lastId = 0
  #onDrained: () => void = () => {}
  #onMessage: ((message: unknown) => void) | undefined
  #onClose: (reason: string) => void = () => {}

  constructor(region: RegionId, session: PeerSession, log: Logger) {
    this.region = region
    this.#session = session
    this.#log = log
  }

  send(message: unknown, options: SendOptions = {}): void {
    if (!this.#session.isOpen) return
    const payload = encodeCbor(message)
    assert(payload.length <= limits.messageBytesMax, 'a message of a stream keeps its bound')
    if (this.#session.bufferedBytes() + payload.length > limits.linkQueueBytesMax) {
      this.#log.error('A stream to a peer overflowed and is closed', { peer: this.region })
      this.#session.abort('the stream overflowed')
      return
    }
    this.#lastId = (this.#lastId + 1) % 2 ** 32
    const lane = `stream ${options.lane ?? ''}`
    this.#session.send({ type: messageType.stream, id: this.#lastId, payload }, lane)
  }

  bufferedBytes(): number {
    return this.#session.bufferedBytes()
  }
  onDrained(task: () => void): void {
    this.#onDrained = task
  }
  onMessage(task: (message: unknown) => void): void {
    this.#onMessage = task
  }
  onClose(task: (reason: string) => void): void {
    this.#onClose = task
  }
  close(): void {
    this.#session.close('closed by this end')
  }

  /** From the session. Throws when the message is none of a stream: the session ends with it. */
  receive({ type, payload }: Message): void {
    assert(type === messageType.stream, 'a feeds connection carries stream messages only')
    assert(this.#onMessage, 'the callbacks of a stream are set before it is used')
    this.#onMessage(decodeCbor(payload, { depthMax: limits.messageDepthMax }))
  }
  drained(): void {
    this.#onDrained()
  }
  closed(reason: string): void {
    this.#onClose(reason)
  }
}
