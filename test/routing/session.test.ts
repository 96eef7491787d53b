import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DenizenError } from '../../src/model/errors.ts'
import { limits } from '../../src/model/limits.ts'
import { importSessionKey, Session } from '../../src/routing/session.ts'

const key = await importSessionKey('07'.repeat(32))
const point = (slot: number, feed: number, position: number) => ({ slot, feed, position })
const isRefused = (error: unknown): boolean =>
  error instanceof DenizenError && error.code === 'bad_session'

async function refused(token: string, by = key): Promise<void> {
  const error = await Session.decode(by, token).catch(failure => failure)
  assert.ok(isRefused(error), token)
}

test('the newest point of a feed stands for all before it', async () => {
  const session = new Session()
  assert.ok(session.empty)
  session.add('d', point(1, 65_537, 50))
  session.add('d', point(1, 65_537, 40))
  session.add('d', point(1, 131_073, 2 ** 52))
  session.add('e', point(1, 65_537, 99))
  const read = await Session.decode(key, await session.encode(key))
  assert.equal(read.seen('d', 1), [
    { feed: 65_537, position: 50 },
    { feed: 131_073, position: 2 ** 52 },
  ])
  assert.equal(read.seen('d', 0), [])
  assert.equal(read.seenBySlot('e'), [{ slot: 1, points: [{ feed: 65_537, position: 99 }] }])
})

test('no token is a session that has seen nothing', async () => {
  assert.ok((await Session.decode(key, undefined)).empty)
})

test('a token that would outgrow its bound degrades, and stays so', async () => {
  const session = new Session()
  for (let slot = 0; slot < 200; slot++) session.add('some-dataset', point(slot, 65_537, 2 ** 40))
  const token = await session.encode(key)
  assert.ok(token.length <= limits.sessionTokenBytesMax)
  const read = await Session.decode(key, token)
  assert.ok(read.degraded && !read.empty)
  read.add('d', point(0, 65_537, 1))
  assert.ok((await Session.decode(key, await read.encode(key))).degraded)
})

test('every token up to the bound can be read back', async () => {
  const session = new Session()
  for (let slot = 0; slot < 80; slot++) {
    session.add('dataset', point(slot, 65_537, 2 ** 33 + slot))
    const read = await Session.decode(key, await session.encode(key))
    assert.ok(read.degraded || read.seenBySlot('dataset').length === slot + 1)
  }
})

test('a changed, cut, strange or foreign token is refused', async () => {
  const session = new Session()
  session.add('d', point(1, 65_537, 50))
  const token = await session.encode(key)
  for (let n = 0; n < token.length; n += 3) {
    const other = token[n] === 'A' ? 'B' : 'A'
    await refused(`${token.slice(0, n)}${other}${token.slice(n + 1)}`)
  }
  for (const one of ['', 'AA', '!!', token.slice(0, 20), 'A'.repeat(3_000)]) await refused(one)
  await refused(token, await importSessionKey('08'.repeat(32)))
})

test.run()
