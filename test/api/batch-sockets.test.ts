/** Streamed batches over real connections: both directions at once, and clients that hang. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createApi } from '../../src/api/app.ts'
import { timing } from '../../src/model/limits.ts'
import { type HttpServer, nodeTarget, startHttpServer } from '../../src/node/http-server.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { manualClock } from '../support/manual-clock.ts'
import { createService, recordingLogger } from './world.ts'

const { log, lines } = recordingLogger()
const clock = manualClock()
const service = createService()
let server: HttpServer

test.before(async () => {
  const app = createApi({ service, rawTarget: nodeTarget, log, clock, version: '0.1.0' })
  const host = '127.0.0.1'
  server = await startHttpServer({ app, host, port: 0, reusePort: false, log, clock: systemClock })
})
test.after(() => server.close())

const path = '/v1/batch/profiles'
const line = (op: object): string => `${JSON.stringify(op)}\n`

async function open(): Promise<{ sent: ClientRequest; reply: Promise<IncomingMessage> }> {
  const sent = request({
    ...{ port: server.port, host: '127.0.0.1', path, method: 'POST' },
    headers: { 'Content-Type': 'application/x-ndjson' },
  })
  const reply = once(sent, 'response').then(([message]) => message as IncomingMessage)
  return { sent, reply }
}

test('each operation is answered before the next one is sent', async () => {
  const { sent, reply } = await open()
  sent.write(line({ op: 'put', key: 'a', value: 0 }))
  const results = createInterface({ input: await reply })[Symbol.asyncIterator]()
  assert.is(JSON.parse((await results.next()).value ?? '').status, 201)
  for (let n = 1; n < 5; n++) {
    sent.write(line({ op: 'put', key: 'a', value: n }))
    assert.is(JSON.parse((await results.next()).value ?? '').status, 204)
  }
  sent.end(line({ op: 'get', key: 'a' }))
  assert.is(JSON.parse((await results.next()).value ?? '').value, 4)
  assert.ok((await results.next()).done)
})

test('many operations at once', async () => {
  const count = 50_000
  const { sent, reply } = await open()
  const sending = (async () => {
    for (let n = 0; n < count; n++) {
      if (!sent.write(line({ op: 'put', key: `many/${n}`, value: n }))) await once(sent, 'drain')
    }
    sent.end()
  })()
  let statuses = 0
  for await (const text of createInterface({ input: await reply })) {
    if (JSON.parse(text).status === 201) statuses += 1
  }
  await sending
  assert.is(statuses, count)
})

/** A client that sends reads of a large value and does not read what comes back. */
async function hang(): Promise<Socket> {
  await service.execute(
    'profiles',
    [
      {
        kind: 'put',
        key: 'large' as never,
        value: Buffer.from(JSON.stringify('x'.repeat(200_000))),
        mediaType: 'application/json',
        precondition: {},
      },
    ],
    { consistency: 'session' },
  )
  const socket = connect({ port: server.port, host: '127.0.0.1' }).pause()
  socket.on('error', () => {})
  socket.write(
    `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n` +
      'Transfer-Encoding: chunked\r\n\r\n',
  )
  const ops = line({ op: 'get', key: 'large' }).repeat(5_000)
  const before = service.contexts.length
  socket.write(`${ops.length.toString(16)}\r\n${ops}\r\n`)
  // As many results as may wait have been made: moved on earlier, time would run out for the body.
  for (let [seen, still] = [before, 0]; seen === before || still < 1_000; still++) {
    await new Promise(resolve => setImmediate(resolve))
    if (service.contexts.length === seen) continue
    seen = service.contexts.length
    still = 0
  }
  return socket
}

/** Reads on until the event, and gives out the last that came. */
async function endOf(socket: Socket, event: 'end' | 'close'): Promise<string> {
  let end = ''
  socket.on('data', chunk => {
    end = (end + chunk.toString('latin1')).slice(-2_000)
  })
  socket.resume()
  await once(socket, event)
  return end
}

/** Moves time on, turn by turn, until the log says it. */
async function untilLogged(code: string): Promise<void> {
  while (!lines.some(entry => entry.code === code)) {
    assert.equal(lines, [], 'the stream has ended otherwise')
    await new Promise(resolve => setImmediate(resolve))
    clock.advance(timing.streamUnreadMaxMs / 100)
  }
}

test('a client that does not read is told so if it reads after all', async () => {
  lines.length = 0
  const socket = await hang()
  await untilLogged('client_not_reading')
  const end = await endOf(socket, 'end')
  assert.match(end, /"code":"client_not_reading"/)
  assert.match(end, /\r\n0\r\n\r\n$/)
  socket.destroy()
})

test('and loses its connection if not', async () => {
  lines.length = 0
  const socket = await hang()
  await untilLogged('client_not_reading')
  clock.advance(timing.streamUnreadMaxMs)
  // What the kernel holds may be read; then the connection is gone without a proper end.
  assert.not.match(await endOf(socket, 'close'), /client_not_reading/)
})

test('a client that goes away amid the stream leaves the server well', async () => {
  const { sent, reply } = await open()
  sent.write(line({ op: 'put', key: 'gone', value: 1 }))
  const message = await reply
  message.on('error', () => {})
  sent.on('error', () => {})
  await once(message, 'data')
  sent.destroy()
  const again = await open()
  again.sent.end(line({ op: 'get', key: 'gone' }))
  for await (const text of createInterface({ input: await again.reply })) {
    assert.is(JSON.parse(text).status, 200)
  }
})

test('curl', async () => {
  const url = `http://127.0.0.1:${server.port}${path}`
  const type = 'Content-Type: application/x-ndjson'
  const curl = spawn('curl', ['-sN', '-T', '.', '-X', 'POST', '-H', type, url])
  try {
    await once(curl, 'spawn')
  } catch {
    // The other tests speak the same protocol; curl is here because people will use it.
    return
  }
  const results = createInterface({ input: curl.stdout })[Symbol.asyncIterator]()
  curl.stdin.write(line({ op: 'put', key: 'curl', value: [1] }))
  assert.is(JSON.parse((await results.next()).value ?? '').status, 201)
  curl.stdin.end(line({ op: 'get', key: 'curl' }))
  assert.equal(JSON.parse((await results.next()).value ?? '').value, [1])
  assert.ok((await results.next()).done)
})

test.run()
