import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limits, timing } from '../../src/model/limits.ts'
import { startHttpServer } from '../../src/node/http-server.ts'
import { sendLarge } from '../../src/node/large-reply.ts'
import { Load } from '../../src/node/load.ts'
import { type Clock, systemClock } from '../../src/runtime/clock.ts'
import { RawClient, type RawReply } from '../api/raw-client.ts'
import { recordingLogger } from '../api/world.ts'
import { manualClock } from '../support/manual-clock.ts'

const refusals = (load: Load): Record<string, number> =>
  Object.fromEntries(load.family().values.map(it => [it.labels.excess, it.value]))

test('requests are bounded, and so are the bytes of their bodies', () => {
  const { log, lines } = recordingLogger()
  const load = new Load(manualClock(), log)
  for (let taken = 0; taken < limits.requestsInFlightMax; taken++) load.begin(0)
  assert.ok(load.refuses(0))
  assert.ok(load.refuses(0))
  load.end(0)
  assert.not(load.refuses(0))

  load.begin(limits.bodyBytesInFlightMax - 10)
  load.end(0)
  assert.ok(load.refuses(11))
  assert.not(load.refuses(10))
  load.end(limits.bodyBytesInFlightMax - 10)
  assert.not(load.refuses(limits.bodyBytesMax))
  assert.equal(refusals(load), { requests: 2, body_bytes: 1 })
  assert.is(lines.length, 1, 'one warning for many refusals')
  load.close()
})

test('large replies that nobody reads are bounded, and end with their connections', async () => {
  const load = new Load(systemClock, recordingLogger().log)
  const clock = manualClock()
  const bytes = limits.valueBytesMax
  const count = limits.replyBytesInFlightMax / bytes
  const sending: Promise<void>[] = []
  const server = createServer((_, outgoing) => {
    outgoing.writeHead(200, { 'Content-Length': bytes })
    sending.push(sendLarge(outgoing, Buffer.alloc(bytes, 'x'), { load, clock }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const clients = Array.from({ length: count }, () => {
    const client = connect(port, '127.0.0.1').on('error', () => {})
    client.pause().write('GET / HTTP/1.1\r\nHost: node.test\r\n\r\n')
    return client
  })
  await until(() => sending.length === count && load.refuses(0))
  // One reads all of it after all, one goes away, the others are cut off.
  const [reader, leaver] = clients
  let read = 0
  reader?.on('data', piece => {
    read += piece.length
  })
  reader?.resume()
  await until(() => read > bytes)
  assert.not(load.refuses(0))
  leaver?.destroy()
  await Promise.race(sending)
  clock.advance(timing.replyUnreadMaxMs)
  await Promise.all(sending)
  load.beginReply(limits.replyBytesInFlightMax - 1)
  assert.not(load.refuses(0), 'every one of them has ended')
  assert.ok((refusals(load).reply_bytes ?? 0) > 0)
  for (const client of clients) client.destroy()
  await new Promise(closed => server.close(closed))
  load.close()
})

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise(setImmediate)
}

/** A clock of one timer, which runs as late as `turn` says. */
function lateClock(): { readonly clock: Clock; readonly turn: (lateMs: number) => void } {
  let nowMs = 0
  let timer = { dueMs: 0, task: () => {} }
  const clock: Clock = {
    monotonicMs: () => nowMs,
    wallMs: () => nowMs,
    after(delayMs, task) {
      timer = { dueMs: nowMs + delayMs, task }
      return () => {}
    },
  }
  const turn = (lateMs: number): void => {
    nowMs = timer.dueMs + lateMs
    timer.task()
  }
  return { clock, turn }
}

test('timers that run late turn after turn are overload, a single long turn is not', () => {
  const { clock, turn } = lateClock()
  const load = new Load(clock, recordingLogger().log)
  turn(2 * timing.lateTimersMs)
  assert.not(load.refuses(0), 'a long turn')
  turn(0)
  for (let ms = 0; ms < timing.lateTimersMs - timing.lateTimerMs; ms += timing.lateTimerMs) {
    turn(timing.lateTimerMs)
    assert.not(load.refuses(0), 'not yet for long')
  }
  for (let ms = 0; ms < timing.lateTimersMs; ms += timing.lateTimerMs) turn(timing.lateTimerMs)
  assert.ok(load.refuses(0), 'it stands')
  turn(0)
  assert.not(load.refuses(0), 'it is over')
  load.close()
})

test('what is over the bound is answered at once, and what ends makes room', async () => {
  const { log } = recordingLogger()
  const answers: (() => void)[] = []
  const fetch = () =>
    new Promise<Response>(resolve => answers.push(() => resolve(new Response('served'))))
  const listen = { host: '127.0.0.1', port: 0, reusePort: false, log, clock: systemClock }
  const server = await startHttpServer({ app: { fetch }, ...listen })
  const clients: RawClient[] = []
  const ask = (...head: readonly string[]): RawClient => {
    const client = new RawClient(server.port)
    clients.push(client)
    client.sendHead(...head)
    return client
  }
  const get = (path: string, ...headers: readonly string[]): RawClient =>
    ask(`GET ${path} HTTP/1.1`, ...headers)
  try {
    const served: Promise<RawReply>[] = []
    while (answers.length < limits.requestsInFlightMax) {
      const already = answers.length
      served.push(get('/v1/kv/cities/a').reply())
      while (answers.length === already) await new Promise(turn => setImmediate(turn))
    }

    const refused = await get('/v1/kv/cities/a').reply()
    assert.is(refused.status, 503)
    assert.is(refused.headers.get('retry-after'), '1')
    const problem = JSON.parse(refused.body.toString())
    assert.equal([problem.code, problem.applied, problem.retry], ['overloaded', 'no', 'safe'])
    const cbor = await get('/v1/kv/cities/a', 'Accept: application/cbor').reply()
    assert.is(cbor.headers.get('content-type'), 'application/problem+cbor')

    const upload = ask('PUT /v1/kv/cities/a HTTP/1.1', 'Content-Length: 1000000')
    assert.is((await upload.reply()).status, 503, 'before the body is sent')
    const asking = ['Content-Length: 10', 'Expect: 100-continue']
    const waiting = ask('PUT /v1/kv/cities/a HTTP/1.1', ...asking)
    assert.is((await waiting.reply()).status, 503, 'in place of the continue')

    const probe = get('/healthz').reply()
    while (answers.length === limits.requestsInFlightMax) {
      await new Promise(turn => setImmediate(turn))
    }
    for (const answer of answers.splice(0)) answer()
    assert.is((await probe).status, 200)
    for (const { status } of await Promise.all(served)) assert.is(status, 200)

    const next = get('/v1/kv/cities/a').reply()
    while (answers.length === 0) await new Promise(turn => setImmediate(turn))
    for (const answer of answers.splice(0)) answer()
    assert.is((await next).status, 200)
  } finally {
    for (const client of clients) client.close()
    await server.close()
  }
})

test.run()
