/** Partial partitions on a world of routers: what a cut line does not carry goes around it. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Operation, Outcome, Receipt } from '../../src/execution/operation.ts'
import { utf8 } from '../../src/model/bytes.ts'
import type { Key } from '../../src/model/key.ts'
import { timing } from '../../src/model/limits.ts'
import { highestWeight } from '../../src/model/rendezvous.ts'
import type { Consistency } from '../../src/routing/service.ts'
import { dataset, hasher, policy, tableOf } from '../support/policies.ts'
import { RoutingWorld } from '../support/routing-world.ts'

const regions = ['one', 'two', 'three', 'four', 'five', 'six']
const storing = ['one', 'two', 'three', 'four', 'five']
const homes = ['one', 'two']
const toTwo = { homing: { kind: 'pinned', region: 'two' } } as const
const data = policy(regions, [
  dataset('hint', storing, { serve: regions, home: homes, slots: 16 }),
  dataset('pinned', storing, { serve: regions, ...toTwo }),
  dataset('pair', homes, { serve: regions, ...toTwo }),
  dataset('parts', storing, { prefix: 'b/', groupBySegments: 1, ...toTwo }),
])
const table = tableOf(data)

const put = (key: string, text = 'x', more = {}): Operation => ({
  ...{ kind: 'put', key: key as Key, value: utf8(text), mediaType: '', precondition: {} },
  ...more,
})
const get = (key: string): Operation => ({ kind: 'get', key: key as Key })

/** A world in which the lines between two regions are cut, and both know it. */
async function cutBetween(a: string, b: string): Promise<RoutingWorld> {
  const world = await RoutingWorld.open(data)
  world.line(a, b, 'cut', 'known')
  world.line(b, a, 'cut', 'known')
  return world
}

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

function failure(outcome: Outcome): { code: string; applied: string; detail: string } {
  assert.is(outcome.kind, 'failed')
  const { code, applied, message } = (outcome as Extract<Outcome, { kind: 'failed' }>).error
  return { code, applied, detail: message }
}

const wayOf = ({ servedBy, role, relay }: Partial<Receipt>): string =>
  `${servedBy} ${role} by ${relay ?? 'nobody'}`
const way = (outcome: Outcome): string => `${outcome.kind} ${wayOf(outcome.receipt ?? {})}`

/** A key whose group's registrar is the region. */
function keyOf(registrar: string): string {
  const placement = table.byId('hint')
  assert.ok(placement)
  for (let n = 0; ; n++) {
    const slot = placement.slotOf(`k${n}`)
    if (highestWeight(hasher, `registrar/hint/${slot}`, homes) === registrar) return `k${n}`
  }
}

const around = suite('around a cut line')

around('a write and a strong read of a home beyond it are relayed, and say so', async () => {
  const world = await cutBetween('one', 'two')
  assert.is(way(await run(world, 'one', 'pinned', put('a'))), 'written two home by three')
  assert.equal(world.calls, ['one three relay.execute', 'three two relayed.execute'])
  assert.is(way(await run(world, 'one', 'pinned', get('a'))), 'found two home by three')
  assert.is(way(await run(world, 'six', 'pinned', get('a'))), 'found two home by nobody')
})

around('what the way took is a part of the age', async () => {
  const world = await cutBetween('one', 'two')
  world.onCall = (_from, _to, name) => {
    if (name === 'relayed.execute') world.clock.advance(70)
  }
  const { receipt } = await run(world, 'one', 'pinned', get('a'))
  assert.is(receipt?.stalenessMs, 70)
})

around(
  'a line of which nobody knows yet that it is cut carries nothing: it is relayed',
  async () => {
    const world = await RoutingWorld.open(data)
    world.line('one', 'two', 'cut')
    assert.is(way(await run(world, 'one', 'pinned', put('a'))), 'written two home by three')
  },
)

around('one way is enough to be cut, and the other to be passed by', async () => {
  const world = await RoutingWorld.open(data)
  world.line('one', 'two', 'cut', 'known')
  assert.is(way(await run(world, 'one', 'pinned', put('a'))), 'written two home by three')
  assert.is(way(await run(world, 'two', 'pinned', get('a'))), 'found two home by nobody')
})

around('a region that is no use as a relay is followed by the next, two in all', async () => {
  const world = await cutBetween('one', 'two')
  world.line('three', 'two', 'cut')
  assert.is(way(await run(world, 'one', 'pinned', put('a'))), 'written two home by four')
  world.clock.advance(timing.deadEndMs)
  world.line('one', 'three', 'cut')
  assert.is(way(await run(world, 'one', 'pinned', put('a'))), 'written two home by four')
  world.clock.advance(timing.deadEndMs)
  world.line('one', 'four', 'cut')
  world.calls.length = 0
  const { code, applied, detail } = failure(await run(world, 'one', 'pinned', put('a')))
  assert.equal([code, applied], ['home_unreachable', 'no'])
  assert.is(
    detail,
    'the home is two, which is not reachable from one: by way of three: not connected; by way of four: not connected',
  )
  assert.equal(world.calls, ['one three relay.execute', 'one four relay.execute'])
})

around('relays that were no use are left alone for a moment', async () => {
  const world = await cutBetween('one', 'two')
  world.link('two', 'cut')
  for (const tried of [2, 3]) {
    assert.is(failure(await run(world, 'one', 'pinned', put('a'))).code, 'home_unreachable')
    assert.is(world.calls.filter(call => call.startsWith('one')).length, tried)
  }
  world.calls.length = 0
  assert.is(failure(await run(world, 'one', 'pinned', put('a'))).code, 'home_unreachable')
  assert.equal(world.calls, [])
  world.link('two', 'up')
  assert.is(failure(await run(world, 'one', 'pinned', put('a'))).code, 'home_unreachable')
  world.clock.advance(timing.deadEndMs)
  assert.is(way(await run(world, 'one', 'pinned', put('a'))), 'written two home by three')
})

around('a first write whose registrar lies beyond it is claimed by way of another', async () => {
  const world = await cutBetween('one', 'two')
  const key = keyOf('two')
  const written = await run(world, 'one', 'hint', put(key))
  assert.is(way(written), 'written one home by nobody', 'the write itself stays where it entered')
  assert.equal(world.calls, ['one three relay.registrar', 'three two relayed.registrar'])
  const found = await run(world, 'two', 'hint', get(key))
  assert.is(way(found), 'found one home by three', 'the registrar knows who claimed it')
})

around('a first write whose candidates all lie beyond it goes to one all the same', async () => {
  const world = await RoutingWorld.open(data)
  for (const home of homes) world.line('six', home, 'cut', 'known')
  const key = keyOf('one')
  assert.is(way(await run(world, 'six', 'hint', put(key))), 'written one home by three')
  // The look-up, too.
  assert.is(way(await run(world, 'six', 'hint', get(key))), 'found one home by three')
})

around('operations of a batch go each by its own way', async () => {
  const world = await cutBetween('one', 'two')
  await run(world, 'one', 'hint', put('own'))
  const there = keyOf('two')
  await run(world, 'two', 'hint', put(there))
  const operations = [put('own', '2'), put(there, '2'), get('own'), get(there)]
  const { outcomes } = await world
    .at('one')
    .router.execute('hint', operations, { consistency: 'strong' })
  assert.equal(outcomes.map(way), [
    'written one home by nobody',
    'written two home by three',
    'found one home by nobody',
    'found two home by three',
  ])
})

around('so do transactions, created keys, lists, and what is asked about a key', async () => {
  const world = await cutBetween('one', 'two')
  const { router, lists, explain } = world.at('one')
  const transaction = {
    ...({ kind: 'transaction', key: 'b' as Key, conditions: [], failure: [] } as const),
    success: [{ kind: 'put', key: 'b/1' as Key, value: utf8('x'), mediaType: '' } as const],
  }
  const context = { consistency: 'strong' } as const
  const { outcome } = await router.transact('parts', transaction, context)
  assert.is(`${outcome.kind} ${wayOf(outcome.receipt ?? {})}`, 'transacted two home by three')
  const request = { prefix: 'b/', value: utf8('x'), mediaType: '' }
  const created = await router.create('parts', request, context)
  assert.is(way(created.outcomes[0] as Outcome), 'written two home by three')
  const listed = { prefix: 'b/', limit: 10, values: true }
  const page = await lists.list('parts', listed, context)
  assert.equal([page.items.length, wayOf(page.receipt)], [2, 'two home by three'])
  const { regions: told, home } = await explain.explain('parts', 'b/1' as Key)
  const copy = told.find(({ region }) => region === 'two')?.copy
  assert.equal([home?.region, copy?.state], ['two', 'home'])
  assert.is(copy && 'relay' in copy && copy.relay, 'three')
})

around('a copy that is too old for a bound: the home has the answer, relayed', async () => {
  const world = await cutBetween('one', 'two')
  await run(world, 'two', 'pinned', put('a'))
  for (const region of storing) world.agesMs.set(region, 9_000)
  const bound = { boundMs: 500 }
  assert.is(way(await run(world, 'one', 'pinned', get('a'), bound)), 'found two home by three')
})

around('who is sent on by a region beyond it follows', async () => {
  const world = await cutBetween('six', 'two')
  const { movements } = world.at('two')
  await run(world, 'two', 'pinned', put('a'))
  await world.until('pinned', movements.move(world.placement('pinned'), 'a', 'one'))
  world.calls.length = 0
  assert.is(way(await run(world, 'six', 'pinned', get('a'))), 'found one home by nobody')
  assert.equal(world.calls, ['six one relay.execute', 'one two relayed.execute', 'six one execute'])
})

around('a region that serves and does not store is no relay, though it reaches both', async () => {
  const world = await cutBetween('one', 'two')
  for (const operation of [put('a'), get('a')]) {
    const { code, applied } = failure(await run(world, 'one', 'pair', operation))
    assert.equal([code, applied], ['home_unreachable', 'no'])
  }
  assert.equal(world.calls, [])
})

around.run()

const truth = suite('truthful failures')

truth('a write that a silent line may have carried is not sent by another way', async () => {
  const world = await RoutingWorld.open(data)
  world.line('one', 'two', 'mute')
  const { code, applied } = failure(await run(world, 'one', 'pinned', put('a', 'once')))
  assert.equal([code, applied], ['outcome_unknown', 'unknown'])
  assert.equal(world.calls, ['one two execute'])
  assert.is(
    way(await run(world, 'one', 'pinned', get('a'))),
    'found two home by three',
    'reads are',
  )
})

for (const [line, what] of [
  [['one', 'three'], 'a relay that falls silent'],
  [['three', 'two'], 'a region that falls silent behind its relay'],
] as const) {
  truth(`${what} may have applied the write, and it is said so`, async () => {
    const world = await cutBetween('one', 'two')
    world.line(line[0], line[1], 'mute')
    const { code, applied, detail } = failure(await run(world, 'one', 'pinned', put('a', 'it is')))
    assert.equal([code, applied], ['outcome_unknown', 'unknown'])
    assert.match(detail, 'two was sent the write: by way of three')
    assert.ok(!world.calls.some(call => call.includes('four')), 'nobody else is asked to apply it')
    // A read loses nothing by asking again.
    world.clock.advance(timing.deadEndMs)
    const found = await run(world, 'one', 'pinned', get('a'))
    assert.is(way(found), 'found two home by four')
    assert.equal(found.kind === 'found' && found.value, utf8('it is'))
  })
}

truth('a repeat under its key is applied once, whichever ways the two took', async () => {
  const world = await cutBetween('one', 'two')
  const write = put('a', 'x', { idempotencyKey: 'k', precondition: { ifNoneMatch: '*' } })
  world.line('three', 'two', 'mute')
  assert.is(failure(await run(world, 'one', 'pinned', write)).code, 'outcome_unknown')
  const repeated = await run(world, 'one', 'pinned', write)
  assert.is(way(repeated), 'written two home by four')
  assert.equal(await run(world, 'two', 'pinned', write).then(way), 'written two home by nobody')
})

truth('a registrar that nobody reaches fails first writes as ever', async () => {
  const world = await RoutingWorld.open(data)
  world.link('two', 'cut')
  const { code, applied, detail } = failure(await run(world, 'one', 'hint', put(keyOf('two'))))
  assert.equal([code, applied], ['registrar_unavailable', 'no'])
  assert.match(detail, 'by way of three: not connected; by way of four: not connected')
})

truth('a region that does not serve yet passes nothing on, and a build that can not', async () => {
  const world = await cutBetween('one', 'two')
  world.line('one', 'three', 'starting')
  assert.is(way(await run(world, 'one', 'pinned', put('a'))), 'written two home by four')
})

truth(
  'a region that does not serve yet, or has too much to do, is not asked again by relays',
  async () => {
    const world = await RoutingWorld.open(data)
    world.line('one', 'two', 'starting')
    assert.is(failure(await run(world, 'one', 'pinned', put('a'))).code, 'home_unreachable')
    assert.equal(world.calls, ['one two execute'])
    assert.is(
      failure(await run(world, 'one', 'hint', put(keyOf('two')))).code,
      'registrar_unavailable',
    )
    world.line('one', 'two', 'cut', 'known')
    world.line('three', 'two', 'starting')
    world.calls.length = 0
    const { code, detail } = failure(await run(world, 'one', 'pinned', put('a')))
    assert.is(code, 'home_unreachable')
    assert.match(detail, 'by way of three: it does not serve yet')
    assert.equal(world.calls, ['one three relay.execute', 'three two relayed.execute'])
  },
)

truth.run()
