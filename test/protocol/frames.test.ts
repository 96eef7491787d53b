import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { concatBytes } from '../../src/model/bytes.ts'
import { FrameDecoder, FrameEncoder, FrameError, type Message } from '../../src/protocol/frames.ts'

const small = { frameBytesMax: 64, messageBytesMax: 1_000, interleavedMessagesMax: 3 }

/** mulberry32: the same seed gives the same values. */
const seeded = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

const payloadOf = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 7) & 0xff)

function drain(encoder: FrameEncoder): Uint8Array[] {
  const frames: Uint8Array[] = []
  for (let frame = encoder.next(); frame; frame = encoder.next()) frames.push(frame)
  return frames
}

function decodeAll(chunks: readonly Uint8Array[], limits = small): Message[] {
  const decoder = new FrameDecoder(limits)
  const messages: Message[] = []
  for (const chunk of chunks) decoder.push(chunk, message => messages.push(message))
  return messages
}

function randomSplits(bytes: Uint8Array, random: () => number): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = random() < 0.3 ? 1 : Math.ceil(random() * 200)
    chunks.push(bytes.subarray(at, at + length))
    at += length
  }
  return chunks
}

test('whatever is sent arrives, in order within its lane, however the bytes are split', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seeded(seed)
    const encoder = new FrameEncoder(small)
    const sent = new Map<string, Message[]>()
    const frames: Uint8Array[] = []
    const count = 1 + Math.floor(random() * 40)
    for (let id = 0; id < count; id++) {
      const lane = `lane ${Math.floor(random() * 6)}`
      const length = Math.floor(random() ** 3 * 1_000)
      const message = { type: 1 + Math.floor(random() * 3), id, payload: payloadOf(length, id) }
      encoder.push(message, lane)
      sent.set(lane, [...(sent.get(lane) ?? []), message])
      if (random() < 0.5) {
        const frame = encoder.next()
        if (frame) frames.push(frame)
      }
    }
    frames.push(...drain(encoder))
    assert.is(encoder.queuedBytes, 0)
    assert.ok(frames.every(frame => frame.length <= small.frameBytesMax))
    const received = decodeAll(randomSplits(concatBytes(...frames), random))
    assert.is(received.length, count, `seed ${seed}`)
    for (const [, messages] of sent) {
      const ids = new Set(messages.map(({ id }) => id))
      assert.equal(
        received.filter(({ id }) => ids.has(id)),
        messages,
        `seed ${seed}`,
      )
    }
  }
})

test('a small message does not wait for a large one', () => {
  const encoder = new FrameEncoder(small)
  encoder.push({ type: 1, id: 1, payload: payloadOf(1_000, 1) }, 'a')
  encoder.next()
  encoder.push({ type: 1, id: 2, payload: payloadOf(10, 2) }, 'b')
  const messages = decodeAll(drain(encoder).slice(0, 2))
  assert.equal(
    messages.map(({ id }) => id),
    [2],
  )
})

test('large messages beyond the bound wait, small ones pass them', () => {
  const encoder = new FrameEncoder(small)
  for (let id = 0; id < 10; id++)
    encoder.push({ type: 1, id, payload: payloadOf(500, id) }, `${id}`)
  encoder.push({ type: 1, id: 99, payload: payloadOf(5, 99) }, '99')
  const messages = decodeAll(drain(encoder))
  assert.is(messages[0]?.id, 99)
  assert.equal(
    messages.map(({ id }) => id).sort((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 99],
  )
})

test('a waiting lane whose large message was withdrawn blocks nobody', () => {
  const encoder = new FrameEncoder({ ...small, interleavedMessagesMax: 1 })
  encoder.push({ type: 1, id: 1, payload: payloadOf(500, 1) }, 'a')
  const second = encoder.push({ type: 1, id: 2, payload: payloadOf(500, 2) }, 'b')
  encoder.push({ type: 1, id: 3, payload: payloadOf(500, 3) }, 'c')
  encoder.next()
  encoder.next()
  assert.ok(encoder.withdraw(second))
  const rest = drain(encoder)
  assert.is(encoder.queuedBytes, 0)
  assert.ok(rest.length > 0)
  assert.is(encoder.next(), undefined)
})

test('withdrawing tells whether anything has left', () => {
  const encoder = new FrameEncoder(small)
  const first = encoder.push({ type: 1, id: 1, payload: payloadOf(200, 1) }, 'a')
  const second = encoder.push({ type: 1, id: 2, payload: payloadOf(200, 2) }, 'b')
  const begun = encoder.next()
  assert.not.ok(encoder.withdraw(first))
  assert.ok(encoder.withdraw(second))
  assert.ok(encoder.withdraw(second))
  const frames = [begun ?? new Uint8Array(), ...drain(encoder)]
  assert.is(encoder.queuedBytes, 0)
  assert.equal(
    decodeAll(frames).map(({ id }) => id),
    [1],
  )
})

const refuses = (bytes: Uint8Array, what: RegExp, limits = small): void =>
  assert.throws(
    () => decodeAll([bytes], limits),
    (error: unknown) => error instanceof FrameError && what.test(error.message),
  )

const frame = (length: number, type: number, id: number, payload: Uint8Array): Uint8Array => {
  const header = new Uint8Array(9)
  const view = new DataView(header.buffer)
  view.setUint32(0, length)
  view.setUint8(4, type)
  view.setUint32(5, id)
  return concatBytes(header, payload)
}

test('a broken stream is refused before it costs memory', () => {
  refuses(frame(4, 1, 1, new Uint8Array()), /shorter/)
  refuses(frame(61, 1, 1, new Uint8Array()), /too long/)
  refuses(frame(0xffffffff, 1, 1, new Uint8Array()), /too long/)
  refuses(frame(5, 0x81, 1, new Uint8Array()), /empty/)
  const fragment = (id: number) => frame(35, 0x81, id, new Uint8Array(30))
  refuses(concatBytes(fragment(1), fragment(2), fragment(3), fragment(4)), /too many/)
  refuses(concatBytes(...Array.from({ length: 34 }, () => fragment(1))), /message is too long/)
  const last = frame(35, 1, 1, new Uint8Array(30))
  const tight = { ...small, messageBytesMax: 50 }
  refuses(concatBytes(fragment(1), last), /message is too long/, tight)
})

test('the bytes on the wire', () => {
  const encoder = new FrameEncoder({ ...small, frameBytesMax: 12 })
  encoder.push({ type: 5, id: 0x01020304, payload: Uint8Array.of(1, 2, 3, 4) }, 'a')
  assert.equal(
    drain(encoder).map(bytes => Buffer.from(bytes).toString('hex')),
    ['000000088501020304010203', '00000006050102030404'],
  )
})

test.run()
