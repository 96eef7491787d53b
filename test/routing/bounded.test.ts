/** Bounded reads on a world of routers: which copy answers, and what is told when none may. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Operation, Outcome } from '../../src/execution/operation.ts'
import { utf8 } from '../../src/model/bytes.ts'
import { DenizenError } from '../../src/model/errors.ts'
import type { Key } from '../../src/model/key.ts'
import { feedNumber } from '../../src/model/position.ts'
import type { Consistency } from '../../src/routing/service.ts'
import { dataset, policy } from '../support/policies.ts'
import { RoutingWorld } from '../support/routing-world.ts'

const regions = ['one', 'two', 'three', 'four']
const storing = ['one', 'two', 'three']
const data = policy(regions, [
  dataset('hint', storing, { serve: regions, slots: 16 }),
  dataset('grouped', storing, { serve: regions, groupBySegments: 1, slots: 16 }),
  dataset('pinned', storing, { serve: regions, homing: { kind: 'pinned', region: 'three' } }),
])
const loose: Consistency = { boundMs: 5_000 }

const put = (key: string): Operation => ({
  ...{ kind: 'put', key: key as Key, value: utf8('x') },
  ...{ mediaType: 'text/plain', precondition: {} },
})
const get = (key: string): Operation => ({ kind: 'get', key: key as Key })

/** Both ways: a thread that reads the stores by itself, and one that asks for it. */
const worlds = [true, false].map(readsHere => () => RoutingWorld.open(data, { readsHere }))

async function read(
  world: RoutingWorld,
  region: string,
  name: string,
  consistency: Consistency,
): Promise<Outcome> {
  const { router } = world.at(region)
  const one = await router.execute(name, [get('k')], { consistency })
  const two = await router.execute(name, [get('k'), get('k')], { consistency })
  const [outcome] = one.outcomes
  for (const other of two.outcomes) assert.equal(other, outcome, 'alone and among others')
  return outcome as Outcome
}

const told = (outcome: Outcome): string => {
  if (outcome.kind === 'failed') {
    const { code, applied, retry, extra } = outcome.error
    return `${code} ${applied} ${retry} ${extra.region} ${extra.stalenessMs}`
  }
  const { servedBy, role, stalenessMs } = outcome.receipt
  return `${outcome.kind} ${servedBy} ${role} ${stalenessMs}`
}

const bounded = suite('bounded reads')

for (const open of worlds) {
  bounded('a copy answers up to the bound; then the next, then the home', async () => {
    const world = await open()
    await world.at('three').router.execute('pinned', [put('k')], { consistency: 'strong' })
    const here = (): Promise<string> => read(world, 'one', 'pinned', loose).then(told)
    world.agesMs.set('one', 5_000)
    assert.is(await here(), 'absent one replica 5000', 'nothing is replicated in this world')
    world.agesMs.set('one', 5_001)
    assert.is(await here(), 'absent two replica 0')
    world.agesMs.set('one', undefined)
    assert.is(await here(), 'absent two replica 0', 'a copy that can not say is none')
    world.agesMs.set('two', 5_001)
    assert.is(await here(), 'found three home 0')
    const tight = await read(world, 'one', 'pinned', { boundMs: 0 })
    assert.is(told(tight), 'found three home 0')
    assert.is(told(await read(world, 'four', 'pinned', loose)), 'found three home 0')
  })

  bounded('where no copy is young enough, the error says what the youngest could say', async () => {
    const world = await open()
    await world.at('three').router.execute('pinned', [put('k')], { consistency: 'strong' })
    world.agesMs.set('one', 9_000).set('two', 7_000)
    for (const state of ['cut', 'starting', 'mute'] as const) {
      world.link('three', state)
      const refused = await read(world, 'one', 'pinned', loose)
      assert.is(told(refused), 'copies_too_old no safe two 7000', state)
      const larger = await read(world, 'one', 'pinned', { boundMs: 7_000 })
      assert.is(told(larger), 'absent two replica 7000', state)
      const proxied = await read(world, 'four', 'pinned', loose)
      assert.is(told(proxied), 'copies_too_old no safe two 7000', state)
    }
    world.link('three', 'cut', 'known')
    assert.is(told(await read(world, 'one', 'pinned', loose)), 'copies_too_old no safe two 7000')
    world.agesMs.set('one', undefined).set('two', undefined)
    const silent = await read(world, 'one', 'pinned', loose)
    assert.is(told(silent), 'copies_too_old no safe one undefined')
    assert.is(told(await read(world, 'one', 'pinned', 'eventual')), 'absent one replica undefined')
  })

  bounded('of a group without a home the registrar has the last word', async () => {
    const world = await open()
    for (const region of storing) world.agesMs.set(region, 9_000)
    assert.match(told(await read(world, 'one', 'hint', loose)), /^absent one replica 0$/)
    for (const region of ['two', 'three']) world.link(region, 'cut', 'known')
    const outcome = await read(world, 'one', 'hint', loose)
    if (outcome.kind === 'failed') assert.is(told(outcome), 'copies_too_old no safe one 9000')
    else assert.is(told(outcome), 'absent one replica 0', 'this region is the registrar')
  })
}

bounded('a slot that is between two states is asked for elsewhere', async () => {
  const world = await RoutingWorld.open(data, { readsHere: true })
  const { shards } = world.at('one')
  const feed = feedNumber(3, 1)
  for (let slot = 0; slot < 64; slot++) {
    const chunk = { type: 'chunk', dataset: 'pinned', slot, feed, after: 0, to: 5 } as const
    await shards.call('pinned', slot, 'applyChunk', {
      ...{ ...chunk, complete: false, items: [], bytes: 0 },
    })
  }
  await world.at('three').router.execute('pinned', [put('k')], { consistency: 'strong' })
  assert.is(told(await read(world, 'one', 'pinned', loose)), 'found three home 0')
  assert.is(told(await read(world, 'one', 'pinned', 'eventual')), 'absent one replica 0')
})

const all = { prefix: '', limit: 100, values: true }

bounded('lists too: the nearest copy that is young enough, or what the youngest says', async () => {
  const world = await RoutingWorld.open(data)
  await world.at('three').router.execute('grouped', [put('g/a')], { consistency: 'strong' })
  const list = async (prefix: string, region = 'one', consistency = loose) => {
    const page = world.at(region).lists.list('grouped', { ...all, prefix }, { consistency })
    const { receipt, items } = await page
    return `${items.length} ${receipt.servedBy} ${receipt.stalenessMs}`
  }
  world.agesMs.set('one', 5_000).set('two', 6_000).set('three', 7_000)
  assert.is(await list(''), '0 one 5000')
  world.agesMs.set('one', 5_001)
  assert.is(await list('g/'), '1 three 0', 'of one group its home has all')
  assert.is(await list('g/', 'four'), '1 three 0')
  const error = await list('').catch(failed => failed)
  assert.ok(error instanceof DenizenError)
  assert.equal([error.code, error.extra], ['copies_too_old', { region: 'one', stalenessMs: 5_001 }])
  assert.is(await list('', 'one', { boundMs: 6_000 }), '0 one 5001')
  world.agesMs.set('one', undefined)
  assert.is(await list('', 'one', { boundMs: 6_000 }), '0 two 6000')
})

bounded.run()
