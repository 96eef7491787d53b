import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Caller } from '../../src/access/access.ts'
import { stateOf } from '../../src/access/access-control.ts'
import type { Scope } from '../../src/access/scope.ts'
import { limits } from '../../src/model/limits.ts'
import { accessWith, tokenWith, whoIs } from './access-world.ts'

const readProfiles: Scope = { dataset: 'profiles', verbs: ['read'] }

const callerOf = (found: Caller | string): Caller => {
  if (typeof found === 'string') throw new Error(found)
  return found
}

test('a token is known by its secret alone', async () => {
  const [one, other] = [await tokenWith([readProfiles]), await tokenWith([])]
  const { access } = accessWith({ tokens: [one.entry, other.entry] })
  const caller = callerOf(await whoIs(access, one.authorization))
  assert.is(caller.principal, `token ${one.entry.id}`)
  assert.ok(caller.permits('read', 'profiles', 'a', false))
  assert.not(caller.permits('write', 'profiles', 'a', false))
  const forged = [
    one.authorization.slice(0, -10) + other.authorization.slice(-10),
    `Bearer dz_${one.entry.id}_${one.entry.hash.slice(0, 43)}`,
    `Bearer dz_${'z'.repeat(12)}_${'A'.repeat(43)}`,
    one.authorization.replace('Bearer', 'Basic'),
    `Bearer ${'x'.repeat(limits.credentialsBytesMax)}`,
    'Bearer a.b.c',
    'Bearer',
    '',
  ]
  for (const authorization of forged) {
    assert.match(String(await whoIs(access, authorization)), /^unauthenticated: /, authorization)
  }
  assert.match(String(await whoIs(access, undefined)), /^unauthenticated: .*no Authorization/)
})

test('refusals say nothing of what was sent', async () => {
  const one = await tokenWith([readProfiles])
  const { access } = accessWith({ tokens: [one.entry] })
  const secret = one.authorization.slice(-40, -1)
  const answer = await whoIs(access, `${one.authorization.slice(0, -1)}!`)
  assert.type(answer, 'string')
  assert.not.match(String(answer), secret)
})

test('a caller that is known is answered at once, and as long as its token lives', async () => {
  const expires = new Date(60_000).toISOString()
  const one = await tokenWith([readProfiles], { expires })
  const { access, clock } = accessWith({ tokens: [one.entry] })
  const caller = await whoIs(access, one.authorization)
  assert.is(access.authenticate(one.authorization), caller, 'no promise')
  clock.advance(59_999)
  assert.is(access.authenticate(one.authorization), caller)
  clock.advance(1)
  assert.match(String(await whoIs(access, one.authorization)), /^unauthenticated: .*expired/)
})

test('requests without credentials have the scopes of anonymous, and only those', async () => {
  const { access } = accessWith({ anonymous: [{ dataset: 'cities', verbs: ['read'] }] })
  const caller = callerOf(await whoIs(access, undefined))
  assert.ok(caller.isAnonymous)
  assert.ok(caller.permits('read', 'cities', 'a', false))
  assert.not(caller.permits('read', 'profiles', 'a', false))
  assert.match(
    String(await whoIs(access, 'Bearer x')),
    /^unauthenticated/,
    'bad credentials are not none',
  )
})

test('another file takes rights away at once, also from who is being verified', async () => {
  const one = await tokenWith([readProfiles])
  const { access, state } = accessWith({ tokens: [one.entry] })
  const under = access.authenticate(one.authorization)
  access.replace(stateOf({ tokens: [] }, undefined, state))
  await under
  assert.match(String(await whoIs(access, one.authorization)), /^unauthenticated/)
})

test('a token has its rate in all threads, and keeps it over a reload', async () => {
  const one = await tokenWith([readProfiles], { rate: 3 })
  const free = await tokenWith([readProfiles])
  const { access, state, clock } = accessWith({ tokens: [free.entry, one.entry] })
  const sibling = accessWith({ tokens: [free.entry, one.entry] }).access
  sibling.replace(state)
  const here = callerOf(await whoIs(access, one.authorization))
  const there = callerOf(await whoIs(sibling, one.authorization))
  assert.equal([here.take(), there.take('profiles'), here.take()], [0, 0, 0])
  assert.ok(there.take() > 0)
  assert.is(callerOf(await whoIs(access, free.authorization)).take(), 0)
  access.replace(
    stateOf({ tokens: [one.entry], quotas: { cities: { rate: 1 } } }, undefined, state),
  )
  const later = callerOf(await whoIs(access, one.authorization))
  assert.ok(later.take() > 0)
  clock.advance(334)
  assert.is(later.take(), 0)
})

test('a dataset has its rate over all callers', async () => {
  const tokens = [await tokenWith([readProfiles]), await tokenWith([readProfiles])]
  const { access } = accessWith({
    tokens: tokens.map(({ entry }) => entry),
    quotas: { profiles: { rate: 2 } },
  })
  const [a, b] = await Promise.all(
    tokens.map(async ({ authorization }) => callerOf(await whoIs(access, authorization))),
  )
  assert.equal([a?.take('profiles'), b?.take('profiles')], [0, 0])
  assert.ok((a?.take('profiles') ?? 0) > 0)
  assert.is(b?.take('cities'), 0)
  assert.is(b?.take(), 0, 'a request about the node')
})

test('quotas bind what is counted here', async () => {
  const one = await tokenWith([readProfiles])
  const { access, usage } = accessWith({
    tokens: [one.entry],
    quotas: { profiles: { records: 10, bytes: 1_000 }, cities: { bytes: 5 } },
  })
  const caller = callerOf(await whoIs(access, one.authorization))
  assert.is(caller.exhausted('profiles'), undefined, 'nothing is known yet')
  usage.set('profiles', { records: 9, bytes: 999 })
  usage.set('constructor', { records: 9, bytes: 999 })
  assert.is(caller.exhausted('profiles'), undefined)
  assert.is(caller.exhausted('constructor'), undefined)
  usage.set('profiles', { records: 10, bytes: 0 })
  assert.is(caller.exhausted('profiles'), 'records')
  usage.set('profiles', { records: 0, bytes: 1_000 })
  assert.is(caller.exhausted('profiles'), 'bytes')
})

test('who is remembered has a bound', async () => {
  const one = await tokenWith([readProfiles])
  const { access } = accessWith({ tokens: [one.entry] })
  await whoIs(access, one.authorization)
  // The same token, written differently: any case of the scheme, and any number of spaces.
  const written = (n: number): string => {
    const scheme = [...'Bearer'].map((letter, bit) =>
      n & (1 << bit) ? letter.toUpperCase() : letter,
    )
    return one.authorization.replace('Bearer ', `${scheme.join('')}${' '.repeat(2 + (n >> 6))}`)
  }
  // The first letter is upper case either way.
  const count = limits.callersRememberedMax * 2
  for (let n = 0; n < count; n += 2) await whoIs(access, written(n))
  assert.instance(access.authenticate(one.authorization), Promise, 'the oldest is forgotten')
  assert.not.instance(access.authenticate(written(count - 2)), Promise)
})

test.run()
