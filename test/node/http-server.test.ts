import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createApi } from '../../src/api/app.ts'
import { limits } from '../../src/model/limits.ts'
import { type HttpServer, nodeTarget, startHttpServer } from '../../src/node/http-server.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { RawClient, type RawReply } from '../api/raw-client.ts'
import { createService, recordingLogger } from '../api/world.ts'

const { log, lines } = recordingLogger()
const clock = systemClock
const service = createService()
let server: HttpServer
const clients = new Set<RawClient>()

test.before(async () => {
  const app = createApi({ service, rawTarget: nodeTarget, log, clock, version: '0.1.0' })
  server = await startHttpServer({ app, host: '127.0.0.1', port: 0, reusePort: false, log, clock })
})
test.after.each(() => {
  for (const client of clients) client.close()
  clients.clear()
})
test.after(() => server.close())

const connect = (): RawClient => {
  const client = new RawClient(server.port)
  clients.add(client)
  return client
}

async function get(target: string, ...headers: readonly string[]): Promise<RawReply> {
  const client = connect()
  client.sendHead(`GET ${target} HTTP/1.1`, ...headers)
  return client.reply()
}

async function put(target: string, body: string, type = 'text/plain'): Promise<RawReply> {
  const client = connect()
  client.sendHead(
    `PUT ${target} HTTP/1.1`,
    `Content-Type: ${type}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
  )
  client.socket.write(body)
  return client.reply()
}

const codeOf = (reply: RawReply): string => {
  const body: unknown = JSON.parse(reply.body.toString())
  const code = typeof body === 'object' && body !== null && 'code' in body ? body.code : undefined
  return `${reply.status} ${String(code)}`
}

test('a key is decoded once, from the raw target', async () => {
  assert.is((await put('/v1/kv/profiles/raw%2Fa%252Fb', 'once')).status, 201)
  assert.is((await get('/v1/kv/profiles/raw/a%252Fb')).body.toString(), 'once')
  assert.is((await get('/v1/kv/profiles/raw/a%2Fb')).status, 404)
  assert.is((await get('/v1/kv/profiles/raw/a/b')).status, 404)
  assert.is((await get('http://other.test/v1/kv/profiles/raw/a%252Fb')).body.toString(), 'once')
})

test('what URL parsers would collapse is refused', async () => {
  await put('/v1/kv/profiles/b', 'must not be found by another name')
  const targets = ['a/../b', 'a/%2e%2e/b', 'a/.%2E/b', './b', '%2e/b', '/b', 'a//b', 'b/', '']
  for (const key of targets) {
    assert.is(codeOf(await get(`/v1/kv/profiles/${key}`)), '400 bad_key', key)
  }
  assert.is(codeOf(await get('/v1/kv/profiles/%zz')), '400 bad_key')
  assert.is(codeOf(await get('/v1/kv/profiles/%ff')), '400 bad_key')
  assert.is(codeOf(await get('/v1/kv/profiles/b#c')), '400 bad_key')
  assert.is(codeOf(await get('/v1/kv/cities/../profiles/b')), '400 bad_key')
  assert.is(codeOf(await get('/v1/x/../kv/profiles/b')), '404 unknown_route')
})

test('a target that makes no URL is answered as a problem, not with an empty reply', async () => {
  const reply = await get('/v1/kv/profiles/a\\b')
  assert.is(codeOf(reply), '400 bad_request')
  assert.is(reply.headers.get('content-type'), 'application/problem+json')
})

test('raw bytes beyond ASCII are no target', async () => {
  const client = connect()
  client.socket.write(Buffer.from('GET /v1/kv/profiles/é HTTP/1.1\r\nHost: a\r\n\r\n'))
  assert.is((await client.reply()).status, 400)
})

test('HEAD and 304 carry the headers of GET without its body, on one connection', async () => {
  const etag = (await put('/v1/kv/profiles/head', 'value')).headers.get('etag')
  const client = connect()
  client.sendHead('HEAD /v1/kv/profiles/head HTTP/1.1')
  const head = await client.reply(true)
  assert.is(head.status, 200)
  assert.is(head.headers.get('content-length'), '5')
  assert.is(head.headers.get('etag'), etag)
  client.sendHead('GET /v1/kv/profiles/head HTTP/1.1', `If-None-Match: ${etag}`)
  const unchanged = await client.reply()
  assert.is(unchanged.status, 304)
  assert.is(unchanged.headers.get('etag'), etag)
  client.sendHead('HEAD /v1/kv/profiles/none HTTP/1.1')
  assert.is((await client.reply(true)).status, 404)
  client.sendHead('GET /v1/kv/profiles/head HTTP/1.1')
  assert.is((await client.reply()).body.toString(), 'value')
})

test('a declared length over the limit is 413 before any of the body is sent', async () => {
  const client = connect()
  client.sendHead(
    'PUT /v1/kv/profiles/large HTTP/1.1',
    `Content-Length: ${limits.valueBytesMax + 1}`,
  )
  const reply = await client.reply()
  assert.is(codeOf(reply), '413 too_large')
  assert.is(reply.headers.get('connection'), 'close')
  assert.ok(await client.ended())
})

test('413 reaches a client that sends its whole body before it reads', async () => {
  const client = connect()
  const size = limits.valueBytesMax + 1
  client.socket.pause()
  client.sendHead('PUT /v1/kv/profiles/large HTTP/1.1', `Content-Length: ${size}`)
  await new Promise(resolve => client.socket.write(Buffer.alloc(size), resolve))
  client.socket.resume()
  assert.is(codeOf(await client.reply()), '413 too_large')
  assert.ok(await client.ended())
})

test('a chunked body is cut off at the limit', async () => {
  const client = connect()
  client.sendHead('PUT /v1/kv/profiles/large HTTP/1.1', 'Transfer-Encoding: chunked')
  const chunk = Buffer.alloc(1024 * 1024)
  for (let sent = 0; sent <= limits.valueBytesMax; sent += chunk.length) {
    client.socket.write(`${chunk.length.toString(16)}\r\n`)
    client.socket.write(chunk)
    client.socket.write('\r\n')
  }
  const reply = await client.reply()
  assert.is(codeOf(reply), '413 too_large')
  assert.is(reply.headers.get('connection'), 'close')
  assert.ok(await client.ended())
  assert.is((await get('/v1/kv/profiles/large')).status, 404)
})

test('a value of exactly the limit is taken, declared or chunked', async () => {
  const value = Buffer.alloc(limits.valueBytesMax, 7)
  const declared = connect()
  declared.sendHead('PUT /v1/kv/profiles/full HTTP/1.1', `Content-Length: ${value.length}`)
  declared.socket.write(value)
  assert.is((await declared.reply()).status, 201)
  const chunked = connect()
  chunked.sendHead('PUT /v1/kv/profiles/full HTTP/1.1', 'Transfer-Encoding: chunked')
  chunked.socket.write(`${value.length.toString(16)}\r\n`)
  chunked.socket.write(value)
  chunked.socket.write('\r\n0\r\n\r\n')
  assert.is((await chunked.reply()).status, 204)
  assert.ok((await get('/v1/kv/profiles/full')).body.equals(value))
})

test('the batch body has its own limit', async () => {
  const client = connect()
  client.sendHead(
    'POST /v1/batch/profiles HTTP/1.1',
    'Content-Type: application/json',
    `Content-Length: ${limits.bodyBytesMax + 1}`,
  )
  assert.is(codeOf(await client.reply()), '413 too_large')
})

test('Expect: 100-continue is answered with 100 only where the body is wanted', async () => {
  const client = connect()
  const expecting = ['Content-Length: 2', 'Expect: 100-continue']
  client.sendHead('PUT /v1/kv/profiles/patient HTTP/1.1', ...expecting)
  assert.is((await client.reply()).status, 100)
  client.socket.write('ok')
  assert.is((await client.reply()).status, 201)
  client.sendHead('PUT /v1/kv/profiles/patient HTTP/1.1', ...expecting)
  assert.is((await client.reply()).status, 100)
  client.socket.write('go')
  assert.is((await client.reply()).status, 204)
  assert.is((await get('/v1/kv/profiles/patient')).body.toString(), 'go')
})

test('refusals come before the continue, and end the connection', async () => {
  const refusals: [string, string[], string][] = [
    ['far/a', [], '307 redirect'],
    ['far/a', ['Denizen-Redirect: manual'], '421 misdirected_region'],
    ['closed/a', [], '451 refused_region'],
    ['nowhere/a', [], '404 unknown_dataset'],
    ['profiles//a', [], '400 bad_key'],
    ['profiles/a', ['Denizen-Acks: local'], '400 not_supported'],
    ['profiles/a', ['If-Match: nonsense'], '400 bad_precondition'],
  ]
  for (const [path, headers, expected] of refusals) {
    const client = connect()
    client.sendHead(
      `PUT /v1/kv/${path} HTTP/1.1`,
      'Content-Length: 1000',
      'Expect: 100-continue',
      ...headers,
    )
    const reply = await client.reply()
    assert.is(codeOf(reply), expected)
    assert.is(reply.headers.get('connection'), 'close', expected)
    assert.ok(await client.ended(), expected)
  }
  const client = connect()
  client.sendHead(
    'PUT /v1/kv/profiles/a HTTP/1.1',
    `Content-Length: ${limits.valueBytesMax + 1}`,
    'Expect: 100-continue',
  )
  assert.is(codeOf(await client.reply()), '413 too_large')
})

test('the redirect keeps the raw target and says where it comes from', async () => {
  const reply = await get('/v1/kv/far/a%2Fb%252F')
  assert.is(
    reply.headers.get('location'),
    'https://us-east.example/v1/kv/far/a%2Fb%252F?via=eu-west',
  )
  const list = await get('/v1/kv/far?prefix=a%2F')
  assert.is(
    list.headers.get('location'),
    'https://us-east.example/v1/kv/far?prefix=a%2F&via=eu-west',
  )
})

test('a refused body that has come in already leaves the connection usable', async () => {
  const client = connect()
  client.socket.write('PUT /v1/kv/nowhere/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello')
  const refused = await client.reply()
  assert.is(codeOf(refused), '404 unknown_dataset')
  assert.is.not(refused.headers.get('connection'), 'close')
  client.sendHead('GET /healthz HTTP/1.1')
  assert.is((await client.reply()).status, 200)
})

test('a client that goes away amid its body is no error of ours', async () => {
  const before = lines.filter(({ level }) => level === 'error').length
  const client = connect()
  client.sendHead('PUT /v1/kv/profiles/cut HTTP/1.1', 'Content-Length: 100')
  client.socket.write('half')
  await new Promise<void>(resolve => client.socket.end(() => resolve()))
  await client.ended().catch(() => {})
  assert.is((await get('/v1/kv/profiles/cut')).status, 404)
  assert.is(lines.filter(({ level }) => level === 'error').length, before)
})

test('a port that is taken rejects with EADDRINUSE', async () => {
  const app = { fetch: () => new Response() }
  try {
    await startHttpServer({
      app,
      host: '127.0.0.1',
      port: server.port,
      reusePort: false,
      log,
      clock,
    })
    assert.unreachable()
  } catch (error) {
    assert.is(error instanceof Error && 'code' in error ? error.code : '', 'EADDRINUSE')
  }
})

test('close lets the request under way end, and ends the connection after it', async () => {
  let release: () => void = () => {}
  const released = new Promise<void>(resolve => {
    release = resolve
  })
  let entered: () => void = () => {}
  const inside = new Promise<void>(resolve => {
    entered = resolve
  })
  const app = {
    fetch: async () => {
      entered()
      await released
      return new Response('done')
    },
  }
  const other = await startHttpServer({
    app,
    host: '127.0.0.1',
    port: 0,
    reusePort: false,
    log,
    clock,
  })
  const client = new RawClient(other.port)
  clients.add(client)
  client.sendHead('GET / HTTP/1.1')
  await inside
  const closed = other.close()
  release()
  const reply = await client.reply()
  assert.is(reply.headers.get('connection'), 'close')
  client.socket.end()
  await closed
})

test('a failure outside the app is logged and answered without its text', async () => {
  const app = {
    fetch: (): Response => {
      throw new Error('the text quotes a key')
    },
  }
  const broken = await startHttpServer({
    app,
    host: '127.0.0.1',
    port: 0,
    reusePort: false,
    log,
    clock,
  })
  const client = new RawClient(broken.port)
  clients.add(client)
  client.sendHead('GET / HTTP/1.1')
  const reply = await client.reply()
  assert.is(codeOf(reply), '500 internal')
  assert.not.match(reply.body.toString(), 'quotes a key')
  assert.is(lines.at(-1)?.message, 'request failed outside the app')
  client.close()
  await broken.close()
})

test.run()
