/**
 * Sends replies whose headers are a text already. Node checks and joins the headers of a reply one
 * by one, which takes as long as all that Denizen does for a GET; here they are put in place as it
 * would have joined them. All else stays Node's: the order of pipelined replies, keep-alive, time
 * limits, sockets that break.
 *
 * That place, `_header`, is no documented part of Node. So it is looked for when this file is
 * loaded, and where it is not what it was, no request is taken here.
 */
import { IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http'
import { Socket } from 'node:net'
import type { Headers } from '../api/reply-headers.ts'
import type { Clock } from '../runtime/clock.ts'

type Headed = ServerResponse & { _header: string | null }

const isHeaded = (outgoing: ServerResponse): outgoing is Headed => '_header' in outgoing

const hasPlace = ((): boolean => {
  const probe = new ServerResponse(new IncomingMessage(new Socket()))
  if (!isHeaded(probe) || probe.headersSent) return false
  probe._header = 'HTTP/1.1 200 OK\r\n\r\n'
  return probe.headersSent
})()

const secondMs = 1_000

const statusLine = (status: number): string =>
  status === 200 ? 'HTTP/1.1 200 OK\r\n' : `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`

/** Undefined where Node has to say what is wrong with them. The names are ours. */
export function linesOf(headers: Headers): string | undefined {
  let lines = ''
  for (const name in headers) {
    const value = headers[name] as string
    if (!isFieldValue(value)) return undefined
    lines += `${name}: ${value}\r\n`
  }
  return lines
}

const isFieldValue = (text: string): boolean => /^[\t -~]*$/.test(text)

export class ReadyReplies {
  readonly #clock: Clock
  /** What comes after the headers of the reply itself. */
  readonly #end: string
  #second = -1
  #date = ''

  /** `keepAliveMs`: of the server. */
  constructor(clock: Clock, keepAliveMs: number) {
    this.#clock = clock
    const timeoutSeconds = Math.floor(keepAliveMs / secondMs)
    this.#end = `Connection: keep-alive\r\nKeep-Alive: timeout=${timeoutSeconds}\r\n\r\n`
  }

  /** Whether a reply can be sent so: its connection stays open. */
  fit({ shouldKeepAlive, req }: ServerResponse): boolean {
    return hasPlace && shouldKeepAlive && req.httpVersion === '1.1'
  }

  /**
   * `lines`: of the headers, each with its end, but for Date and those of the connection. The body,
   * and its end, are to be sent next.
   */
  begin(outgoing: ServerResponse, status: number, lines: string): void {
    outgoing.statusCode = status
    const head = `${statusLine(status)}${lines}Date: ${this.#now()}\r\n${this.#end}`
    ;(outgoing as Headed)._header = head
  }

  /** The moment as Date has it (RFC 9110, section 5.6.7). */
  #now(): string {
    const nowMs = this.#clock.wallMs()
    const second = Math.floor(nowMs / secondMs)
    if (second !== this.#second) {
      this.#second = second
      this.#date = new Date(nowMs).toUTCString()
    }
    return this.#date
  }
}
