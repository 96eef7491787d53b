import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { resetSocket } from '../../src/runtime/reset-socket.ts'

/** Runs the task on both ends of a connection. */
async function withPair(task: (near: Socket, far: Socket) => Promise<void>): Promise<void> {
  const server = createServer({ allowHalfOpen: true })
  server.listen({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  const near = connect({ host: '127.0.0.1', port: address.port, allowHalfOpen: true })
  const [[far]] = await Promise.all([once(server, 'connection'), once(near, 'connect')])
  try {
    await task(near, far)
  } finally {
    near.destroy()
    far.destroy()
    server.close()
  }
}

test('a connection is reset: the other end hears of an error', async () => {
  await withPair(async (near, far) => {
    far.resume()
    const failed = once(far, 'error')
    resetSocket(near)
    const [error] = await failed
    assert.is(error.code, 'ECONNRESET')
  })
})

test('one whose end is being sent is closed, and its process can end', async () => {
  await withPair(async (near, far) => {
    far.resume()
    const errors: unknown[] = []
    near.on('error', error => errors.push(error))
    const closed = once(near, 'close')
    near.end()
    // Here the shutdown is under way in libuv; a plain resetAndDestroy() would hang this process.
    process.nextTick(() => resetSocket(near))
    await closed
    assert.equal(errors, [])
  })
})

test('one whose end waits behind bytes is reset', async () => {
  await withPair(async (near, far) => {
    near.write(Buffer.alloc(64 * 1024 * 1024))
    near.end()
    const closed = once(near, 'close')
    resetSocket(near)
    await closed
    const failed = once(far, 'error')
    far.resume()
    const [error] = await failed
    assert.is(error.code, 'ECONNRESET')
  })
})

test.run()
