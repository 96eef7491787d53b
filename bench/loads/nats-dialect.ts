/** A JetStream bucket over NATS' own text protocol. */
import { keyText, valueText } from '../keys.ts'
import { type Dialect, type DialectOptions, excerpt, type Taken, WrongReply } from './reply.ts'

type Options = Extract<DialectOptions, { kind: 'nats' }>

export const natsGreeting = (connection: number): string =>
  `CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}\r\nSUB ${inboxOf(connection)} 1\r\n`

export const inboxOf = (connection: number): string => `_INBOX.bench.${connection}`

export const natsPublish = (subject: string, inbox: string, body: string): string =>
  `PUB ${subject} ${inbox} ${body.length}\r\n${body}\r\n`

export interface NatsMessage {
  readonly headers: string
  readonly body: string
}

const lineEnd = Buffer.from('\r\n')

/** The next thing that the server says; `message` where it is one. Undefined while not whole. */
export function readNats(received: Buffer): (Taken & { message?: NatsMessage }) | undefined {
  const at = received.indexOf(lineEnd)
  if (at < 0) return undefined
  const words = received.toString('latin1', 0, at).split(' ')
  const body = at + lineEnd.length
  switch (words[0]) {
    case 'MSG':
    case 'HMSG': {
      const total = Number(words.at(-1))
      const headerBytes = words[0] === 'HMSG' ? Number(words.at(-2)) : 0
      const bytes = body + total + lineEnd.length
      if (received.length < bytes) return undefined
      const message = {
        headers: received.toString('latin1', body, body + headerBytes),
        body: received.toString('latin1', body + headerBytes, body + total),
      }
      return { bytes, isReply: true, message }
    }
    case 'INFO':
    case '+OK':
    case 'PING':
    case 'PONG':
      return { bytes: body, isReply: false }
    default:
      throw new WrongReply(excerpt(received))
  }
}

export const natsDialect = ({ bucket }: Options, valueBytes: number): Dialect => ({
  greeting: natsGreeting,
  request(operation, key, connection) {
    const subject = `$KV.${bucket}.${keyText(key)}`
    const inbox = inboxOf(connection)
    return operation === 'put'
      ? natsPublish(subject, inbox, valueText(key, valueBytes))
      : natsPublish(`$JS.API.DIRECT.GET.KV_${bucket}.${subject}`, inbox, '')
  },
  read(received, operation, key) {
    const taken = readNats(received)
    if (taken?.message === undefined) return taken
    const { body } = taken.message
    const isRight =
      operation === 'put'
        ? body.includes('"seq":') && !body.includes('"error"')
        : body === valueText(key, valueBytes)
    if (!isRight) throw new WrongReply(excerpt(received))
    return taken
  },
})
