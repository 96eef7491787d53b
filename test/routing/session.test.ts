import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DenizenError } from '../../src/model/errors.ts'
import { limits } from '../../src/model/limits.ts'
import { Session, tokenOf, tokenOfRest } from '../../src/routing/session.ts'
import { SessionTokens } from '../../src/routing/session-tokens.ts'
import { hmacSha256 } from '../../src/runtime/mac.ts'

const key = hmacSha256('07'.repeat(32))
const nothing = (): boolean => false
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
  const read = Session.decode(key, session.encode(key, nothing))
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
  const token = session.encode(key, nothing)
  assert.ok(token.length <= limits.sessionTokenBytesMax)
  const read = Session.decode(key, token)
  assert.ok(read.degraded && !read.empty)
  read.add('d', point(0, 65_537, 1))
  assert.ok(Session.decode(key, read.encode(key, nothing)).degraded)
})

test('every token up to the bound can be read back', () => {
  const session = new Session()
  for (let slot = 0; slot < 80; slot++) {
    session.add('dataset', point(slot, 65_537, 2 ** 33 + slot))
    const read = Session.decode(key, session.encode(key, nothing))
    assert.ok(read.degraded || read.seenBySlot('dataset').length === slot + 1)
  }
})

test('a changed, cut, strange or foreign token is refused', () => {
  const session = new Session()
  session.add('d', point(1, 65_537, 50))
  const token = session.encode(key, nothing)
  for (let n = 0; n < token.length; n += 3) {
    const other = token[n] === 'A' ? 'B' : 'A'
    refused(`${token.slice(0, n)}${other}${token.slice(n + 1)}`)
  }
  for (const one of ['', 'AA', '!!', token.slice(0, 20), 'A'.repeat(3_000)]) refused(one)
  refused(token, hmacSha256('08'.repeat(32)))
})

const everywhere = (dataset: string, { position }: { position: number }): boolean =>
  dataset === 'd' && position <= 50

test('points that are complete everywhere are left out, and it is said that there were some', () => {
  const session = new Session()
  session.add('d', point(1, 65_537, 50))
  const whole = session.encode(key, nothing)
  session.add('d', point(2, 65_537, 51))
  session.add('e', point(1, 65_537, 7))
  const read = Session.decode(key, session.encode(key, everywhere))
  assert.ok(read.hasRest && !read.empty && !read.degraded)
  assert.equal(read.seen('d', 1), [])
  assert.equal(read.seen('d', 2), [{ feed: 65_537, position: 51 }])
  assert.equal(read.seen('e', 1), [{ feed: 65_537, position: 7 }])
  assert.ok(Session.decode(key, read.encode(key, nothing)).hasRest, 'from then on')
  assert.not.ok(Session.decode(key, whole).hasRest)
})

test('a session of which nothing is left to name is still one', () => {
  const session = Session.decode(key, tokenOfRest(key))
  assert.ok(session.hasRest && !session.empty)
  assert.equal(session.seenBySlot('d'), [])
  assert.is(session.encode(key, nothing), tokenOfRest(key))
  const one = new Session()
  one.add('d', point(1, 65_537, 50))
  assert.is(one.encode(key, everywhere), tokenOfRest(key))
  const tokens = new SessionTokens(key, everywhere)
  assert.is(tokens.of('d', point(1, 65_537, 50)), tokenOfRest(key))
  assert.is(tokens.of('d', point(1, 65_537, 51)), tokenOf(key, 'd', point(1, 65_537, 51)))
})

test('a token of any number of points fits once they are complete everywhere', () => {
  const session = new Session()
  for (let slot = 0; slot < 5_000; slot++) session.add('d', point(slot, 65_537, slot % 60))
  assert.ok(Session.decode(key, session.encode(key, nothing)).degraded)
  session.add('e', point(0, 65_537, 1))
  const few = session.encode(key, (_, { position }) => position <= 59)
  const read = Session.decode(key, few)
  assert.ok(read.hasRest && !read.degraded && few.length < 100)
})

test.run()
