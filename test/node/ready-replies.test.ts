/** GETs that are answered at once, on bare sockets: what a connection carries stays in order. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createApi } from '../../src/api/app.ts'
import { createDirectApi } from '../../src/api/direct.ts'
import { RequestMeter } from '../../src/metrics/request-meter.ts'
import { type HttpServer, nodeTarget, startHttpServer } from '../../src/node/http-server.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { accessWith, tokenWith } from '../access/access-world.ts'
import { MemoryService } from '../api/memory-service.ts'
import { RawClient, type RawReply } from '../api/raw-client.ts'
import { createService, recordingLogger } from '../api/world.ts'

/** Counts what was found at once. */
class CountingService extends MemoryService {
  foundNow = 0

  override findNow(...args: Parameters<MemoryService['findNow']>) {
    const found = super.findNow(...args)
    if (found) this.foundNow += 1
    return found
  }
}

const clock = systemClock
const { log, lines } = recordingLogger()
const service = Object.setPrototypeOf(createService(), CountingService.prototype) as CountingService
service.foundNow = 0
const meter = new RequestMeter()
const reader = await tokenWith([{ dataset: '*', verbs: ['read', 'write'] }], { rate: 1_000 })
const limited = await tokenWith([{ dataset: '*', verbs: ['read'] }], { rate: 5 })
const writer = await tokenWith([{ dataset: '*', verbs: ['write'] }])
const { access } = accessWith({
  tokens: [reader, limited, writer].map(({ entry }) => entry),
  quotas: { tenants: { rate: 2 } },
})
const bearer = `Authorization: ${reader.authorization}`
let server: HttpServer
const clients = new Set<RawClient>()

test.before(async () => {
  const common = { service, log, clock, access, meter }
  const app = createApi({ ...common, rawTarget: nodeTarget, version: '0.1.0' })
  const direct = createDirectApi(common)
  const listen = { host: '127.0.0.1', port: 0, reusePort: false }
  server = await startHttpServer({ app, direct, ...listen, log, clock })
  const value = (name: string, text: string, type = 'text/plain'): Promise<RawReply> =>
    ask(`PUT /v1/kv/cities/${name}`, text, bearer, `Content-Type: ${type}`)
  await value('a', 'one')
  await value('b', '{"two":2}', 'application/json')
  await value('large', 'x'.repeat(300_000))
  await value('empty', '')
  await value('bytes', '\u00e9\u0000\u00ff')
  await ask('PUT /v1/kv/tenants/eu/a', 'one', `Authorization: ${writer.authorization}`)
  // From now on it is known whose it is.
  await get('a', `Authorization: ${limited.authorization}`)
})
test.after.each(() => {
  for (const client of clients) client.close()
  clients.clear()
})
test.after(() => server.close())

function connect(): RawClient {
  const client = new RawClient(server.port)
  clients.add(client)
  return client
}

const headOf = (line: string, body: string, headers: readonly string[]): string =>
  [
    `${line} HTTP/1.1`,
    'Host: node.test',
    ...headers,
    ...(body === '' && !line.startsWith('PUT')
      ? []
      : [`Content-Length: ${Buffer.byteLength(body)}`]),
    '\r\n',
  ].join('\r\n')

async function ask(line: string, body: string, ...headers: readonly string[]): Promise<RawReply> {
  const client = connect()
  client.socket.write(headOf(line, body, headers) + body)
  return client.reply(line.startsWith('HEAD'))
}

const get = (name: string, ...headers: readonly string[]): Promise<RawReply> =>
  ask(`GET /v1/kv/cities/${name}`, '', ...headers)

/** How many of the requests so far were answered at once. */
const countOf = (): number => service.foundNow

/** A header that matters, though not for these. */
const longWay = 'Denizen-Redirect: manual'

const ofTheMoment = new Set(['date', 'server-timing'])
const textOf = ({ status, headers, body }: RawReply): string =>
  [status, ...[...headers].filter(([name]) => !ofTheMoment.has(name)).sort(), body].join('\n')

test('a reply is the same, at once or not', async () => {
  for (const name of ['a', 'b', 'large', 'empty', 'bytes']) {
    for (const headers of [[], ['Origin: https://x.test'], ['Accept: */*']]) {
      const before = countOf()
      const now = await get(name, bearer, ...headers)
      const later = await get(name, bearer, longWay, ...headers)
      assert.is(textOf(now), textOf(later), name)
      assert.is(now.status, 200)
      assert.is(countOf() - before, 1, 'the other one took the long way')
      const timing = /^store;dur=\d+\.\d\d, total;dur=\d+\.\d\d$/
      assert.match(now.headers.get('server-timing') ?? '', timing)
      const ageMs = Date.now() - Date.parse(now.headers.get('date') ?? '')
      assert.ok(ageMs >= 0 && ageMs < 5_000, `the date is of now: ${ageMs}`)
    }
  }
})

test('pipelined requests are answered in their order, whichever way each takes', async () => {
  const client = connect()
  const lines = Array.from({ length: 60 }, (_, n) => {
    if (n % 7 === 3) return headOf('PUT /v1/kv/cities/p', `${n}`, [bearer]) + n
    if (n % 7 === 5) return headOf('GET /v1/kv/cities/none', '', [bearer])
    if (n % 7 === 6) return headOf('HEAD /v1/kv/cities/b', '', [bearer])
    return headOf(`GET /v1/kv/cities/${n % 2 ? 'a' : 'large'}`, '', [bearer])
  })
  client.socket.write(lines.join(''))
  for (let n = 0; n < 60; n++) {
    const reply = await client.reply(n % 7 === 6)
    const expected = n % 7 === 3 ? (n === 3 ? 201 : 204) : n % 7 === 5 ? 404 : 200
    assert.is(reply.status, expected, `reply ${n}`)
    if (expected !== 200 || n % 7 === 6) continue
    assert.is(reply.body.length, n % 2 ? 3 : 300_000, `reply ${n}`)
  }
  client.sendHead('GET /v1/kv/cities/a HTTP/1.1', bearer)
  assert.is((await client.reply()).body.toString(), 'one')
})

test('a request that comes byte by byte is answered once it is whole', async () => {
  const client = connect()
  for (const each of headOf('GET /v1/kv/cities/a', '', [bearer])) {
    await new Promise<void>(resolve => client.socket.write(each, () => resolve()))
  }
  const reply = await client.reply()
  assert.is(reply.body.toString(), 'one')
  assert.is(reply.headers.get('connection'), 'keep-alive')
  assert.is(reply.headers.get('keep-alive'), 'timeout=65')
})

test('a body is the same, whether it comes with its headers or after them', async () => {
  const client = connect()
  const sent = (text: string): Promise<void> =>
    new Promise(resolve => client.socket.write(text, () => resolve()))
  for (const body of ['', 'short', 'é'.repeat(500), 'x'.repeat(200_000)]) {
    const head = headOf('PUT /v1/kv/profiles/body', body, [bearer])
    const pieces = [[head + body], [head, body], [head + body.slice(0, 3), body.slice(3)]]
    for (const piecesOfOne of pieces) {
      for (const piece of piecesOfOne) {
        await sent(piece)
        await new Promise(setImmediate)
      }
      const reply = await client.reply()
      assert.ok(reply.status === 201 || reply.status === 204)
      assert.is(reply.headers.get('connection'), 'keep-alive')
      assert.is(reply.headers.get('content-length'), reply.status === 201 ? '0' : undefined)
      client.sendHead('GET /v1/kv/profiles/body HTTP/1.1', bearer)
      assert.is((await client.reply()).body.toString(), body)
    }
  }
})

test('a body that ends early writes nothing', async () => {
  for (const part of ['', 'half']) {
    const client = connect()
    client.socket.write(`${headOf('PUT /v1/kv/profiles/cut', 'whole', [bearer])}${part}`)
    await new Promise<void>(resolve => client.socket.end(() => resolve()))
    await client.ended().catch(() => {})
    assert.is((await ask('GET /v1/kv/profiles/cut', '', bearer)).status, 404)
  }
})

test('connections end where the client or HTTP/1.0 wants it', async () => {
  for (const [version, ...headers] of [
    ['1.1', 'Connection: close'],
    ['1.0'],
    ['1.0', 'Connection: close'],
  ]) {
    const client = connect()
    client.sendHead(`GET /v1/kv/cities/a HTTP/${version}`, bearer, ...headers)
    const reply = await client.reply()
    assert.is(`${reply.status} ${reply.body}`, '200 one')
    assert.is(reply.headers.get('connection'), 'close')
    assert.ok(await client.ended())
  }
})

test('a server that closes ends the connection after the reply', async () => {
  const direct = createDirectApi({ service, log, clock, access, meter })
  const app = { fetch: () => new Response() }
  const listen = { host: '127.0.0.1', port: 0, reusePort: false }
  const other = await startHttpServer({ app, direct, ...listen, log, clock })
  const client = new RawClient(other.port)
  clients.add(client)
  const request = headOf('GET /v1/kv/cities/a', '', [bearer])
  client.socket.write(`${request}${request.slice(0, 20)}`)
  assert.is((await client.reply()).headers.get('connection'), 'keep-alive')
  const closed = other.close()
  client.socket.write(request.slice(20))
  const last = await client.reply()
  assert.is(`${last.body} ${last.headers.get('connection')}`, 'one close')
  assert.ok(await client.ended())
  client.socket.end()
  await closed
})

test('HTTP/1.0 may keep its connection, too', async () => {
  const client = connect()
  for (const headers of [[], [longWay]]) {
    client.sendHead('GET /v1/kv/cities/a HTTP/1.0', bearer, 'Connection: keep-alive', ...headers)
    const reply = await client.reply()
    assert.is(`${reply.body} ${reply.headers.get('connection')}`, 'one keep-alive')
  }
})

test('what asks for more than the value takes the long way', async () => {
  const etag = (await get('b', bearer)).headers.get('etag')
  const before = countOf()
  const cbor = await get('b', bearer, 'Accept: application/cbor')
  assert.is(cbor.headers.get('content-type'), 'application/cbor')
  assert.is((await get('b', bearer, `If-None-Match: ${etag}`)).status, 304)
  assert.is((await get('b', bearer, 'IF-MATCH: "1.1"')).status, 412)
  assert.is((await get('b', bearer, 'Denizen-Consistency: strong')).status, 200)
  assert.is(service.contexts.at(-1)?.consistency, 'strong')
  const ofSession = 'denizen-session: "s"'
  for (const level of ['eventual', 'strong', 'bounded=5s']) {
    const reply = await get('b', bearer, ofSession, `Denizen-Consistency: ${level}`)
    assert.is(reply.status, 200)
    assert.is(service.contexts.at(-1)?.session, 's')
  }
  assert.is((await get('b', bearer, ofSession, ofSession)).status, 200)
  assert.is((await get('b', bearer, `denizen-session: ${'s'.repeat(2_100)}`)).status, 400)
  const twice = ['Denizen-Consistency: session', 'Denizen-Consistency: session']
  assert.is((await get('b', bearer, ...twice)).status, 400)
  assert.is((await get('b?via=us-east', bearer)).status, 200)
  assert.is((await get('b?x', bearer)).status, 400)
  assert.is((await get('b#', bearer)).status, 400)
  assert.is((await get('%2e', bearer)).status, 400)
  assert.is((await get('', bearer)).status, 400)
  assert.is(countOf(), before)
  assert.is((await get('%62', bearer, 'denizen-consistency: eventual')).status, 200)
  assert.is(countOf(), before + 1)
  for (const sent of ['"s"', 's']) {
    const reply = await get('b', bearer, `DENIZEN-SESSION: ${sent}`)
    assert.is(`${reply.status} ${reply.headers.get('denizen-session')}`, '200 "s/1+2"')
    assert.is(service.contexts.at(-1)?.session, 's')
  }
  assert.is(countOf(), before + 3)
})

test('a client that goes away before its reply costs nothing', async () => {
  for (let n = 0; n < 20; n++) {
    const client = connect()
    client.socket.write(headOf('GET /v1/kv/cities/large', '', [bearer]).repeat(5))
    await new Promise<void>(resolve => client.socket.write('', () => resolve()))
    client.close()
  }
  assert.is((await get('a', bearer)).status, 200)
})

test('who may not read gets what the route says', async () => {
  const before = countOf()
  assert.is((await get('a')).status, 401)
  assert.is((await get('a', 'Authorization: Bearer dz_x')).status, 401)
  // The second time it is known whose it is.
  for (let n = 0; n < 2; n++) {
    assert.is((await get('a', `Authorization: ${writer.authorization}`)).status, 403)
  }
  assert.is(countOf(), before)
})

test('what is over a rate is refused, and held against the others once', async () => {
  const before = countOf()
  const statuses: number[] = []
  // Four are left of the caller's rate, one of the dataset's.
  for (const dataset of ['tenants', 'tenants', 'cities', 'cities', 'cities']) {
    const line = `GET /v1/kv/${dataset}/${dataset === 'tenants' ? 'eu/' : ''}a`
    const reply = await ask(line, '', `Authorization: ${limited.authorization}`)
    statuses.push(reply.status)
    if (reply.status === 429) assert.is(reply.headers.get('retry-after'), '1')
  }
  assert.equal(statuses, [200, 429, 200, 200, 429])
  assert.is(countOf() - before, 5)
})

test('a node that does not serve says so', async () => {
  service.unready = 'the node is stopping'
  try {
    assert.is((await get('a', bearer)).status, 503)
  } finally {
    service.unready = undefined
  }
})

test('a bug is logged, and the request goes the long way', async () => {
  const { findNow } = service
  service.findNow = () => {
    throw new TypeError('the text quotes a key')
  }
  try {
    assert.is((await get('a', bearer)).body.toString(), 'one')
  } finally {
    service.findNow = findNow
  }
  const line = lines.at(-1)
  assert.is(`${line?.level} ${line?.message}`, 'error a bug in plain reads')
  assert.not.match(JSON.stringify(line), 'quotes a key')
})

test('requests are counted as those of the route are', async () => {
  const counted = (): Record<string, number> => {
    const counts: Record<string, number> = {}
    for (const { labels, value, metricName } of meter.families().flatMap(({ values }) => values)) {
      const { operation, dataset, code, served = '' } = labels
      if (operation !== 'getValue' || dataset !== 'cities') continue
      if (!/_(bucket|sum)$/.test(metricName ?? '')) counts[code ?? served] = value
    }
    return counts
  }
  const before = counted()
  const atOnce = countOf()
  for (const headers of [[], [], [longWay]]) await get('a', bearer, ...headers)
  assert.is(countOf() - atOnce, 2)
  const after = counted()
  assert.is((after['200'] ?? 0) - (before['200'] ?? 0), 3)
  assert.is((after.home ?? 0) - (before.home ?? 0), 3)
})

test.run()
