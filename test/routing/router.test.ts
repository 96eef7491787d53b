/** Operations on a world of routers: who executes, what is told, and that it is the truth. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Operation, Outcome } from '../../src/execution/operation.ts'
import { utf8 } from '../../src/model/bytes.ts'
import { DenizenError } from '../../src/model/errors.ts'
import { type Key, parseKey } from '../../src/model/key.ts'
import { limits } from '../../src/model/limits.ts'
import { highestWeight } from '../../src/model/rendezvous.ts'
import { formatVersion } from '../../src/model/version.ts'
import type { Consistency } from '../../src/routing/service.ts'
import { dataset, hasher, policy, tableOf } from '../support/policies.ts'
import { RoutingWorld } from '../support/routing-world.ts'

const regions = ['one', 'two', 'three', 'four']
const storing = ['one', 'two', 'three']
const data = policy(regions, [
  dataset('hint', storing, { serve: regions, slots: 16 }),
  dataset('grouped', storing, { serve: regions, groupBySegments: 1, slots: 16 }),
  dataset('closed', storing),
  dataset('pinned', storing, { serve: regions, homing: { kind: 'pinned', region: 'two' } }),
])
const table = tableOf(data)
const open = (): Promise<RoutingWorld> => RoutingWorld.open(data)

const put = (key: string, text: string | Uint8Array = 'x', precondition = {}): Operation => ({
  kind: 'put',
  key: key as Key,
  value: typeof text === 'string' ? utf8(text) : text,
  mediaType: 'text/plain',
  precondition,
})
const get = (key: string): Operation => ({ kind: 'get', key: key as Key })
const remove = (key: string): Operation => ({ kind: 'delete', key: key as Key, precondition: {} })

async function run(
  world: RoutingWorld,
  region: string,
  name: string,
  operation: Operation,
  consistency: Consistency = 'strong',
): Promise<Outcome> {
  const { outcomes } = await world.at(region).router.execute(name, [operation], { consistency })
  return outcomes[0] as Outcome
}

const homeIn = (outcome: Outcome): string | undefined => outcome.receipt?.home

function failure(outcome: Outcome): { code: string; applied: string; retry: string } {
  assert.is(outcome.kind, 'failed')
  const { code, applied, retry } = (outcome as Extract<Outcome, { kind: 'failed' }>).error
  return { code, applied, retry }
}

/** A key whose group's registrar is the region. */
function keyOf(name: string, registrar: string, n = 0): string {
  const placement = table.byId(name)
  assert.ok(placement)
  for (let count = 0, found = 0; ; count++) {
    const key = `k${count}`
    const slot = placement.slotOf(key)
    const region = highestWeight(hasher, `registrar/${name}/${slot}`, placement.data.home)
    if (region === registrar && found++ === n) return key
  }
}

const homes = suite('homes')

homes('the first write makes its entry region the home; all find it after', async () => {
  const world = await open()
  for (const registrar of storing) {
    const key = keyOf('hint', registrar)
    const written = await run(world, 'two', 'hint', put(key))
    assert.is(written.kind, 'written')
    assert.is(homeIn(written), 'two')
    for (const region of regions) {
      const found = await run(world, region, 'hint', get(key))
      assert.ok(found.kind === 'found' && found.receipt.servedBy === 'two')
      assert.equal(found.receipt.role, 'home')
    }
    const again = await run(world, 'three', 'hint', put(key, 'y'))
    assert.ok(again.kind === 'written' && again.receipt.home === 'two' && !again.created)
  }
})

homes('of many that race for a group one wins, and all writes are ordered by it', async () => {
  const world = await open()
  for (let n = 0; n < 20; n++) {
    const outcomes = await Promise.all(
      regions.map(region => run(world, region, n % 2 ? 'hint' : 'grouped', put(`race${n}`))),
    )
    assert.is(new Set(outcomes.map(homeIn)).size, 1)
    const versions = outcomes.map(it => (it.kind === 'written' ? formatVersion(it.version) : ''))
    assert.is(new Set(versions).size, regions.length)
    assert.is(outcomes.filter(it => it.kind === 'written' && it.created).length, 1)
  }
})

homes('creating a key only where there is none: one of many wins', async () => {
  const world = await open()
  const create = put('once', 'x', { ifNoneMatch: '*' })
  const outcomes = await Promise.all(regions.map(region => run(world, region, 'hint', create)))
  assert.is(outcomes.filter(({ kind }) => kind === 'written').length, 1)
  const others = outcomes.filter(({ kind }) => kind !== 'written').map(failure)
  assert.ok(others.every(({ code, applied }) => code === 'version_mismatch' && applied === 'no'))
})

homes('a claim that was won and not written is found again, after a restart too', async () => {
  const world = await open()
  const key = keyOf('grouped', 'one')
  const placement = table.byId('grouped')
  assert.ok(placement)
  const claimed = await world.at('three').claims.claim(placement, key)
  assert.is((await run(world, 'one', 'grouped', get(key))).kind, 'absent')
  assert.is((await run(world, 'one', 'grouped', remove(key))).kind, 'absent')
  await world.start('one')
  await world.start('three')
  const written = await run(world, 'two', 'grouped', put(key))
  assert.ok(written.kind === 'written')
  assert.equal([homeIn(written), written.version.term], ['three', claimed.term])
})

homes('reads, deletes and conditional writes claim nothing', async () => {
  const world = await open()
  for (const [n, operation] of [
    get('k'),
    remove('k'),
    put('k', 'x', { ifMatch: '*' }),
    put('k', 'x', { ifMatch: { term: 1, seq: 2 } }),
  ].entries()) {
    for (const region of regions) {
      const key = `none${n}` as Key
      const outcome = await run(world, region, 'hint', { ...operation, key })
      if (operation.kind === 'put') assert.is(failure(outcome).code, 'version_mismatch')
      else assert.is(outcome.kind, 'absent')
    }
    const placement = table.byId('hint')
    assert.ok(placement)
    assert.is(await world.at('one').claims.lookup(placement, `none${n}`), undefined)
  }
})

homes('a deleted key keeps its home, and its versions go on', async () => {
  const world = await open()
  const first = await run(world, 'three', 'hint', put('d'))
  const deleted = await run(world, 'one', 'hint', remove('d'))
  const second = await run(world, 'one', 'hint', put('d'))
  assert.ok(first.kind === 'written' && deleted.kind === 'deleted' && second.kind === 'written')
  assert.is(homeIn(second), 'three')
  assert.ok(second.created)
  assert.ok(first.version.seq < deleted.version.seq && deleted.version.seq < second.version.seq)
})

homes.run()

const truth = suite('failures tell the truth')

truth('a home that is away: nothing was sent, nothing applied', async () => {
  const world = await open()
  const key = keyOf('hint', 'one')
  await run(world, 'two', 'hint', put(key))
  await run(world, 'one', 'hint', get(key))
  for (const state of ['cut', 'starting'] as const) {
    world.link('two', state)
    for (const operation of [put(key, 'new'), remove(key), get(key)]) {
      assert.equal(failure(await run(world, 'one', 'hint', operation)), {
        code: 'home_unreachable',
        applied: 'no',
        retry: 'safe',
      })
    }
  }
  world.link('two', 'up')
  const found = await run(world, 'one', 'hint', get(key))
  assert.ok(found.kind === 'found')
  assert.equal(found.value, utf8('x'))
})

truth('a write that was sent and not answered is unknown; a read is not', async () => {
  const world = await open()
  const key = keyOf('hint', 'one')
  await run(world, 'two', 'hint', put(key))
  world.link('two', 'mute')
  const unknown = failure(await run(world, 'one', 'hint', put(key, 'new')))
  assert.equal(unknown, { code: 'outcome_unknown', applied: 'unknown', retry: 'no' })
  assert.is(failure(await run(world, 'one', 'hint', get(key))).code, 'home_unreachable')
  world.link('two', 'up')
  const found = await run(world, 'one', 'hint', get(key))
  assert.ok(found.kind === 'found')
  assert.equal(found.value, utf8('new'))
})

truth(
  'a registrar that is away fails first writes and strong reads, and nothing else',
  async () => {
    const world = await open()
    const [known, fresh] = [keyOf('hint', 'three', 0), keyOf('hint', 'three', 1)]
    await run(world, 'one', 'hint', put(known))
    for (const state of ['cut', 'starting', 'mute'] as const) {
      world.link('three', state)
      for (const operation of [put(fresh), get(fresh), remove(fresh)]) {
        const { code, applied } = failure(await run(world, 'two', 'hint', operation))
        assert.equal([code, applied], ['registrar_unavailable', 'no'])
      }
      assert.is((await run(world, 'two', 'hint', get(fresh), 'eventual')).kind, 'absent')
      assert.is((await run(world, 'one', 'hint', put(known))).kind, 'written')
    }
    world.link('three', 'up')
    assert.is((await run(world, 'two', 'hint', put(fresh))).kind, 'written')
  },
)

truth(
  'a first write goes on with the next candidate if nothing was sent to the first',
  async () => {
    const world = await open()
    const key = keyOf('hint', 'three')
    world.link('one', 'cut')
    const written = await run(world, 'four', 'hint', put(key))
    assert.is(written.kind, 'written')
    assert.is(homeIn(written), 'two')
  },
)

truth('a region that starts is passed over by reads of copies', async () => {
  const world = await open()
  world.link('one', 'starting')
  const outcome = await run(world, 'four', 'pinned', get('a'), 'eventual')
  assert.ok(outcome.kind === 'absent' && outcome.receipt.servedBy === 'two')
})

truth('a failed create throws its failure', async () => {
  const world = await open()
  for (const region of storing) world.link(region, 'cut')
  const value = { value: utf8('x'), mediaType: '' }
  const created = world
    .at('four')
    .router.create('hint', { prefix: '', ...value }, { consistency: 'session' })
  const error = await created.catch(failed => failed)
  assert.ok(error instanceof DenizenError && error.code === 'home_unreachable')
})

truth.run()

const keys = suite('server-assigned keys and large replies')

keys('an assigned key names its home, and nobody is asked', async () => {
  const world = await open()
  const value = { value: utf8('x'), mediaType: '' }
  const { key } = await world.at('three').router.create(
    'hint',
    { prefix: 'a/', ...value },
    {
      consistency: 'session',
    },
  )
  assert.match(key, /^a\/~three~[0-9a-v]{26}$/)
  assert.equal(world.calls, [])
  const found = await run(world, 'one', 'hint', get(key))
  assert.is(homeIn(found), 'three')
})

keys('under a group the key lies at that group’s home', async () => {
  const world = await open()
  await run(world, 'two', 'grouped', put('g/x'))
  const value = { value: utf8('x'), mediaType: '' }
  const answer = await world.at('one').router.create(
    'grouped',
    { prefix: 'g/', ...value },
    {
      consistency: 'session',
    },
  )
  assert.match(answer.key, /^g\/[0-9a-v]{26}$/)
  assert.is(homeIn(answer.outcomes[0] as Outcome), 'two')
})

keys('a prefix that leaves no room for the id is refused, and nothing is stored', async () => {
  const world = await open()
  const value = { value: utf8('x'), mediaType: '' }
  for (const name of ['hint', 'grouped']) {
    const prefix = `${'a'.repeat(limits.keyBytesMax - 2)}/`
    const created = world
      .at('one')
      .router.create(name, { prefix, ...value }, { consistency: 'session' })
    const error = await created.catch(failed => failed)
    assert.ok(error instanceof DenizenError && error.code === 'bad_key')
    assert.throws(() => parseKey(`${prefix}${'x'.repeat(26)}`))
  }
})

keys('many large values come through another region, each once and in order', async () => {
  const world = await open()
  const names = ['a', 'b', 'c', 'd', 'e']
  for (const [n, name] of names.entries()) {
    const bytes = new Uint8Array(limits.valueBytesMax).fill(n)
    assert.is((await run(world, 'two', 'pinned', put(name, bytes))).kind, 'written')
  }
  const operations = [...names, 'none', ...names].map(get)
  const { outcomes } = await world
    .at('four')
    .router.execute('pinned', operations, { consistency: 'strong' })
  assert.equal(
    outcomes.map(outcome => (outcome.kind === 'found' ? outcome.value[0] : outcome.kind)),
    [0, 1, 2, 3, 4, 'absent', 0, 1, 2, 3, 4],
  )
})

keys('a batch of large values is stored through another region', async () => {
  const world = await open()
  const bytes = new Uint8Array(limits.valueBytesMax)
  const operations = ['a', 'b', 'c', 'd'].map(name => put(name, bytes))
  const { outcomes } = await world
    .at('four')
    .router.execute('pinned', operations, { consistency: 'strong' })
  assert.ok(outcomes.every(({ kind }) => kind === 'written'))
})

keys.run()

const sessions = suite('sessions')

sessions('a session reads its own writes, from a copy that lacks them too', async () => {
  const world = await open()
  const written = await world
    .at('two')
    .router.execute('pinned', [put('a')], { consistency: 'session' })
  const { session } = written
  assert.ok(session)
  const read = async (consistency: Consistency) => {
    const context = { consistency, session }
    const { outcomes } = await world.at('one').router.execute('pinned', [get('a')], context)
    return outcomes[0] as Outcome
  }
  assert.is((await read('session')).kind, 'found')
  assert.is((await run(world, 'one', 'pinned', get('a'), 'session')).kind, 'absent')
  world.link('two', 'cut')
  assert.is(failure(await read('session')).code, 'home_unreachable')
  assert.is((await read('eventual')).kind, 'absent', 'eventual goes on without the home')
})

sessions('a session that saw a deletion is told of it, where a copy lacks it', async () => {
  const world = await open()
  await run(world, 'two', 'pinned', put('a'))
  await run(world, 'two', 'pinned', remove('a'))
  const { session } = await world
    .at('two')
    .router.execute('pinned', [get('a')], { consistency: 'strong' })
  assert.ok(session)
  const context = { consistency: 'session', session } as const
  const { outcomes } = await world.at('one').router.execute('pinned', [get('a')], context)
  assert.ok(outcomes[0]?.kind === 'absent' && outcomes[0].receipt.servedBy === 'two')
})

sessions.run()

const residency = suite('residency between regions')

residency('a region that neither stores nor serves is refused and counted', async () => {
  const world = await open()
  const step = { operation: get('a'), as: 'copy', seen: [] }
  const asked = world.at('one').forwarder.answer('four', { dataset: 'closed', steps: [step] })
  const error = await asked.catch(failed => failed)
  assert.ok(error instanceof DenizenError && error.code === 'residency_violation')
  assert.equal(world.violations, ['one'])
})

residency.run()
