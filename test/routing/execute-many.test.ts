/** Operations of one request come to what they come to one by one. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Operation, Outcome } from '../../src/execution/operation.ts'
import { fromUtf8, utf8 } from '../../src/model/bytes.ts'
import { DenizenError } from '../../src/model/errors.ts'
import { parseKey } from '../../src/model/key.ts'
import { formatVersion } from '../../src/model/version.ts'
import type { Answer, Consistency, RequestContext } from '../../src/routing/service.ts'
import { dataset, policy } from '../support/policies.ts'
import { RoutingWorld } from '../support/routing-world.ts'
import { type SeededRandom, seededRandom } from '../support/seeded-random.ts'

const regions = ['one', 'two', 'three', 'four']
const storing = ['one', 'two', 'three']
const data = policy(regions, [
  dataset('hint', storing, { serve: regions, slots: 16 }),
  dataset('grouped', storing, { serve: regions, groupBySegments: 1, slots: 16 }),
  dataset('pinned', storing, { serve: regions, homing: { kind: 'pinned', region: 'two' } }),
  dataset('hashed', storing, { serve: regions, homing: { kind: 'hash' } }),
  dataset('parts', ['one', 'two'], { prefix: 'a/', serve: regions }),
  dataset('parts', ['two'], { prefix: 'b/', serve: regions }),
])
const names = ['hint', 'grouped', 'pinned', 'hashed', 'parts']
const keys = ['a/1', 'a/2', 'a/3', 'b/1', 'b/2', 'c/1'].map(parseKey)
const open = (): Promise<RoutingWorld> => RoutingWorld.open(data, { readsHere: true })

function operationOf(random: SeededRandom): Operation {
  const key = random.pick(keys)
  const precondition = random.oneIn(4)
    ? random.pick([
        { ifMatch: '*' },
        { ifNoneMatch: '*' },
        { ifMatch: { term: 9, seq: 9 } },
      ] as const)
    : {}
  const once = random.oneIn(4) ? { idempotencyKey: `k${random.below(3)}` } : {}
  switch (random.below(4)) {
    case 0:
      return { kind: 'get', key }
    case 1:
      return { kind: 'delete', key, precondition, ...once }
    default: {
      const value = utf8(`value ${random.below(100)}`)
      const mediaType = random.pick(['text/plain', 'x/y', ''])
      const life = random.oneIn(5) ? { ttlMs: 1_000 } : {}
      return { kind: 'put', key, value, mediaType, precondition, ...life, ...once }
    }
  }
}

/** All but positions, which say in which order groups were written. */
function said(outcome: Outcome | undefined): unknown {
  switch (outcome?.kind) {
    case 'found': {
      const { mediaType, value, receipt } = outcome
      return { kind: 'found', mediaType, value: fromUtf8(value), receipt }
    }
    case 'failed':
      return { kind: 'failed', code: outcome.error.code }
    case 'written':
      return { kind: 'written', created: outcome.created, receipt: outcome.receipt }
    default:
      return outcome && { kind: outcome.kind, receipt: outcome.receipt }
  }
}

async function oneByOne(
  world: RoutingWorld,
  region: string,
  name: string,
  operations: readonly Operation[],
  context: RequestContext,
): Promise<(Outcome | undefined)[]> {
  const outcomes: (Outcome | undefined)[] = []
  // Those that read come first: what is written beside them is none of their business.
  const isRead = ({ kind }: Operation): boolean => kind === 'get'
  const order = [...operations.keys()].sort(
    (a, b) =>
      Number(isRead(operations[b] as Operation)) - Number(isRead(operations[a] as Operation)),
  )
  for (const index of order) {
    const one = operations[index] as Operation
    outcomes[index] = await alone(world.at(region).router.execute(name, [one], context))
  }
  return outcomes
}

async function alone(running: Promise<Answer>): Promise<Outcome | undefined> {
  try {
    return (await running).outcomes[0]
  } catch (error) {
    if (error instanceof DenizenError) return { kind: 'failed', error }
    throw error
  }
}

/** No group is written twice: who is home by then would depend on which of them is sooner. */
function batchOf(random: SeededRandom, name: string): Operation[] {
  const seen = new Set<string>()
  const all = Array.from({ length: 2 + random.below(8) }, () => operationOf(random))
  return all.filter(({ key, kind }) => {
    const group = name === 'grouped' ? (key.split('/')[0] as string) : key
    const isFree = !seen.has(group)
    if (kind !== 'get') seen.add(group)
    return isFree
  })
}

test('in every region, at every level', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seededRandom(seed)
    const [many, single] = [await open(), await open()]
    for (let round = 0; round < 8; round++) {
      const name = random.pick(names)
      const region = random.pick(regions)
      const consistency = random.pick<Consistency>(['strong', 'session', 'eventual'])
      const principal = random.pick(['alice', 'bob'])
      const context: RequestContext = { consistency, principal }
      const operations = batchOf(random, name)
      const { outcomes } = await many.at(region).router.execute(name, operations, context)
      const expected = await oneByOne(single, region, name, operations, context)
      assert.equal(outcomes.map(said), expected.map(said), `seed ${seed}, round ${round}`)
      const passedMs = random.below(800)
      for (const world of [many, single]) world.clock.advance(passedMs)
    }
    assert.equal(many.violations, [])
  }
})

const put = (key: string, value: string): Operation => ({
  ...{ kind: 'put', key: parseKey(key), value: utf8(value), mediaType: 'text/plain' },
  precondition: {},
})
const get = (key: string): Operation => ({ kind: 'get', key: parseKey(key) })
const session: RequestContext = { consistency: 'session' }

test('writes of one key take effect in order, and each is a version of its own', async () => {
  for (const name of ['hint', 'pinned']) {
    const world = await open()
    const { router } = world.at('two')
    const writes = Array.from({ length: 1_200 }, (_, n) => put(`k${n % 3}`, `${n}`))
    const { outcomes } = await router.execute(name, writes, session)
    const versions = outcomes.map(outcome =>
      outcome.kind === 'written' ? formatVersion(outcome.version) : outcome.kind,
    )
    const ofFirst = versions.filter((_, n) => n % 3 === 0)
    assert.is(new Set(ofFirst).size, ofFirst.length)
    assert.equal(
      outcomes.map(outcome => outcome.kind === 'written' && outcome.created),
      outcomes.map((_, n) => n < 3),
    )
    const read = await router.execute(name, ['k0', 'k1', 'k2'].map(get), session)
    read.outcomes.forEach((outcome, n) => {
      assert.ok(outcome.kind === 'found' && fromUtf8(outcome.value) === `${1_197 + n}`)
      assert.is(formatVersion(outcome.version), versions[1_197 + n])
    })
  }
})

test('one that fails leaves nothing behind, and the others stand', async () => {
  const world = await open()
  const { router } = world.at('two')
  const bound = { ...put('b', '2'), precondition: { ifMatch: '*' } } as const
  const other = { ...put('c', '3'), idempotencyKey: 'once' } as const
  const reused = { ...put('c', '4'), idempotencyKey: 'once' } as const
  const batch = [put('a', '1'), bound, other, reused, put('d', '5')]
  const { outcomes } = await router.execute('pinned', batch, session)
  assert.equal(
    outcomes.map(outcome => (outcome.kind === 'failed' ? outcome.error.code : outcome.kind)),
    ['written', 'version_mismatch', 'written', 'idempotency_mismatch', 'written'],
  )
  const found = await router.execute('pinned', ['a', 'b', 'c', 'd'].map(get), session)
  assert.equal(
    found.outcomes.map(outcome => (outcome.kind === 'found' ? fromUtf8(outcome.value) : '')),
    ['1', '', '3', '5'],
  )
})

test('claims of one request go in one message', async () => {
  const world = await open()
  const writes = Array.from({ length: 40 }, (_, n) => put(`k${n}`, ''))
  const { outcomes } = await world.at('one').router.execute('hint', writes, session)
  assert.ok(outcomes.every(({ kind }) => kind === 'written'))
  assert.ok(world.calls.length <= 2, `${world.calls}`)
})

test('the token covers what the writes wrote and the reads saw', async () => {
  const world = await open()
  const { outcomes, session: token = '' } = await world
    .at('two')
    .router.execute('pinned', [put('a', '1'), put('b', '2')], session)
  assert.ok(outcomes.every(({ kind }) => kind === 'written'))
  // Nothing is replicated in this world: another region's copy is behind, and asks the home.
  const read = await world
    .at('one')
    .router.execute('pinned', [get('a'), get('b'), get('c')], { ...session, session: token })
  assert.equal(
    read.outcomes.map(({ kind }) => kind),
    ['found', 'found', 'absent'],
  )
  const anew = await world
    .at('one')
    .router.execute('pinned', [get('a'), get('b')], { ...session, session: read.session ?? '' })
  assert.ok(anew.outcomes.every(({ kind }) => kind === 'found'))
})

test.run()
