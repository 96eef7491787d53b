/**
 * The frames between nodes: u32 length | u8 type | u32 id | payload, integers big-endian, the
 * length counting what comes after it. The top bit of the type says that more fragments of the same
 * message follow; type and id name the message that a fragment belongs to.
 *
 * A message is given to a *lane*. Messages of a lane go out in order, whole; lanes take turns, one
 * frame each. So a large message holds nothing up but its own lane, and the bytes that the other
 * side has to keep for unfinished messages are bounded: only `interleavedMessagesMax` messages of
 * more than one frame are under way at a time, the others wait before they begin.
 */
import { assert } from '../model/assert.ts'
import { concatBytes } from '../model/bytes.ts'
import { limits } from '../model/limits.ts'

const LENGTH_BYTES = 4
/** Type and id: what the length counts besides the payload. */
const HEAD_BYTES = 5
const HEADER_BYTES = LENGTH_BYTES + HEAD_BYTES
const MORE = 0x80

export interface Message {
  /** 0 to 127. */
  readonly type: number
  /** u32. Of messages under way at a time, no two have the same type and id. */
  readonly id: number
  readonly payload: Uint8Array
}

export interface FrameLimits {
  /** Bytes of a whole frame. */
  readonly frameBytesMax: number
  readonly messageBytesMax: number
  readonly interleavedMessagesMax: number
}

/** The other end broke the protocol: the connection is of no further use. */
export class FrameError extends Error {
  override readonly name = 'FrameError'
}

/** A message on its way out. Its owner may ask whether any of it has left, and withdraw it. */
export interface Outgoing {
  readonly started: boolean
}

interface Sending extends Outgoing {
  readonly message: Message
  started: boolean
  withdrawn: boolean
  offset: number
}

/**
 * Cuts messages into frames, lane by lane. Pull: the caller takes frames as the network takes them.
 */
export class FrameEncoder {
  readonly #limits: FrameLimits
  readonly #lanes = new Map<string, Sending[]>()
  /** Lanes in the order of their turns. */
  readonly #turns: string[] = []
  /** Lanes whose next message has to wait until another long one is through. */
  readonly #waiting: string[] = []
  #underWay = 0
  #queuedBytes = 0

  constructor(frameLimits: FrameLimits = limits) {
    assert(frameLimits.frameBytesMax > HEADER_BYTES, 'a frame has room for a payload')
    this.#limits = frameLimits
  }

  /** Bytes of payloads that no frame has carried yet. */
  get queuedBytes(): number {
    return this.#queuedBytes
  }

  push(message: Message, lane: string): Outgoing {
    assert(message.type >= 0 && message.type < MORE, 'a message type has 7 bits')
    assert(message.payload.length <= this.#limits.messageBytesMax, 'a message keeps its bound')
    const sending = { message, started: false, withdrawn: false, offset: 0 }
    const queue = this.#lanes.get(lane)
    if (queue) queue.push(sending)
    else {
      this.#lanes.set(lane, [sending])
      this.#turns.push(lane)
    }
    this.#queuedBytes += message.payload.length
    return sending
  }

  /** Takes a message back, and says whether that came in time: none of it has left. */
  withdraw(outgoing: Outgoing): boolean {
    const sending = outgoing as Sending
    if (sending.started) return false
    if (!sending.withdrawn) this.#queuedBytes -= sending.message.payload.length
    sending.withdrawn = true
    return true
  }

  /** The next frame to send, or `undefined` when there is nothing to send. */
  next(): Uint8Array | undefined {
    for (;;) {
      const lane = this.#turns.shift()
      if (lane === undefined) return undefined
      const queue = this.#lanes.get(lane)
      assert(queue, 'a lane that has a turn has a queue')
      const sending = queue.find(candidate => !candidate.withdrawn)
      if (!sending) {
        this.#lanes.delete(lane)
        continue
      }
      while (queue[0] !== sending) queue.shift()
      if (this.#mustWait(sending)) {
        this.#waiting.push(lane)
        continue
      }
      const frame = this.#cut(sending)
      if (sending.offset === sending.message.payload.length) queue.shift()
      if (queue.length > 0) this.#turns.push(lane)
      else this.#lanes.delete(lane)
      return frame
    }
  }

  #isLong(sending: Sending): boolean {
    return sending.message.payload.length > this.#limits.frameBytesMax - HEADER_BYTES
  }

  #mustWait(sending: Sending): boolean {
    const full = this.#underWay >= this.#limits.interleavedMessagesMax
    return full && !sending.started && this.#isLong(sending)
  }

  #cut(sending: Sending): Uint8Array {
    const { payload } = sending.message
    const room = this.#limits.frameBytesMax - HEADER_BYTES
    const part = payload.subarray(sending.offset, sending.offset + room)
    if (!sending.started && this.#isLong(sending)) this.#underWay += 1
    sending.started = true
    sending.offset += part.length
    this.#queuedBytes -= part.length
    const more = sending.offset < payload.length
    if (!more && this.#isLong(sending)) {
      this.#underWay -= 1
      // All of them: the first may have nothing left to send. Who finds no room waits again.
      this.#turns.push(...this.#waiting.splice(0))
    }
    return encodeFrame(sending.message.type, sending.message.id, part, more)
  }
}

function encodeFrame(type: number, id: number, part: Uint8Array, more: boolean): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + part.length)
  const view = new DataView(frame.buffer)
  view.setUint32(0, HEAD_BYTES + part.length)
  view.setUint8(LENGTH_BYTES, more ? type | MORE : type)
  view.setUint32(LENGTH_BYTES + 1, id)
  frame.set(part, HEADER_BYTES)
  return frame
}

/** Joins frames to messages from a byte stream that may be split anywhere. */
export class FrameDecoder {
  #limits: FrameLimits
  readonly #header = new Uint8Array(HEADER_BYTES)
  #headerBytes = 0
  /**
   * The payload of the frame being read, once its header is complete, and how much of it is here.
   */
  #payload: Uint8Array | undefined
  #payloadBytes = 0
  /** Fragments of unfinished messages, by type and id. */
  readonly #joining = new Map<number, { parts: Uint8Array[]; bytes: number }>()

  constructor(frameLimits: FrameLimits = limits) {
    this.#limits = frameLimits
  }

  /** From the next frame on. Strangers get tight limits, so that they can claim no memory. */
  setLimits(frameLimits: FrameLimits): void {
    this.#limits = frameLimits
  }

  /**
   * Gives each message that the bytes complete to `onMessage`, in order. Throws `FrameError` on a
   * broken stream; the decoder must not be used any more then.
   */
  push(bytes: Uint8Array, onMessage: (message: Message) => void): void {
    let rest = bytes
    while (rest.length > 0 || this.#frameComplete()) {
      if (this.#payload === undefined) rest = this.#readHeader(rest)
      else rest = this.#readPayload(rest, this.#payload)
      if (!this.#frameComplete()) continue
      const message = this.#endFrame()
      if (message) onMessage(message)
    }
  }

  #frameComplete(): boolean {
    return this.#payload !== undefined && this.#payloadBytes === this.#payload.length
  }

  #readHeader(bytes: Uint8Array): Uint8Array {
    const taken = Math.min(HEADER_BYTES - this.#headerBytes, bytes.length)
    this.#header.set(bytes.subarray(0, taken), this.#headerBytes)
    this.#headerBytes += taken
    if (this.#headerBytes < HEADER_BYTES) return bytes.subarray(taken)
    const length = new DataView(this.#header.buffer).getUint32(0)
    if (length < HEAD_BYTES) throw new FrameError('a frame is shorter than its header')
    if (LENGTH_BYTES + length > this.#limits.frameBytesMax)
      throw new FrameError('a frame is too long')
    this.#payload = new Uint8Array(length - HEAD_BYTES)
    this.#payloadBytes = 0
    return bytes.subarray(taken)
  }

  #readPayload(bytes: Uint8Array, payload: Uint8Array): Uint8Array {
    const taken = Math.min(payload.length - this.#payloadBytes, bytes.length)
    payload.set(bytes.subarray(0, taken), this.#payloadBytes)
    this.#payloadBytes += taken
    return bytes.subarray(taken)
  }

  #endFrame(): Message | undefined {
    const view = new DataView(this.#header.buffer)
    const typeByte = view.getUint8(LENGTH_BYTES)
    const type = typeByte & ~MORE
    const id = view.getUint32(LENGTH_BYTES + 1)
    const payload = this.#payload
    assert(payload, 'a complete frame has a payload')
    this.#payload = undefined
    this.#headerBytes = 0
    const key = type * 2 ** 32 + id
    const joining = this.#joining.get(key)
    if ((typeByte & MORE) !== 0) {
      this.#keep(key, joining, payload)
      return undefined
    }
    if (!joining) return { type, id, payload }
    this.#joining.delete(key)
    this.#checkLength(joining.bytes + payload.length)
    return { type, id, payload: concatBytes(...joining.parts, payload) }
  }

  #keep(
    key: number,
    joining: { parts: Uint8Array[]; bytes: number } | undefined,
    payload: Uint8Array,
  ): void {
    if (payload.length === 0) throw new FrameError('a fragment is empty')
    this.#checkLength((joining?.bytes ?? 0) + payload.length)
    if (joining) {
      joining.parts.push(payload)
      joining.bytes += payload.length
      return
    }
    if (this.#joining.size >= this.#limits.interleavedMessagesMax) {
      throw new FrameError('too many messages are under way')
    }
    this.#joining.set(key, { parts: [payload], bytes: payload.length })
  }

  #checkLength(bytes: number): void {
    if (bytes > this.#limits.messageBytesMax) throw new FrameError('a message is too long')
  }
}
