/** Names the messages in a connection's frames, so that faults can be counted for each kind. */
import { decodeCbor } from '../protocol/cbor.ts'

/** u32 length | u8 type | u32 id | payload, as protocol/frames.ts has it. */
const TYPE_AT = 4
const ID_AT = 5
const PAYLOAD_AT = 9

const names: Readonly<Record<number, string>> = {
  1: 'hello',
  2: 'refusal',
  3: 'ping',
  4: 'pong',
  5: 'request',
  6: 'reply',
  7: 'failure',
  8: 'stream',
}
const REQUEST = 5
const ANSWERS = new Set([6, 7])
const STREAM = 8

/** Of one connection, both ways: an answer is named after what was asked. */
export class WireLabels {
  readonly #asked = new Map<number, string>()
  #lastStream = 'stream'

  labelOf(frame: Uint8Array): string {
    const type = (frame[TYPE_AT] ?? 0) & 0x7f
    const isRest = frame.length < PAYLOAD_AT + 1
    const id = new DataView(frame.buffer, frame.byteOffset).getUint32(ID_AT)
    const name = names[type] ?? `type ${type}`
    const payload = frame.subarray(PAYLOAD_AT)
    if (type === REQUEST) {
      const asked = isRest ? undefined : firstText(payload)
      if (asked !== undefined) this.#asked.set(id, asked)
      return `${name} ${this.#asked.get(id) ?? '?'}`
    }
    if (ANSWERS.has(type)) return `${name} ${this.#asked.get(id) ?? '?'}`
    if (type === STREAM) {
      // Later frames of a long message are named after its first one.
      this.#lastStream = streamType(payload) ?? this.#lastStream
      return `${name} ${this.#lastStream}`
    }
    return name
  }
}

/** Of `[name, …]`: an array's head, and a text of up to 255 bytes. */
function firstText(payload: Uint8Array): string | undefined {
  const major = (payload[0] ?? 0) >> 5
  const head = payload[1] ?? 0
  if (major !== 4 || head >> 5 !== 3) return undefined
  const short = head & 31
  const at = short < 24 ? 2 : 3
  const length = short < 24 ? short : (payload[2] ?? 0)
  return new TextDecoder().decode(payload.subarray(at, at + length))
}

/** The `type` of a stream's message: its first member, as the writers have it. */
function streamType(payload: Uint8Array): string | undefined {
  const text = new TextDecoder('latin1').decode(payload.subarray(0, 40))
  const match = /^[\s\S]{1,3}dtype[\x60-\x77]([a-z]{2,12})/.exec(text)
  if (match?.[1] !== undefined) {
    const length = (payload[text.indexOf('dtype') + 5] ?? 0) & 31
    return match[1].slice(0, length)
  }
  try {
    const message = decodeCbor(payload, { depthMax: 80 }) as { readonly type?: unknown }
    return typeof message.type === 'string' ? message.type : undefined
  } catch {
    return undefined
  }
}
