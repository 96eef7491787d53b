import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DenizenError } from '../../src/model/errors.ts'
import { limits } from '../../src/model/limits.ts'
import { Session } from '../../src/routing/session.ts'
import { hmacSha256 } from '../../src/runtime/mac.ts'

const key = hmacSha256('07'.repeat(32))
const point = (slot: number, feed: number, position: number) => ({ slot, feed, position })
const isRefused = (error: unknown): boolean =>
  error instanceof DenizenError && error.code === 'bad_session'

function refused(token: string, by = key): void {
  assert.throws(() => Session.decode(by, token), isRefused)
}

test('the newest point of a feed stands for all before it', () => {
  const session = new Session()
  assert.ok(session.empty)
  session.add('d', point(1, 65_537, 50))
  session.add('d', point(1, 65_537, 40))
  session.add('d', point(1, 131_073, 2 ** 52))
  session.add('e', point(1, 65_537, 99))
  const read = Session.decode(key, session.encode(key))
  assert.equal(read.seen('d', 1), [
    { feed: 65_537, position: 50 },
    { feed: 131_073, position: 2 ** 52 },
  ])
  assert.equal(read.seen('d', 0), [])
  assert.equal(read.seenBySlot('e'), [{ slot: 1, points: [{ feed: 65_537, position: 99 }] }])
})

test('no token is a session that has seen nothing', () => {
  assert.ok(Session.decode(key, undefined).empty)
})

test('a token that would outgrow its bound degrades, and stays so', () => {
  const session = new Session()
  for (let slot = 0; slot < 200; slot++) session.add('some-dataset', point(slot, 65_537, 2 ** 40))
  const token = session.encode(key)
  assert.ok(token.length <= limits.sessionTokenBytesMax)
  const read = Session.decode(key, token)
  assert.ok(read.degraded && !read.empty)
  read.add('d', point(0, 65_537, 1))
  assert.ok(Session.decode(key, read.encode(key)).degraded)
})

test('every token up to the bound can be read back', () => {
  const session = new Session()
  for (let slot = 0; slot < 80; slot++) {
    session.add('dataset', point(slot, 65_537, 2 ** 33 + slot))
    const read = Session.decode(key, session.encode(key))
    assert.ok(read.degraded || read.seenBySlot('dataset').length === slot + 1)
  }
})

test('a changed, cut, strange or foreign token is refused', () => {
  const session = new Session()
  session.add('d', point(1, 65_537, 50))
  const token = session.encode(key)
  for (let n = 0; n < token.length; n += 3) {
    const other = token[n] === 'A' ? 'B' : 'A'
    refused(`${token.slice(0, n)}${other}${token.slice(n + 1)}`)
  }
  for (const one of ['', 'AA', '!!', token.slice(0, 20), 'A'.repeat(3_000)]) refused(one)
  refused(token, hmacSha256('08'.repeat(32)))
})

test.run()
