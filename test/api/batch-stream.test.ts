import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createApi } from '../../src/api/app.ts'
import { concatBytes, utf8 } from '../../src/model/bytes.ts'
import { limits, timing } from '../../src/model/limits.ts'
import { decodeCbor, encodeCbor } from '../../src/protocol/cbor.ts'
import { SequenceSplitter } from '../../src/protocol/sequence.ts'
import { type ManualClock, manualClock } from '../support/manual-clock.ts'
import type { MemoryService } from './memory-service.ts'
import { createService, type LogLine, problemOf, recordingLogger, type SendInit } from './world.ts'

const ndjson = { 'Content-Type': 'application/x-ndjson' }
const cborSeq = { 'Content-Type': 'application/cbor-seq' }

interface StreamWorld {
  readonly service: MemoryService
  readonly lines: LogLine[]
  readonly clock: ManualClock
  /** How often the host was asked to end the connection. */
  cutOffs: number
  readonly send: (init: StreamInit, dataset?: string) => Promise<Response>
}

/** The DOM's type does not know `duplex`, without which a streamed body is refused. */
type StreamInit = SendInit & { readonly duplex?: 'half' }

function createWorld(): StreamWorld {
  const service = createService()
  const { log, lines } = recordingLogger()
  const clock = manualClock()
  const rawTarget = (_: Request, env: unknown): string => String(Object(env).target)
  const app = createApi({ service, log, clock, version: '0.1.0', rawTarget })
  const world: StreamWorld = {
    service,
    lines,
    clock,
    cutOffs: 0,
    send: async (init, dataset = 'profiles') =>
      app.fetch(
        new Request('http://node.test/', { ...(init as RequestInit), method: 'POST' }),
        Object({ target: `/v1/batch/${dataset}`, cutOff: () => world.cutOffs++ }),
      ),
  }
  return world
}

const linesOf = (...items: readonly unknown[]): Uint8Array =>
  utf8(items.map(item => `${JSON.stringify(item)}\n`).join(''))

type Result = Record<string, unknown> & { readonly error?: Record<string, unknown> }

const resultsOf = async (reply: Response): Promise<Result[]> =>
  (await reply.text())
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))

const codes = (results: readonly Result[]): string[] =>
  results.map(({ status, error }) => `${String(status)} ${String(error?.code ?? '')}`.trim())

/** A body that the test writes piece by piece. */
function openBody(): {
  readonly body: ReadableStream<Uint8Array>
  readonly write: (...items: readonly unknown[]) => void
  readonly end: () => void
} {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  return {
    body: readable,
    write: (...items) => void writer.write(linesOf(...items)).catch(() => {}),
    end: () => void writer.close().catch(() => {}),
  }
}

const put = (key: string, value: unknown = 1) => ({ op: 'put', key, value })
const get = (key: string) => ({ op: 'get', key })

test('lines in, lines out: one result each, in order', async () => {
  const { send } = createWorld()
  const ops = [put('a', { x: ['é'] }), get('a'), { op: 'delete', key: 'a' }, get('a')]
  const reply = await send({ body: linesOf(...ops), headers: ndjson })
  assert.is(reply.status, 200)
  assert.is(reply.headers.get('Content-Type'), 'application/x-ndjson')
  const results = await resultsOf(reply)
  assert.equal(codes(results), ['201', '200', '204', '404 not_found'])
  assert.equal(results[1]?.value, { x: ['é'] })
  assert.is(results[3]?.session, 's/1+2')
})

test('CBOR in, CBOR out, or the form that Accept prefers', async () => {
  const { send } = createWorld()
  const body = concatBytes(...[put('a', Uint8Array.of(1, 2)), get('a')].map(encodeCbor))
  const reply = await send({ body, headers: cborSeq })
  assert.is(reply.headers.get('Content-Type'), 'application/cbor-seq')
  const splitter = new SequenceSplitter('cbor', limits.streamItemBytesMax)
  const bytes = new Uint8Array(await reply.arrayBuffer())
  const results = Array.from(splitter.push(bytes), item => Object(decodeCbor(item)))
  assert.is(splitter.end(), undefined)
  assert.equal(results[1].value, Uint8Array.of(1, 2))
  const lines = await send({ body, headers: { ...cborSeq, Accept: 'application/x-ndjson' } })
  assert.is(lines.headers.get('Content-Type'), 'application/x-ndjson')
  assert.equal(codes(await resultsOf(lines)), ['204', '200'])
})

test('no operations, no results; empty lines are none', async () => {
  const { send } = createWorld()
  assert.equal(await resultsOf(await send({ body: new Uint8Array(), headers: ndjson })), [])
  assert.equal(await resultsOf(await send({ headers: ndjson })), [])
  const body = utf8(`\n\r\n  \n${JSON.stringify(put('a'))}\n\n`)
  assert.equal(codes(await resultsOf(await send({ body, headers: ndjson }))), ['201'])
})

test('an operation is answered before the next one is sent', async () => {
  const { send } = createWorld()
  const { body, write, end } = openBody()
  const reply = await send({ body, duplex: 'half', headers: ndjson })
  const reader = reply.body?.pipeThrough(new TextDecoderStream()).getReader()
  for (const n of [1, 2, 3]) {
    write(put(`key-${n}`))
    const { value } = (await reader?.read()) ?? {}
    assert.is(JSON.parse(value ?? '').status, 201)
  }
  end()
  assert.ok((await reader?.read())?.done)
})

test('a malformed item ends the stream; what came before it stands, nothing after it does', async () => {
  for (const bad of [
    '{"op":"swap","key":"b"}',
    '{"op":',
    '\ufffd',
    '{"op":"put","key":"b"}',
    '7',
  ]) {
    const { send, service, lines } = createWorld()
    const body = concatBytes(linesOf(put('a'), get('a')), utf8(`${bad}\n`), linesOf(put('c')))
    const results = await resultsOf(await send({ body, headers: ndjson }))
    const last = results.at(-1)
    assert.is(results.length, 3, bad)
    assert.is(last?.status, 400)
    assert.is(last?.error?.taken, 2)
    assert.is(last?.error?.applied, 'no')
    const { outcomes } = await service.execute('profiles', [{ kind: 'get', key: 'c' as never }], {
      consistency: 'session',
    })
    assert.is(outcomes[0]?.kind, 'absent')
    assert.ok(lines.some(({ message, taken }) => message === 'stream ended early' && taken === 2))
  }
})

test('mistakes of one operation are its own result', async () => {
  const { send } = createWorld()
  const ops = [put('a//b'), put('a'), { op: 'put', key: 'p', type: 'image/png', bytes: '!' }]
  const results = await resultsOf(await send({ body: linesOf(...ops, get('a')), headers: ndjson }))
  assert.equal(codes(results), ['400 bad_key', '201', '400 bad_body', '200'])
})

test('operations of other regions are results', async () => {
  const { send } = createWorld()
  const body = linesOf(put('us/a'), put('eu/a'), put('cn/a'))
  const results = await resultsOf(await send({ body, headers: ndjson }, 'tenants'))
  assert.equal(codes(results), ['307 redirect', '201', '451 refused_region'])
  assert.is(await problemOf(await send({ body, headers: ndjson }, 'far')), '307 redirect')
})

test('operations on one key never run side by side, unless they only read', async () => {
  const { send, service } = createWorld()
  const chunks: string[][] = []
  const execute = service.execute.bind(service)
  service.execute = async (name, operations, context) => {
    chunks.push(operations.map(({ kind, key }) => `${kind} ${key}`))
    return execute(name, operations, context)
  }
  const ops = [put('a', 1), get('b'), get('b'), put('a', 2), get('a'), put('c'), put('b')]
  const results = await resultsOf(await send({ body: linesOf(...ops), headers: ndjson }))
  assert.equal(chunks, [['put a', 'get b', 'get b'], ['put a'], ['get a', 'put c', 'put b']])
  assert.is(results[4]?.value, 2)
})

test('chunks follow each other, each with the session of the one before', async () => {
  const { send, service } = createWorld()
  const ops = Array.from({ length: 5_000 }, (_, i) => put(`k${i}`))
  const results = await resultsOf(await send({ body: linesOf(...ops), headers: ndjson }))
  assert.is(results.length, 5_000)
  assert.ok(results.every(({ status }) => status === 201))
  assert.ok(service.contexts.length > 2 && service.contexts.length < 100)
  assert.equal(
    service.contexts.slice(1).map(({ session }) => session),
    service.contexts.slice(1).map(() => 's/1+2'),
  )
})

test('a failure of ours ends the stream with what is known', async () => {
  const { send, service } = createWorld()
  const { body, write } = openBody()
  const reply = await send({ body, duplex: 'half', headers: ndjson })
  const reader = reply.body?.pipeThrough(new TextDecoderStream()).getReader()
  write(put('a'))
  await reader?.read()
  service.nextFailure = new Error('a bug')
  write(put('b'))
  const last = JSON.parse((await reader?.read())?.value ?? '')
  assert.is(last.error.code, 'internal')
  assert.is(last.error.applied, 'unknown')
  assert.is(last.error.taken, 1)
  assert.ok((await reader?.read())?.done)
})

test('a client that sends nothing for too long', async () => {
  const { send, clock } = createWorld()
  const { body, write } = openBody()
  const reply = await send({ body, duplex: 'half', headers: ndjson })
  const reader = reply.body?.pipeThrough(new TextDecoderStream()).getReader()
  write(put('a'))
  await reader?.read()
  clock.advance(timing.streamIdleMaxMs)
  const last = JSON.parse((await reader?.read())?.value ?? '')
  assert.is(`${last.status} ${last.error.code} ${last.error.taken}`, '408 body_timeout 1')
})

/** Operations whose results are large, more of them than may wait. */
async function unread(world: StreamWorld): Promise<{ reply: Response; pulled: () => number }> {
  const value = 'x'.repeat(50_000)
  await world.send({ body: linesOf(put('large', value)), headers: ndjson }).then(resultsOf)
  let pulled = 0
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        pulled += 1
        controller.enqueue(linesOf(get('large')))
      },
    },
    { highWaterMark: 0 },
  )
  const reply = await world.send({ body, duplex: 'half', headers: ndjson })
  return { reply, pulled: () => pulled }
}

/** Until nothing moves any more. */
async function settled(count: () => number): Promise<void> {
  for (let before = -1; before !== count(); ) {
    before = count()
    for (let turn = 0; turn < 50; turn++) await new Promise(resolve => setImmediate(resolve))
  }
}

test('reading pauses where results are not read, and goes on where they are', async () => {
  const world = createWorld()
  const { reply, pulled } = await unread(world)
  await settled(pulled)
  const before = pulled()
  assert.ok(before * 50_000 < 8 * limits.unreadResultsBytesMax, `${before} were read`)
  const reader = reply.body?.getReader()
  for (let n = 0; n < 5; n++) {
    world.clock.advance(timing.streamUnreadMaxMs - 1)
    await reader?.read()
  }
  await settled(pulled)
  assert.ok(pulled() > before, 'who reads slowly is served on')
  await reader?.cancel()
})

test('a client that does not read its results is cut off', async () => {
  const world = createWorld()
  const { reply, pulled } = await unread(world)
  await settled(pulled)
  world.clock.advance(timing.streamUnreadMaxMs)
  await settled(pulled)
  assert.ok(world.lines.some(({ code }) => code === 'client_not_reading'))
  assert.is(world.cutOffs, 0)
  const results = await resultsOf(reply)
  const last = results.at(-1)
  assert.is(`${last?.status} ${last?.error?.code}`, '408 client_not_reading')
  assert.is(last?.error?.taken, results.length - 1)
})

test('and if it does not even read that it was, the connection ends', async () => {
  const world = createWorld()
  const { pulled } = await unread(world)
  await settled(pulled)
  world.clock.advance(timing.streamUnreadMaxMs)
  await settled(pulled)
  world.clock.advance(timing.streamUnreadMaxMs)
  assert.is(world.cutOffs, 1)
})

test('refused before anything is read', async () => {
  const { send } = createWorld()
  const encoded = { ...ndjson, 'Content-Encoding': 'gzip' }
  assert.is(
    await problemOf(await send({ body: linesOf(put('a')), headers: encoded })),
    '415 unsupported_media_type',
  )
})

test.run()
