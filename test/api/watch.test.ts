/** What a watch looks like on the wire, over real connections. */
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createApi } from '../../src/api/app.ts'
import { DenizenError } from '../../src/model/errors.ts'
import type { Key } from '../../src/model/key.ts'
import { limits, timing } from '../../src/model/limits.ts'
import { type HttpServer, nodeTarget, startHttpServer } from '../../src/node/http-server.ts'
import { decodeCbor } from '../../src/protocol/cbor.ts'
import { SequenceSplitter } from '../../src/protocol/sequence.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { manualClock } from '../support/manual-clock.ts'
import { put, ScriptedWatch } from './scripted-watch.ts'
import { createService, recordingLogger } from './world.ts'

const { log, lines } = recordingLogger()
const clock = manualClock()
const service = createService()
let server: HttpServer
let watch: ScriptedWatch

test.before(async () => {
  const app = createApi({ service, rawTarget: nodeTarget, log, clock, version: '0.1.0' })
  const host = '127.0.0.1'
  server = await startHttpServer({ app, host, port: 0, reusePort: false, log, clock: systemClock })
})
test.after(() => server.close())
test.before.each(() => {
  watch = new ScriptedWatch()
  service.nextWatch = watch.open
  service.watches.length = 0
})

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

async function open(
  query = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<IncomingMessage> {
  const port = server.port
  const path = `/v1/watch/profiles${query}`
  const sent = get({ port, host: '127.0.0.1', path, headers })
  sent.on('error', () => {})
  const [reply] = await once(sent, 'response')
  return reply
}

/** What has come so far, as soon as it ends with the text. */
async function textUpTo(reply: IncomingMessage, end: string): Promise<string> {
  let text = ''
  reply.setEncoding('utf8')
  while (!text.endsWith(end)) {
    const chunk = reply.read()
    if (chunk !== null) text += chunk
    else if (reply.readableEnded) throw new Error(`it ended with ${text}`)
    else await turn()
  }
  return text
}

const deleted = { kind: 'delete', key: 'b' as Key, version: { term: 1, seq: 8 } } as const

test('server-sent events; an id is where one can go on', async () => {
  const reply = await open('?prefix=a&since=eu-west~1.1', { 'Last-Event-ID': '' })
  assert.is(reply.headers['content-type'], 'text/event-stream')
  assert.is(reply.headers['cache-control'], 'private, no-store, no-transform')
  assert.equal(service.watches, [{ prefix: 'a', since: 'eu-west~1.1' }])
  watch.tell({ events: [put('a', '{"n":1}'), put('c', 'x', 'text/plain')] })
  watch.tell({ events: [deleted, { kind: 'live' }], cursor: 'eu-west~1.5' })
  assert.is(
    await textUpTo(reply, 'data: {}\n\n'),
    [
      ':\n',
      'event: change\ndata: {"key":"a","version":"1.7","type":"application/json","value":{"n":1}}\n',
      'event: change\ndata: {"key":"c","version":"1.7","type":"text/plain","bytes":"eA"}\n',
      'event: change\ndata: {"key":"b","version":"1.8","deleted":true}\n',
      'event: live\nid: eu-west~1.5\ndata: {}\n\n',
    ].join('\n'),
  )
  watch.tell({ events: [], cursor: 'eu-west~1.6' })
  await turn()
  clock.advance(timing.watchHeartbeatMs)
  assert.is(await textUpTo(reply, '\n\n'), ':\nid: eu-west~1.6\n\n')
  watch.fail(new DenizenError('not_ready', 'the node is stopping'))
  assert.is(
    await textUpTo(reply, '"}\n\n'),
    'event: end\ndata: {"code":"not_ready","detail":"the node is stopping",' +
      '"applied":"no","retry":"safe"}\n\n',
  )
  await once(reply, 'end')
  assert.ok(lines.every(line => !JSON.stringify(line).includes('"a"')))
})

test('a CBOR sequence', async () => {
  const reply = await open('', { Accept: 'application/cbor-seq, text/event-stream;q=0.5' })
  assert.is(reply.headers['content-type'], 'application/cbor-seq')
  watch.tell({ events: [put('a', '{"n":1}'), deleted], cursor: 'x' })
  watch.fail(new DenizenError('not_ready', 'stops'))
  const splitter = new SequenceSplitter('cbor', 1_000)
  const items: unknown[] = []
  for await (const chunk of reply) items.push(...Array.from(splitter.push(chunk), decodeItem))
  assert.equal(items, [
    { event: 'heartbeat' },
    { event: 'change', key: 'a', version: '1.7', type: 'application/json', value: { n: 1 } },
    { event: 'change', cursor: 'x', key: 'b', version: '1.8', deleted: true },
    { event: 'end', code: 'not_ready', detail: 'stops', applied: 'no', retry: 'safe' },
  ])
})

const decodeItem = (bytes: Uint8Array): unknown => decodeCbor(bytes)

async function codeOf(path: string, headers: Record<string, string> = {}): Promise<string> {
  const url = `http://127.0.0.1:${server.port}/v1/watch/${path}`
  const reply = await fetch(url, { headers, redirect: 'manual' })
  const { code } = Object(await reply.json())
  return `${reply.status} ${code} ${reply.headers.get('location') ?? ''}`.trim()
}

test('what is refused before the first event has a status of its own', async () => {
  assert.is(await codeOf('profiles', { Accept: 'application/json' }), '406 not_acceptable')
  assert.is(await codeOf('closed'), '451 refused_region')
  assert.is(
    await codeOf('far?prefix=a'),
    '307 redirect https://us-east.example/v1/watch/far?prefix=a&via=eu-west',
  )
  assert.is(await codeOf('profiles?prefix=a//b'), '400 bad_key')
  service.nextFailure = new DenizenError('cursor_too_old', 'too old')
  assert.is(await codeOf('profiles', { 'Last-Event-ID': 'us-east~1.1' }), '410 cursor_too_old')
  service.nextFailure = undefined
  assert.equal(service.watches.at(-1), { prefix: '', since: 'us-east~1.1' })
})

test('a region without a copy sends the client to one that has it', async () => {
  const url = 'https://us-east.example'
  service.nextWatch = { kind: 'redirect', region: 'us-east', url, reason: 'no copy' }
  assert.is(await codeOf('proxied'), `307 redirect ${url}/v1/watch/proxied?via=eu-west`)
  assert.is(await codeOf('proxied', { 'Denizen-Redirect': 'manual' }), '421 misdirected_region')
})

test('a client that goes away ends its watch', async () => {
  const reply = await open()
  reply.on('error', () => {})
  reply.destroy()
  while (!watch.hasEnded) await turn()
})

const large = put('large', JSON.stringify('x'.repeat(100_000)))

test('who reads slowly holds up the watch, and gets all of it', async () => {
  const count = 200
  watch.tell(...Array.from({ length: count }, () => ({ events: [large] })))
  const reply = await open()
  for (let n = 0; n < 200; n++) await turn()
  const held = watch.taken
  assert.ok(held < count, `${held} batches were taken ahead`)
  watch.fail(new DenizenError('not_ready', 'stops'))
  let bytes = 0
  for await (const chunk of reply) bytes += chunk.length
  assert.is(watch.taken, count)
  assert.ok(bytes > count * 100_000)
})

test('who reads nothing is given up, and told if it reads after all', async () => {
  watch.tell(...Array.from({ length: 200 }, () => ({ events: [large] })))
  const reply = await open()
  while (!watch.hasEnded) {
    await turn()
    clock.advance(timing.streamUnreadMaxMs / 100)
  }
  let end = ''
  let bytes = 0
  for await (const chunk of reply) {
    bytes += chunk.length
    end = (end + chunk.toString('latin1')).slice(-300)
  }
  assert.match(end, /event: end\ndata: \{"code":"client_not_reading"/)
  // Beside what waits here, the kernel and the host hold some.
  assert.ok(bytes < 20 * limits.unreadResultsBytesMax)
})

test.run()
