/**
 * The routes of one value, and batches, without the framework and with it: both decide the same,
 * byte for byte, and leave the same behind.
 */
import { createApi } from '../../../src/api/app.ts'
import { createDirectApi } from '../../../src/api/direct.ts'
import type { Operation } from '../../../src/execution/operation.ts'
import { utf8 } from '../../../src/model/bytes.ts'
import type { Key } from '../../../src/model/key.ts'
import { type HttpServer, nodeTarget, startHttpServer } from '../../../src/node/http-server.ts'
import { encodeCbor } from '../../../src/protocol/cbor.ts'
import type { Service } from '../../../src/routing/service.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { silentLogger } from '../../../src/runtime/log.ts'
import { accessWith, type KnownToken } from '../../access/access-world.ts'
import type { MemoryService } from '../../api/memory-service.ts'
import type { RawReply } from '../../api/raw-client.ts'
import { createService } from '../../api/world.ts'
import { checkReply, randomRequest, send } from '../http-request.ts'
import { knownToken } from '../known-token.ts'
import { type FuzzTarget, rule } from '../target.ts'

const etag = (n: number): string => `"0.${2 ** 32 + n}"`
const methods = [
  'GET',
  'PUT',
  'DELETE',
  'POST',
  'POST',
  'GET',
  'PUT',
  'DELETE',
  'HEAD',
  'POST',
  'PATCH',
  'OPTIONS',
]
const batchTargets = [
  ...[
    'profiles',
    'profiles',
    'tenants',
    'far',
    'closed',
    'nowhere',
    '%70rofiles',
    'profiles?via=x',
  ],
  ...['', 'profiles/', 'profiles/a', '/a', 'profiles%2Fa'],
].map(rest => `/v1/batch/${rest}`)
const targets = [
  ...batchTargets,
  ...['profiles/json', 'profiles/cbor', 'profiles/text', 'profiles/none', 'cities/json', 'far/a'],
  ...['closed/a', 'proxied/a', 'tenants/eu/a', 'tenants/us/a', 'tenants/fr/a', 'nowhere/a'],
  ...[
    'profiles/%6Ason',
    'profiles/a%2Fb?via=us-east',
    'profiles',
    'profiles/',
    '',
    '%70rofiles/json',
  ],
].map(rest => `/v1/kv/${rest}`)
const batches = [
  { ops: [] },
  { ops: [{ op: 'get', key: 'json' }] },
  {
    ops: [
      ...[
        { op: 'put', key: 'a', value: 1 },
        { op: 'get', key: 'text' },
        { op: 'get', key: 'none' },
      ],
      ...[
        { op: 'delete', key: 'a' },
        { op: 'delete', key: '../a' },
        { op: 'get', key: 'eu/a' },
      ],
      { op: 'put', key: 'eu/a', value: 'x', ttl: '5s', ifNoneMatch: '*' },
    ],
  },
  {
    ops: [
      { op: 'get', key: 'eu/a' },
      { op: 'get', key: 'us/a' },
    ],
  },
  { op: 'get', key: 'json' },
]
const bodies = [
  ...batches.flatMap(body => [utf8(JSON.stringify(body)), encodeCbor(body)]),
  ...['', 'text', '{"a":[1,2.5,null,"é"]}', '{"a":1,"a":2}', '{"__proto__":1}', '[[[['].map(text =>
    utf8(text),
  ),
  ...[encodeCbor({ a: [1, 2.5, null], b: new Uint8Array(3) }), Uint8Array.of(0xc2, 0x41, 1)],
]

const headersWith = ({ authorization }: KnownToken): readonly string[] => [
  ...[
    `Authorization: ${authorization}`,
    `Authorization: ${authorization}`,
    'Authorization: Bearer x',
  ],
  ...[
    `If-Match: ${etag(1)}`,
    `If-None-Match: ${etag(1)}`,
    `If-None-Match: W/${etag(2)}, ${etag(3)}`,
  ],
  ...['If-Match: *', 'If-None-Match: *', `If-Match: "${etag(1).slice(1, -1)}-c"`],
  ...['Accept: application/cbor', 'Accept: application/json', 'Accept: text/html;q=0.1, */*;q=0'],
  ...[
    'Accept:',
    'Content-Type: application/json',
    'Content-Type: application/cbor',
    'Content-Type:',
  ],
  ...['Content-Type: application/cbor-seq', 'Content-Type: application/x-ndjson'],
  ...['Content-Type: text/plain; charset="x"', 'Denizen-TTL: 30d', 'Denizen-TTL: 0s'],
  ...['Denizen-Consistency: strong', 'Denizen-Consistency: bounded=5s', 'Denizen-Session: "x"'],
  ...['Denizen-Hint: us-east', 'Denizen-Redirect: manual', 'Denizen-Acks: 1', 'Denizen-Acks: 2'],
  ...['Idempotency-Key: "one"', 'Idempotency-Key: é', 'Origin: https://x', 'Range: bytes=0-1'],
  ...['Content-Encoding: gzip', 'Cookie: a=b', 'Cookie: c=d', 'traceparent: 00-0-0-00'],
]

export async function open(): Promise<FuzzTarget> {
  const known = await knownToken([
    { dataset: '*', verbs: ['read'], hint: true },
    { dataset: 'profiles', verbs: ['read', 'write'] },
    { dataset: 'cities', verbs: ['read', 'write'], prefix: 'j/' },
    { dataset: 'far', verbs: ['read', 'write'] },
  ])
  const direct = await serve(known, true)
  const framework = await serve(known, false)
  const words = { methods, targets, headers: headersWith(known), bodies }
  return {
    generate: random => randomRequest(random, words),
    async check(input) {
      const [one, other] = [await direct.answer(input), await framework.answer(input)]
      rule(one === other, `both answer the same:\n${one}\n${other}`)
    },
    async close() {
      await Promise.all([direct.server.close(), framework.server.close()])
    },
  }
}

interface Served {
  readonly server: HttpServer
  /** The reply, and what the service was asked, as one text. */
  answer(input: Uint8Array): Promise<string>
}

async function serve(known: KnownToken, isDirect: boolean): Promise<Served> {
  let current = await freshService()
  // Each case has a service of its own; the listener stays.
  const service = new Proxy<Service>(current, {
    get: (_, name) => {
      const member: unknown = Reflect.get(current, name)
      return typeof member === 'function' ? member.bind(current) : member
    },
  })
  const { access } = accessWith({ tokens: [known.entry] })
  const common = { service, clock: systemClock, log: silentLogger, access }
  const app = createApi({ ...common, rawTarget: nodeTarget, version: '0.1.0' })
  const server = await startHttpServer({
    ...{ app, host: '127.0.0.1', port: 0, reusePort: false, log: silentLogger, clock: systemClock },
    ...(isDirect && { direct: createDirectApi(common) }),
  })
  return {
    server,
    async answer(input) {
      current = await freshService()
      const reply = await send(server.port, input)
      if (reply) checkReply(reply)
      const asked = current.operations.slice(3).map(askedText)
      return `${reply ? textOf(reply) : 'closed'}\n${asked.join('\n')}`
    },
  }
}

async function freshService(): Promise<MemoryService> {
  const service = createService()
  const put = (key: string, mediaType: string, value: Uint8Array) =>
    ({ kind: 'put', key: key as Key, mediaType, value, precondition: {} }) as const
  const operations = [
    put('json', 'application/json', utf8('{"a":[1,2.5,"é"]}')),
    put('cbor', 'application/cbor', encodeCbor({ a: [1, 2.5], b: new Uint8Array(3) })),
    put('text', 'text/plain', utf8('text')),
  ]
  await service.execute('profiles', operations, { consistency: 'session' })
  return service
}

const askedText = (operation: Operation): string =>
  operation.kind === 'put'
    ? JSON.stringify({ ...operation, value: operation.value.toHex() })
    : JSON.stringify(operation)

const ofTheMoment = new Set(['date', 'server-timing'])

function textOf({ status, headers, body }: RawReply): string {
  const lines = [...headers].filter(([name]) => !ofTheMoment.has(name)).sort()
  return `${status}\n${lines.map(line => line.join(': ')).join('\n')}\n${body.toString('latin1')}`
}
