/**
 * Sessions whose tokens leave out what is complete everywhere: a copy answers them only where it is
 * in no doubt about what it has. Nothing is replicated in this world, so what a copy answers by
 * itself shows: it finds nothing.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Operation } from '../../src/execution/operation.ts'
import { utf8 } from '../../src/model/bytes.ts'
import type { Key } from '../../src/model/key.ts'
import { feedNumber } from '../../src/model/position.ts'
import { dataset, policy } from '../support/policies.ts'
import { RoutingWorld } from '../support/routing-world.ts'

const regions = ['one', 'two', 'three', 'four']
const storing = ['one', 'two', 'three']
const data = policy(regions, [
  dataset('d', storing, {
    ...{ serve: regions, groupBySegments: 1 },
    homing: { kind: 'pinned', region: 'three' },
  }),
])
const put = (key: string): Operation => ({
  ...{ kind: 'put', key: key as Key, value: utf8('x') },
  ...{ mediaType: 'text/plain', precondition: {} },
})
const get = (key: string): Operation => ({ kind: 'get', key: key as Key })

/** Who answers what, to a read alone, to one among others, to a list of a group and of all. */
async function answers(world: RoutingWorld, region: string, session: string): Promise<string[]> {
  const { router, lists } = world.at(region)
  const context = { consistency: 'session', session } as const
  const one = await router.execute('d', [get('g/k')], context)
  const two = await router.execute('d', [get('g/k'), get('g/k')], context)
  const told = [one.outcomes[0], ...two.outcomes].map(outcome =>
    outcome?.kind === 'failed'
      ? outcome.error.code
      : `${outcome?.kind} ${outcome?.receipt.servedBy}`,
  )
  for (const prefix of ['g/', '']) {
    const request = { prefix, limit: 10, values: false }
    const listed = await lists.list('d', request, context).catch(error => error)
    told.push('items' in listed ? `${listed.items.length} ${listed.receipt.servedBy}` : listed.code)
  }
  return told
}

async function open(readsHere: boolean): Promise<{ world: RoutingWorld; token: string }> {
  const world = await RoutingWorld.open(data, { readsHere })
  world.isEverywhere = () => true
  const { router } = world.at('three')
  const { session } = await router.execute('d', [put('g/k')], { consistency: 'session' })
  assert.ok(session)
  return { world, token: session ?? '' }
}

const rest = suite('what is complete everywhere')
const atHome = ['found three', 'found three', 'found three', '1 three', '1 three']
const byCopy = ['absent one', 'absent one', 'absent one', '0 one', '0 one']

for (const readsHere of [true, false]) {
  rest(`a copy that has heard all homes since it started answers ${readsHere}`, async () => {
    const { world, token } = await open(readsHere)
    assert.ok(token.length < 30)
    world.agesMs.set('one', 3_600_000)
    assert.equal(await answers(world, 'one', token), byCopy)
    assert.equal(await answers(world, 'four', token), byCopy, 'asked through another region')
    assert.equal(await answers(world, 'three', token), atHome)
  })

  rest(`one that has not asks the home, and says so where it is away ${readsHere}`, async () => {
    const { world, token } = await open(readsHere)
    for (const region of ['one', 'two']) world.agesMs.set(region, undefined)
    for (const region of regions) {
      assert.equal(await answers(world, region, token), atHome, region)
    }
    world.link('three', 'cut', 'known')
    const refused = ['home_unreachable', 'session_ahead']
    assert.equal([...new Set(await answers(world, 'one', token))], refused)
  })

  rest(`nor does one whose slot is between two states ${readsHere}`, async () => {
    const { world, token } = await open(readsHere)
    const feed = feedNumber(3, 1)
    for (const region of ['one', 'two']) {
      for (let slot = 0; slot < 64; slot++) {
        const chunk = { type: 'chunk', dataset: 'd', slot, feed, after: 0, to: 5 } as const
        await world.at(region).shards.call('d', slot, 'applyChunk', {
          ...{ ...chunk, complete: false, items: [], bytes: 0 },
        })
      }
    }
    for (const region of regions) {
      assert.equal(await answers(world, region, token), atHome, region)
    }
  })
}

rest.run()
