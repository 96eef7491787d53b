/** Replies of HTTP/1.1 with a length, one after the other on a connection. */
import { excerpt, WrongReply } from './reply.ts'

export interface HttpReply {
  readonly status: number
  /** The head as text, lower case or not as it came. */
  readonly head: string
  readonly bodyStart: number
  readonly end: number
}

const headEnd = Buffer.from('\r\n\r\n')
const lengthHeader = /\r\ncontent-length: *(\d+)/i
const withoutBody = 204

/** Undefined while it is not whole. */
export function readHttpReply(received: Buffer): HttpReply | undefined {
  const at = received.indexOf(headEnd)
  if (at < 0) return undefined
  const head = received.toString('latin1', 0, at)
  const status = Number(head.slice(9, 12))
  const length = Number(lengthHeader.exec(head)?.[1] ?? (status === withoutBody ? 0 : Number.NaN))
  if (!head.startsWith('HTTP/1.1 ') || Number.isNaN(length)) {
    throw new WrongReply(`no reply of HTTP/1.1 with a length: ${excerpt(received)}`)
  }
  const bodyStart = at + headEnd.length
  const end = bodyStart + length
  return received.length < end ? undefined : { status, head, bodyStart, end }
}
