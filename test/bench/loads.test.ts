/** The loads: they measure what they say, and give out no figure of a wrong reply. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { valueText } from '../../bench/keys.ts'
import { type GeneratorOptions, generate } from '../../bench/loads/generator.ts'
import { hasWrk, type WrkOptions, wrk } from '../../bench/loads/wrk.ts'

const valueBytes = 100

async function withServer(
  listener: RequestListener,
  task: (port: number) => Promise<void>,
): Promise<void> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  try {
    await task(typeof address === 'object' ? (address?.port ?? 0) : 0)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const sound: RequestListener = (request, response) => {
  request.resume()
  if (request.method === 'GET') response.end(valueText(0, valueBytes))
  else request.on('end', () => response.writeHead(204).end())
}

const options = (port: number): GeneratorOptions => ({
  dialect: { kind: 'http', path: '/', isStatic: true, hasVersions: false },
  ...{ port, operation: 'get', connections: 2, keys: 10, valueBytes },
  ...{ seconds: 0.3, warmUpSeconds: 0 },
})

const failure = (running: Promise<unknown>): Promise<string> =>
  running.then(
    () => 'a figure was given out',
    (error: Error) => error.message,
  )

test('as fast as replies come, and by a schedule', () =>
  withServer(sound, async port => {
    const most = await generate(options(port))
    assert.ok(most.requests > 10)
    assert.ok(most.p50Ms > 0 && most.p50Ms <= most.p99Ms && most.p99Ms <= most.p999Ms)
    assert.ok(most.p999Ms <= most.maxMs)
    const scheduled = await generate({ ...options(port), rate: 100, warmUpSeconds: 0.1 })
    assert.is(scheduled.requests, 30, 'all that is due, and nothing of the time before')
  }))

/** Answers at once, but for one request, during which nothing at all happens. */
function stalling(atRequest: number, ms: number): RequestListener {
  const cell = new Int32Array(new SharedArrayBuffer(4))
  let requests = 0
  return (_request, response) => {
    requests += 1
    if (requests === atRequest) Atomics.wait(cell, 0, 0, ms)
    response.end(valueText(0, valueBytes))
  }
}

test('a server that stands still is charged for all requests that were due meanwhile', async () => {
  const stallMs = 500
  const rate = 200
  await withServer(stalling(30, stallMs), async port => {
    const { p99Ms, waitedP99Ms } = await generate({ ...options(port), seconds: 1, rate })
    assert.ok(p99Ms > stallMs * 0.8, `p99 ${p99Ms} ms: the stall is missing`)
    assert.ok(waitedP99Ms > stallMs * 0.5, 'most of them could not be sent when they were due')
  })
  // The same stall, hidden: without a schedule a connection sends nothing while it waits.
  await withServer(stalling(30, stallMs), async port => {
    const { p99Ms, maxMs } = await generate({ ...options(port), connections: 1, seconds: 1 })
    assert.ok(maxMs > stallMs * 0.8)
    assert.ok(p99Ms < stallMs * 0.5, `p99 ${p99Ms} ms: what the schedule is there for`)
  })
})

test('the generator: a wrong status, a wrong body, no new version, nobody there', async () => {
  await withServer(sound, async port => {
    const put = { ...options(port), operation: 'put' } as const
    const versions = { ...put.dialect, hasVersions: true } as GeneratorOptions['dialect']
    assert.match(await failure(generate({ ...put, dialect: versions })), 'without a new version')
    const others = { ...put.dialect, isStatic: false } as GeneratorOptions['dialect']
    const get = { ...options(port), dialect: others, keys: 1_000 }
    assert.match(await failure(generate(get)), 'a wrong body')
  })
  const missing: RequestListener = (_request, response) =>
    response.writeHead(404, { 'content-length': 0 }).end()
  await withServer(missing, async port => {
    assert.match(await failure(generate(options(port))), 'status 404')
    assert.match(await failure(generate({ ...options(port), rate: 50 })), 'status 404')
  })
  assert.match(await failure(generate(options(9))), 'ECONNREFUSED')
})

test('the generator: a version that is not newer than those before it', async () => {
  let seq = 0
  const listener: RequestListener = (request, response) => {
    request.resume()
    request.on('end', () => {
      seq += 1
      response.writeHead(204, { etag: `"1.${seq < 20 ? seq : 3}"` }).end()
    })
  }
  await withServer(listener, async port => {
    const dialect = { kind: 'http', path: '/', isStatic: true, hasVersions: true } as const
    const put = { ...options(port), operation: 'put', dialect, keys: 1 } as const
    assert.match(await failure(generate(put)), '1.3')
  })
})

test('the generator: replies in chunks are read whole', async () => {
  const listener: RequestListener = (_request, response) => {
    const value = Buffer.from(valueText(0, valueBytes)).toString('base64')
    response.write('{"kvs":[{"value":"')
    response.end(`${value}"}]}`)
  }
  await withServer(listener, async port => {
    const etcd = { ...options(port), dialect: { kind: 'etcd' }, keys: 1 } as const
    assert.ok((await generate({ ...etcd, rate: 50 })).requests > 5)
    assert.match(await failure(generate({ ...etcd, keys: 1_000 })), 'not what was put')
  })
})

const wrkOptions = (port: number): WrkOptions => ({
  ...{ script: 'single', port, path: '/', operation: 'get', connections: 2 },
  ...{ keys: 10, valueBytes, seconds: 1, operations: 1 },
})

if (hasWrk()) {
  test('wrk: a figure, and none of wrong replies', async () => {
    const seen = new Set<string>()
    const watched: RequestListener = (request, response) => {
      seen.add(request.url ?? '')
      sound(request, response)
    }
    await withServer(watched, async port => {
      const { requests, seconds } = await wrk(wrkOptions(port))
      assert.ok(requests > 10 && seconds > 0.9)
      const paths = Array.from({ length: 10 }, (_, key) => `/key-00000000${key}`)
      assert.equal([...seen].sort(), paths, 'every key is asked for, and no other')
    })
    const failing: RequestListener = (_request, response) =>
      response.writeHead(404, { 'content-length': 0 }).end()
    await withServer(failing, async port => {
      assert.match(await failure(wrk(wrkOptions(port))), /\d+ replies with a wrong status/)
    })
    await withServer(sound, async port => {
      const large = { ...wrkOptions(port), valueBytes: 1_000 }
      assert.match(await failure(wrk(large)), 'replies without values')
      const batch = { ...wrkOptions(port), script: 'batch', operations: 5 } as const
      assert.match(await failure(wrk(batch)), /\d+ wrong replies/)
    })
  })
}

test.run()
