/**
 * Request bodies, bounded. A declared length is judged before the client is told to go on and
 * before anything is buffered; an undeclared one as it comes in.
 */
import { DenizenError } from '../model/errors.ts'
import { limits, timing } from '../model/limits.ts'
import type { Clock } from '../runtime/clock.ts'
import type { StoredValue } from './data-item.ts'
import type { Exchange } from './exchange.ts'
import {
  checkMediaType,
  checkValue,
  defaultMediaType,
  type Format,
  formatOf,
} from './media-type.ts'

/** Reads a value to store. Throws `too_large`, `bad_body`, `bad_request` and the like. */
export async function readValue(exchange: Exchange): Promise<StoredValue> {
  const mediaType = checkMediaType(exchange.header('content-type') ?? defaultMediaType)
  const bytes = await readBody(exchange, limits.valueBytesMax)
  checkValue(mediaType, bytes)
  return { mediaType, bytes }
}

/** Reads a body that must be CBOR or JSON, without decoding it yet. */
export async function readStructure(
  exchange: Exchange,
): Promise<{ readonly format: Format; readonly bytes: Uint8Array }> {
  const format = formatOf(exchange.header('content-type') ?? '')
  if (format === undefined) {
    throw new DenizenError('unsupported_media_type', 'the body is neither CBOR nor JSON')
  }
  return { format, bytes: await readBody(exchange, limits.bodyBytesMax) }
}

async function readBody(exchange: Exchange, bytesMax: number): Promise<Uint8Array> {
  checkWhole(exchange)
  const declared = declaredLength(exchange)
  if (declared !== undefined && declared > bytesMax) throw tooLarge(bytesMax)
  exchange.sendContinue()
  const arrived = declared === undefined ? undefined : await exchange.request.arrived()
  if (arrived) return arrived
  const reading =
    declared === undefined ? collect(exchange.request.stream(), bytesMax) : exchange.request.bytes()
  const bytes = await exchange.timed('body', inTime(exchange.clock, orBodyEnded(reading)))
  if (bytes.length > bytesMax) throw tooLarge(bytesMax)
  return bytes
}

/** Stored as they are, such bodies would come back as what they are not. */
export function checkWhole(exchange: Exchange): void {
  const encoding = exchange.header('content-encoding')?.trim().toLowerCase()
  if (encoding !== undefined && encoding !== '' && encoding !== 'identity') {
    throw new DenizenError(
      'unsupported_media_type',
      'the body has a Content-Encoding: send it without',
    )
  }
  if (exchange.header('content-range') !== undefined) {
    throw new DenizenError('bad_request', 'partial bodies (Content-Range) are not taken')
  }
}

function declaredLength(exchange: Exchange): number | undefined {
  const text = exchange.header('content-length')
  if (text === undefined) return undefined
  if (!/^\d{1,15}$/.test(text)) throw new DenizenError('bad_request', 'bad Content-Length')
  return Number(text)
}

const FIRST_BYTES = 16 * 1024

/**
 * Copies into one growing buffer, because a body in chunks of one byte each would cost a hundred
 * times its size as a list. Stops at the limit; the stream is left as it is then, neither read on
 * nor cancelled: on Node, cancelling would destroy the connection before the reply is out.
 */
async function collect(
  body: ReadableStream<Uint8Array> | null,
  bytesMax: number,
): Promise<Uint8Array> {
  if (body === null) return new Uint8Array()
  const reader = body.getReader()
  let buffer = new Uint8Array(FIRST_BYTES)
  let length = 0
  while (true) {
    const { done, value } = await reader.read()
    if (done) return buffer.slice(0, length)
    if (length + value.length > bytesMax) {
      reader.releaseLock()
      throw tooLarge(bytesMax)
    }
    if (length + value.length > buffer.length) {
      const grown = new Uint8Array(Math.max(buffer.length * 2, length + value.length))
      grown.set(buffer.subarray(0, length))
      buffer = grown
    }
    buffer.set(value, length)
    length += value.length
  }
}

/** A client that goes away amid its body is no failure of ours. */
async function orBodyEnded(reading: Promise<Uint8Array>): Promise<Uint8Array> {
  try {
    return await reading
  } catch (error) {
    if (error instanceof DenizenError) throw error
    throw new DenizenError('bad_body', 'the body ended early', { cause: error })
  }
}

/** Throws `body_timeout`: whoever sends a byte a minute would hold its place for hours. */
async function inTime<T>(clock: Clock, reading: Promise<T>): Promise<T> {
  let cancel: () => void = () => {}
  const late = new Promise<never>((_, reject) => {
    cancel = clock.after(timing.bodyMaxMs, () => {
      const detail = `the body was not there after ${timing.bodyMaxMs / 1_000} s`
      reject(new DenizenError('body_timeout', detail))
    })
  })
  try {
    return await Promise.race([reading, late])
  } finally {
    cancel()
  }
}

const tooLarge = (bytesMax: number): DenizenError =>
  new DenizenError('too_large', `the body is larger than ${bytesMax} bytes`, {
    extra: { bytesMax },
  })
