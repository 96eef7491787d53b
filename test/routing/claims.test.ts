/** Claims and look-ups between regions: what goes in one message, who may ask, who answers. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DenizenError } from '../../src/model/errors.ts'
import { dataset, policy, tableOf } from '../support/policies.ts'
import { RoutingWorld } from '../support/routing-world.ts'

const regions = ['one', 'two', 'three']
const data = policy(regions, [
  dataset('things', regions, { slots: 8, home: ['one', 'two'] }),
  dataset('closed', ['one', 'two']),
])
const things = tableOf(data).byId('things')
assert.ok(things)
const placement = things

async function codeOf(task: Promise<unknown>): Promise<string> {
  const error = await task.catch(failed => failed)
  return error instanceof DenizenError ? error.code : String(error)
}

test('many claims of one turn go in one message to each registrar', async () => {
  const world = await RoutingWorld.open(data)
  const { claims } = world.at('one')
  const groups = Array.from({ length: 50 }, (_, n) => `g${n}`)
  const homes = await Promise.all(groups.map(group => claims.claim(placement, group)))
  assert.ok(homes.every(({ region }) => region === 1))
  assert.equal(world.calls, ['one two registrar'])
  const found = await Promise.all(
    groups.map(group => world.at('two').claims.lookup(placement, group)),
  )
  assert.equal(found, homes)
  assert.equal(world.calls, ['one two registrar', 'two one registrar'])
})

test('two regions that claim the same groups agree on every home', async () => {
  const world = await RoutingWorld.open(data)
  const groups = Array.from({ length: 50 }, (_, n) => `g${n}`)
  const claimAll = (region: string) =>
    Promise.all(groups.map(group => world.at(region).claims.claim(placement, group)))
  const [first, second] = await Promise.all([claimAll('one'), claimAll('two')])
  assert.equal(first, second)
})

test('an answer that is lost is asked for again, and is the same', async () => {
  const world = await RoutingWorld.open(data)
  const { claims } = world.at('one')
  const group = ['a', 'b', 'c', 'd', 'e'].find(
    one => claims.registrarOf(placement, one).region === 'two',
  )
  assert.ok(group)
  world.link('two', 'mute')
  assert.is(await codeOf(claims.claim(placement, group)), 'registrar_unavailable')
  world.link('two', 'up')
  const home = await world.at('two').claims.claim(placement, group)
  assert.is(home.region, 1, 'the claim was won, though nobody was told')
  assert.equal(await claims.claim(placement, group), home)
})

test('the wrong registrar, a wrong epoch and an unknown dataset are refused', async () => {
  const world = await RoutingWorld.open(data)
  const { claims } = world.at('one')
  const { region, epoch } = claims.registrarOf(placement, 'g')
  const right = world.at(region).claims
  const wrong = world.at(region === 'one' ? 'two' : 'one').claims
  const body = { dataset: 'things', epoch, kind: 'claim', groups: ['g'] }
  assert.is(await codeOf(wrong.answer('one', body)), 'stale_policy')
  assert.is(await codeOf(right.answer('one', { ...body, epoch: epoch + 1 })), 'stale_policy')
  assert.is(await codeOf(right.answer('one', { ...body, dataset: 'none' })), 'stale_policy')
  assert.is(await claims.lookup(placement, 'g'), undefined)
})

test('a region that may not home claims nothing; one that may not know is not told', async () => {
  const world = await RoutingWorld.open(data)
  const { region, epoch } = world.at('one').claims.registrarOf(placement, 'g')
  const { claims } = world.at(region)
  const body = { dataset: 'things', epoch, kind: 'claim', groups: ['g'] }
  assert.is(await codeOf(claims.answer('three', body)), 'residency_violation')
  assert.is(await world.at('one').claims.lookup(placement, 'g'), undefined)
  const closed = { ...body, dataset: 'closed', kind: 'lookup' }
  assert.is(await codeOf(world.at('one').claims.answer('three', closed)), 'residency_violation')
  assert.ok(world.violations.length >= 2)
})

test.run()
