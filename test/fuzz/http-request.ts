/**
 * Requests as cases: `METHOD target` in the first line, header lines, an empty line, the body;
 * lines end in LF. Framing is added when a case is sent, so that the server never waits for more.
 */
import { concatBytes, utf8 } from '../../src/model/bytes.ts'
import { isErrorCode } from '../../src/model/error-kinds.ts'
import { decodeCbor } from '../../src/protocol/cbor.ts'
import { RawClient, type RawReply } from '../api/raw-client.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { fromTexts, mutate } from './mutate.ts'
import { rule } from './target.ts'

export interface RequestWords {
  readonly methods: readonly string[]
  readonly targets: readonly string[]
  readonly headers: readonly string[]
  readonly bodies: readonly Uint8Array[]
}

const words = fromTexts(
  ...[
    '/',
    '//',
    '..',
    '%2e%2e',
    '%2F',
    '%25',
    '%00',
    '%ff',
    '%c3%a9',
    'é',
    '?',
    '&',
    '=',
    '#',
    '+',
  ],
  ...[
    'via=us-east',
    'prefix=',
    'limit=0',
    'after=',
    'values=true',
    '*',
    '"',
    ',',
    ';',
    ':',
    ' ',
    '\t',
  ],
  ...['W/', '-j', '-c', 'q=0', 'application/cbor', 'application/json', '30d', '999999999999999999'],
  ...['__proto__', 'null', '{', '}', '[', ']', '\u0000', '\r', '\n', '\u00ff'],
)

export function randomRequest(random: SeededRandom, choice: RequestWords): Uint8Array {
  const lines = Array.from({ length: random.below(4) }, () => random.pick(choice.headers))
  const head = [`${random.pick(choice.methods)} ${random.pick(choice.targets)}`, ...lines]
  const request = concatBytes(utf8(`${head.join('\n')}\n\n`), random.pick(choice.bodies))
  return random.oneIn(4) ? request : mutate(random, request, words)
}

/** How the connection is used and how long the body is are not the case's to say. */
const framing = /^(?:connection|content-length|expect|host|transfer-encoding|upgrade)[\s:]/i

/** The reply; undefined where the server closed without one. */
export async function send(port: number, input: Uint8Array): Promise<RawReply | undefined> {
  const request = Buffer.from(input)
  const end = request.indexOf('\n\n')
  const head = request.subarray(0, end < 0 ? request.length : end).toString('latin1')
  const body = end < 0 ? Buffer.alloc(0) : request.subarray(end + 2)
  const [first = '', ...rest] = head.split('\n').map(line => line.replaceAll('\r', ''))
  const lines = rest.filter(line => line !== '' && !framing.test(line))
  const isEmpty = body.length === 0 && /^(?:GET|HEAD|DELETE|OPTIONS) /.test(first)
  const length = isEmpty ? [] : [`Content-Length: ${body.length}`]
  const whole = [`${first} HTTP/1.1`, 'Host: node.test', ...lines, ...length]
  const client = new RawClient(port)
  try {
    client.socket.write(Buffer.from(`${whole.join('\r\n')}\r\n\r\n`, 'latin1'))
    client.socket.write(body)
    return await client.reply(first.startsWith('HEAD '))
  } catch (error) {
    if (error instanceof Error && isEndOfConnection(error)) return undefined
    throw error
  } finally {
    client.close()
  }
}

const isEndOfConnection = (error: Error): boolean =>
  /ended the connection|ECONNRESET|EPIPE/.test(error.message)

/** Never a 5xx; and a refusal of ours is a problem document that says so. */
export function checkReply({ status, headers, body }: RawReply): void {
  rule(status < 500, `${status} ${body.toString('latin1').slice(0, 300)}`)
  const type = headers.get('content-type') ?? ''
  if (!type.startsWith('application/problem+') || body.length === 0) return
  const problem: unknown = type.endsWith('cbor') ? decodeCbor(body) : JSON.parse(body.toString())
  rule(typeof problem === 'object' && problem !== null, 'a problem is an object')
  rule('status' in problem && problem.status === status, 'a problem has the status of the reply')
  rule('code' in problem && isErrorCode(String(problem.code)), 'a problem has a code of the table')
  rule('applied' in problem && problem.applied === 'no', 'what is refused has not been applied')
}
