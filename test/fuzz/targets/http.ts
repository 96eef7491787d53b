/** All routes over a real socket, in front of real routers and shards: no 5xx, sound problems. */
import { createApi } from '../../../src/api/app.ts'
import { createDirectApi } from '../../../src/api/direct.ts'
import { utf8 } from '../../../src/model/bytes.ts'
import { nodeTarget, startHttpServer } from '../../../src/node/http-server.ts'
import { encodeCbor } from '../../../src/protocol/cbor.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { recordingLogger } from '../../api/world.ts'
import { checkReply, randomRequest, send } from '../http-request.ts'
import { routedService } from '../routed-service.ts'
import { type FuzzTarget, rule } from '../target.ts'

const batch = {
  ops: [
    { op: 'put', key: 'a/b', value: 1 },
    { op: 'get', key: 'a/b' },
  ],
}
const transaction = {
  if: [{ key: 'a/x', exists: false }],
  // biome-ignore lint/suspicious/noThenProperty: the contract's word; no function, no thenable
  then: [
    { op: 'put', key: 'a/x', value: { n: 1 }, ttl: '5s' },
    { op: 'get', key: 'a/y' },
  ],
  else: [{ op: 'delete', key: 'a/x' }],
}
const choice = {
  methods: ['GET', 'PUT', 'DELETE', 'HEAD', 'POST', 'POST', 'POST', 'OPTIONS', 'PATCH', 'CONNECT'],
  targets: [
    ...[
      '/v1/kv/things/a/b',
      '/v1/kv/pinned/a',
      '/v1/kv/parts/eu/acme/x',
      '/v1/kv/far/a',
      '/v1/kv/closed/a',
    ],
    ...['/v1/kv/things?prefix=a/&limit=2&values=true&after=a/b', '/v1/kv/parts?prefix=eu/acme/'],
    ...['/v1/kv/things?prefix=a/', '/v1/watch/things?prefix=a/', '/v1/watch/things?since=one~0.0'],
    ...['/v1/batch/things', '/v1/batch/parts', '/v1/tx/things/a', '/v1/tx/parts/eu/acme'],
    ...[
      '/v1/explain/things/a/b',
      '/v1/cluster',
      '/healthz',
      '/readyz',
      '/openapi.json',
      '/metrics',
      '*',
    ],
    'http://node.test/v1/kv/things/a/b?via=two',
  ],
  headers: [
    ...[
      'Content-Type: application/json',
      'Content-Type: application/cbor',
      'Content-Type: text/plain',
    ],
    ...[
      'Content-Type: application/cbor-seq',
      'Content-Type: application/x-ndjson',
      'Accept: */*;q=x',
    ],
    ...['Accept: application/cbor', 'Accept: application/cbor-seq', 'Accept: text/event-stream'],
    ...['If-Match: "0.1"', 'If-None-Match: *', 'Denizen-TTL: 5s', 'Idempotency-Key: "k"'],
    ...['Denizen-Consistency: strong', 'Denizen-Consistency: eventual', 'Denizen-Hint: two'],
    ...[
      'Denizen-Redirect: manual',
      'Denizen-Session: "home"',
      'Last-Event-ID: one~0.0',
      'Origin: x',
    ],
  ],
  bodies: [
    ...[
      '',
      'x',
      JSON.stringify(batch),
      JSON.stringify(transaction),
      '{"op":"get","key":"a/b"}\n',
    ].map(text => utf8(text)),
    ...[encodeCbor(batch), encodeCbor(transaction), encodeCbor({ op: 'get', key: 'a' })],
  ],
}

export async function open(): Promise<FuzzTarget> {
  const { service, world } = await routedService()
  const { log, lines } = recordingLogger()
  const common = { service, clock: systemClock, log }
  const app = createApi({ ...common, rawTarget: nodeTarget, version: '0.1.0' })
  const server = await startHttpServer({
    ...{ app, direct: createDirectApi(common), host: '127.0.0.1', port: 0, reusePort: false },
    ...{ log, clock: systemClock },
  })
  return {
    generate: random => randomRequest(random, choice),
    async check(input) {
      lines.length = 0
      const reply = await send(server.port, input)
      if (reply) checkReply(reply)
      const [bug] = lines.filter(({ level }) => level === 'error')
      rule(!bug, `the log has an error: ${JSON.stringify(bug)}`)
      rule(world.violations.length === 0, 'residency holds')
    },
    close: () => server.close(),
  }
}
