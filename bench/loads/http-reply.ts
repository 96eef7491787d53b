/** Replies of HTTP/1.1, one after the other on a connection: with a length, or in chunks. */
import { excerpt, WrongReply } from './reply.ts'

export interface HttpReply {
  readonly status: number
  /** As text, without the line after it. */
  readonly head: string
  readonly body: Buffer
  /** Of all of it. */
  readonly bytes: number
}

const headEnd = Buffer.from('\r\n\r\n')
const lineEnd = Buffer.from('\r\n')
const lengthHeader = /\r\ncontent-length: *(\d+)/i
const chunkedHeader = /\r\ntransfer-encoding: *chunked/i
const withoutBody = 204

/** Undefined while it is not whole. */
export function readHttpReply(received: Buffer): HttpReply | undefined {
  const at = received.indexOf(headEnd)
  if (at < 0) return undefined
  const head = received.toString('latin1', 0, at)
  const status = Number(head.slice(9, 12))
  const start = at + headEnd.length
  if (!head.startsWith('HTTP/1.1 ')) throw new WrongReply(`no HTTP/1.1: ${excerpt(received)}`)
  if (chunkedHeader.test(head)) {
    const found = readChunks(received, start)
    return found && { status, head, ...found }
  }
  const length = Number(lengthHeader.exec(head)?.[1] ?? (status === withoutBody ? 0 : Number.NaN))
  if (Number.isNaN(length)) throw new WrongReply(`a reply without end: ${excerpt(received)}`)
  const bytes = start + length
  if (received.length < bytes) return undefined
  return { status, head, body: received.subarray(start, bytes), bytes }
}

/** Without trailers, which none of these servers sends. */
function readChunks(
  received: Buffer,
  start: number,
): Pick<HttpReply, 'body' | 'bytes'> | undefined {
  const chunks: Buffer[] = []
  for (let at = start; ; ) {
    const end = received.indexOf(lineEnd, at)
    if (end < 0) return undefined
    const size = Number.parseInt(received.toString('latin1', at, end), 16)
    if (!(size >= 0)) throw new WrongReply(`no chunk: ${excerpt(received.subarray(at))}`)
    const from = end + lineEnd.length
    at = from + size + lineEnd.length
    if (received.length < at) return undefined
    if (size === 0) return { body: Buffer.concat(chunks), bytes: at }
    chunks.push(received.subarray(from, from + size))
  }
}
