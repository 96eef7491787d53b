import { connect, createServer, type Server, type Socket } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type DelayProxy, startDelayProxy } from '../../src/runtime/delay-proxy.ts'

const host = '127.0.0.1'
const ONE_WAY_MS = 40

interface World {
  readonly server: Server
  readonly proxy: DelayProxy
  readonly sockets: Set<Socket>
}

function portOf(server: Server): number {
  const bound = server.address()
  if (typeof bound !== 'object' || bound === null) throw new Error('not listening')
  return bound.port
}

async function world(
  serve: (socket: Socket) => void,
  options: {
    oneWayDelayMs?: number
    capture?: (direction: string, bytes: Uint8Array) => void
  } = {},
): Promise<World> {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    serve(socket)
  })
  await new Promise<void>(resolve => server.listen(0, host, resolve))
  const proxy = await startDelayProxy({
    listen: { host, port: 0 },
    target: { host, port: portOf(server) },
    oneWayDelayMs: ONE_WAY_MS,
    ...options,
  })
  return { server, proxy, sockets }
}

async function end({ server, proxy, sockets }: World): Promise<void> {
  for (const socket of sockets) socket.destroy()
  await proxy.close()
  await new Promise(resolve => server.close(resolve))
}

const dial = (port: number): Socket => {
  const socket = connect({ host, port, allowHalfOpen: true })
  socket.on('error', () => {})
  return socket
}

const once = (socket: Socket, event: 'data' | 'end' | 'close' | 'connect'): Promise<Buffer> =>
  new Promise(resolve => socket.once(event, resolve))

const echo = (socket: Socket): void => {
  socket.on('data', bytes => socket.write(bytes))
  socket.on('end', () => socket.end())
}

const within = (valueMs: number, fromMs: number, toMs: number): void =>
  assert.ok(valueMs >= fromMs && valueMs <= toMs, `${valueMs} ms is not in ${fromMs}..${toMs} ms`)

test('opening takes a round trip more, then each round trip takes one', async () => {
  const there = await world(echo)
  const socket = dial(there.proxy.port)
  const startMs = performance.now()
  socket.write('1')
  await once(socket, 'data')
  within(performance.now() - startMs, 4 * ONE_WAY_MS - 3, 4 * ONE_WAY_MS + 80)
  const againMs = performance.now()
  socket.write('2')
  await once(socket, 'data')
  within(performance.now() - againMs, 2 * ONE_WAY_MS - 3, 2 * ONE_WAY_MS + 60)
  socket.destroy()
  await end(there)
})

test('much data keeps its order and takes no longer than the delay', async () => {
  const there = await world(echo)
  const socket = dial(there.proxy.port)
  const sent = Buffer.alloc(
    8 * 1024 * 1024,
    Uint8Array.from({ length: 251 }, (_, i) => i),
  )
  const startMs = performance.now()
  socket.write(sent)
  let received = 0
  let same = true
  await new Promise<void>(resolve =>
    socket.on('data', (bytes: Buffer) => {
      same &&= bytes.equals(sent.subarray(received, received + bytes.length))
      received += bytes.length
      if (received === sent.length) resolve()
    }),
  )
  assert.ok(same)
  // One after another, 128 reads of 64 KiB would have taken 5 s.
  within(performance.now() - startMs, 4 * ONE_WAY_MS - 3, 1_500)
  socket.destroy()
  await end(there)
})

test('half-close crosses, and so does the rest of the answer after it', async () => {
  const there = await world(socket => {
    const parts: Buffer[] = []
    socket.on('data', (bytes: Buffer) => parts.push(bytes))
    socket.on('end', () => socket.end(Buffer.concat(parts)))
  })
  const socket = dial(there.proxy.port)
  const answer = once(socket, 'data')
  const closed = once(socket, 'end')
  socket.end('question')
  assert.is(String(await answer), 'question')
  await closed
  await end(there)
})

test('a target that refuses ends the client', async () => {
  const there = await world(echo)
  await new Promise(resolve => there.server.close(resolve))
  const socket = dial(there.proxy.port)
  const startMs = performance.now()
  await once(socket, 'close')
  within(performance.now() - startMs, 2 * ONE_WAY_MS - 3, 2 * ONE_WAY_MS + 80)
  await there.proxy.close()
})

test('a target that ends the connection ends the client', async () => {
  const there = await world(socket => socket.resetAndDestroy())
  const socket = dial(there.proxy.port)
  await once(socket, 'close')
  await end(there)
})

test('a cut is silent; healing resets what met it, and new connections work', async () => {
  const there = await world(echo)
  const before = dial(there.proxy.port)
  before.write('1')
  await once(before, 'data')
  let heard = 0
  before.on('data', () => heard++)
  before.on('close', () => heard++)
  before.write('on the cable')
  there.proxy.cut()
  before.write('after the cut')
  const during = dial(there.proxy.port)
  during.on('data', () => heard++)
  during.on('close', () => heard++)
  await once(during, 'connect')
  during.write('into the void')
  // A connection elsewhere measures out the time in which an answer would have come.
  const elsewhere = await world(echo)
  const probe = dial(elsewhere.proxy.port)
  probe.write('1')
  await once(probe, 'data')
  probe.destroy()
  await end(elsewhere)
  assert.is(heard, 0)
  assert.is(there.sockets.size, 1)
  const closed = Promise.all([once(before, 'close'), once(during, 'close')])
  there.proxy.heal()
  await closed
  const after = dial(there.proxy.port)
  after.write('works')
  assert.is(String(await once(after, 'data')), 'works')
  after.destroy()
  await end(there)
})

test('capture sees the bytes of both directions', async () => {
  const seen: Record<string, string> = {}
  const capture = (direction: string, bytes: Uint8Array): void => {
    seen[direction] = (seen[direction] ?? '') + Buffer.from(bytes).toString()
  }
  const there = await world(socket => socket.on('data', () => socket.end('pong')), { capture })
  const socket = dial(there.proxy.port)
  socket.write('ping')
  await once(socket, 'data')
  assert.equal(seen, { 'to-target': 'ping', 'to-client': 'pong' })
  socket.destroy()
  await end(there)
})

test.run()
