/** Groups that move between regions of one process: what operators and clients are told. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Outcome } from '../../src/execution/operation.ts'
import type { Key } from '../../src/model/key.ts'
import type { PlacementData } from '../../src/model/placement.ts'
import type { RegionId } from '../../src/model/slot.ts'
import { compareVersions, type Version } from '../../src/model/version.ts'
import type { Consistency, RequestContext } from '../../src/routing/service.ts'
import { codeOf } from '../support/code-of.ts'
import { dataset, policy } from '../support/policies.ts'
import { RoutingWorld } from '../support/routing-world.ts'

const regions = ['one', 'two', 'three', 'four']

const worldOf = (changes: Partial<PlacementData> = {}): Promise<RoutingWorld> =>
  RoutingWorld.open(policy(regions, [dataset('things', regions, changes)]))

const context = (consistency: Consistency, session?: string): RequestContext => ({
  consistency,
  ...(session !== undefined && { session }),
})

async function run(
  world: RoutingWorld,
  region: RegionId,
  operation: Parameters<ReturnType<RoutingWorld['at']>['router']['execute']>[1][number],
  consistency: Consistency = 'session',
  session?: string,
): Promise<{ readonly outcome: Outcome; readonly session: string | undefined }> {
  const asked = world
    .at(region)
    .router.execute('things', [operation], context(consistency, session))
  const answer = await world.until('things', asked)
  const [outcome] = answer.outcomes
  if (!outcome) throw new Error('an operation has an outcome')
  return { outcome, session: answer.session }
}

async function put(
  world: RoutingWorld,
  region: RegionId,
  key: string,
  value: string,
  idempotencyKey?: string,
): Promise<{ version: Version; home: RegionId | undefined; session: string | undefined }> {
  const { outcome, session } = await run(world, region, {
    ...{ kind: 'put', key: key as Key, value: Buffer.from(value), mediaType: 'text/plain' },
    precondition: {},
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  })
  if (outcome.kind !== 'written') throw new Error(`not written: ${JSON.stringify(outcome)}`)
  return { version: outcome.version, home: outcome.receipt.home, session }
}

async function get(
  world: RoutingWorld,
  region: RegionId,
  key: string,
  consistency: Consistency = 'strong',
  session?: string,
): Promise<string> {
  const read = { kind: 'get', key: key as Key } as const
  const { outcome } = await run(world, region, read, consistency, session)
  if (outcome.kind === 'failed') return outcome.error.code
  if (outcome.kind !== 'found') return outcome.kind
  return `${Buffer.from(outcome.value)} @${outcome.receipt.home}`
}

function move(world: RoutingWorld, asked: RegionId, group: string, to: RegionId) {
  const { movements } = world.at(asked)
  return world.until('things', movements.move(world.placement('things'), group, to))
}

const homings: readonly [string, Partial<PlacementData>, string][] = [
  ['claimed, whole key', {}, 'k'],
  ['claimed, groups', { groupBySegments: 1 }, 'g/k'],
  ['computed, whole key', { homing: { kind: 'pinned', region: 'one' } }, 'k'],
  ['computed, groups', { homing: { kind: 'pinned', region: 'one' }, groupBySegments: 1 }, 'g/k'],
]

for (const [name, changes, key] of homings) {
  const group = key.split('/')[0] ?? ''

  test(`${name}: a group moves, and every region finds it`, async () => {
    const world = await worldOf(changes)
    const first = await put(world, 'one', key, 'first')
    assert.is(first.home, 'one')
    const moved = await move(world, 'three', group, 'two')
    assert.equal([moved.from, moved.home.region], ['one', 'two'])
    let last = first
    for (const region of regions) {
      const written = await put(world, region, key, `of ${region}`)
      assert.is(written.home, 'two')
      assert.ok(compareVersions(written.version, last.version) > 0, 'versions only go up')
      last = written
      for (const reader of regions) {
        assert.is(await get(world, reader, key), `of ${region} @two`)
      }
    }
    assert.ok(last.version.term > first.version.term)
  })

  test(`${name}: it moves on, and back, and again after restarts of all`, async () => {
    const world = await worldOf(changes)
    await put(world, 'one', key, 'first')
    for (const [n, to] of ['two', 'three', 'one', 'four', 'two'].entries()) {
      await move(world, 'four', group, to)
      for (const region of regions) await world.start(region)
      assert.ok((await get(world, 'three', key)).endsWith(`@${to}`))
      const { home } = await put(world, 'two', key, `${n}`)
      assert.is(home, to)
      assert.is(await get(world, 'one', key), `${n} @${to}`)
    }
  })

  test(`${name}: without the next home the one before goes on, under a later term`, async () => {
    const world = await worldOf(changes)
    const first = await put(world, 'one', key, 'first')
    // It answers what it lacks, and is gone when it is to take the group.
    world.onCall = (_, to, call, body) => {
      if (to === 'two' && call === 'rehome' && JSON.stringify(body).includes('"take"')) {
        world.link('two', 'cut', 'known')
      }
    }
    const end = await move(world, 'one', group, 'two')
    assert.is(end.home.region, 'one')
    const second = await put(world, 'three', key, 'second')
    assert.is(second.home, 'one')
    assert.ok(second.version.term > first.version.term, 'it never resumes under the old term')
  })

  test(`${name}: an idempotency record and a session go with the group`, async () => {
    const world = await worldOf(changes)
    const first = await put(world, 'three', key, 'first', 'once')
    await move(world, 'one', group, 'two')
    const again = await put(world, 'four', key, 'first', 'once')
    assert.equal(again.version, first.version, 'it was not applied again')
    assert.match(await get(world, 'two', key, 'session', first.session), /^first/)
    const changed = await put(world, 'four', key, 'second')
    assert.match(await get(world, 'one', key, 'session', changed.session), /^second @two/)
  })
}

test('what may not be is refused, and nothing is changed', async () => {
  const world = await worldOf({ home: ['one', 'two', 'three'] })
  assert.is(await codeOf(move(world, 'one', 'k', 'two')), 'not_found')
  const first = await put(world, 'one', 'k', 'first')
  assert.is(await codeOf(move(world, 'one', 'k', 'four')), 'rehome_refused')
  assert.is(await codeOf(move(world, 'one', 'k', 'nowhere')), 'bad_request')
  world.link('two', 'cut', 'known')
  assert.is(await codeOf(move(world, 'one', 'k', 'two')), 'rehome_refused')
  for (const to of ['four', 'nowhere']) {
    const asked = { kind: 'move', dataset: 'things', group: 'k', to }
    const answer = world.at('one').movements.answer('three', asked)
    assert.is(await codeOf(answer), 'rehome_refused', 'whoever asks, the home looks itself')
  }
  const second = await put(world, 'one', 'k', 'second')
  assert.is(second.version.term, first.version.term, 'it goes on as if nothing had been')
})

test('before every build knows what a move writes, none begins', async () => {
  const world = await worldOf({ rehome: { after: 1 } })
  await put(world, 'one', 'k', 'first')
  world.mayMove = false
  assert.is(await codeOf(move(world, 'one', 'k', 'two')), 'rehome_refused')
  for (let n = 0; n < 3; n++) await put(world, 'two', 'k', `${n}`)
  assert.is(await get(world, 'two', 'k'), '2 @one')
  assert.not(
    world.calls.some(call => call.endsWith(' rehome')),
    'nobody is asked',
  )
})

test('whoever meets a stopped group drives it on: each party dead in turn', async () => {
  for (const dead of ['one', 'two']) {
    const world = await worldOf()
    await put(world, 'one', 'k', 'first')
    const { shards } = world.at('one')
    const slot = world.placement('things').slotOf('k')
    const state = await shards.call('things', slot, 'homeState', { group: 'k' })
    const why = { kind: 'operator', writes: 0, atMs: 0 } as const
    const request = { group: 'k', term: state.home?.term ?? 0, to: 'two', why }
    assert.ok(await shards.call('things', slot, 'stopHome', request))
    for (const to of regions) await world.replicate('things', 'one', to)
    world.link(dead, 'cut', 'known')
    const alive = dead === 'one' ? 'two' : 'one'
    const written = await put(world, alive, 'k', 'second')
    assert.is(written.home, alive)
    assert.is(await get(world, 'three', 'k'), `second @${alive}`)
    world.link(dead, 'up')
    assert.is(await get(world, dead, 'k'), `second @${alive}`)
  }
})

test('a home that won its next term, and died before it said so, goes on under it', async () => {
  const world = await worldOf()
  const first = await put(world, 'one', 'k', 'first')
  const { shards, claims } = world.at('one')
  const placement = world.placement('things')
  const slot = placement.slotOf('k')
  const term = first.version.term
  const why = { kind: 'operator', writes: 0, atMs: 0 } as const
  assert.ok(await shards.call('things', slot, 'stopHome', { group: 'k', term, to: 'two', why }))
  for (const to of regions) await world.replicate('things', 'one', to)
  const granted = await claims.move(placement, 'k', term)
  await world.start('one')
  // The other side is there, and knows from the registrar who is next: not itself.
  const written = await put(world, 'three', 'k', 'second')
  assert.equal([written.home, written.version.term], ['one', granted?.term])
  assert.is(await get(world, 'two', 'k'), 'second @one')
})

test('a strong read at a home that has stopped is answered by the next', async () => {
  const world = await worldOf()
  await put(world, 'one', 'k', 'first')
  await move(world, 'one', 'k', 'two')
  assert.is(await get(world, 'one', 'k'), 'first @two')
  assert.is(await get(world, 'one', 'k', 'eventual'), 'first @two')
})

test('a strong list is of the home, whatever those who are asked know', async () => {
  for (const homing of [{ kind: 'hint' }, { kind: 'pinned', region: 'one' }] as const) {
    const world = await worldOf({ homing, groupBySegments: 1 })
    await put(world, 'one', 'g/k', 'first')
    for (const to of regions) await world.replicate('things', 'one', to)
    world.stale.add('three')
    world.stale.add('four')
    await move(world, 'one', 'g', 'two')
    await put(world, 'two', 'g/k', 'second')
    for (const region of regions) {
      const request = { prefix: 'g/', limit: 10, values: true }
      const { lists } = world.at(region)
      const page = await world.until('things', lists.list('things', request, context('strong')))
      const values = page.items.map(({ value }) => `${Buffer.from(value ?? [])}`)
      assert.equal([values, page.receipt.home], [['second'], 'two'], region)
      assert.is(await get(world, region, 'g/k'), 'second @two')
    }
  }
})

test('no copy calls itself fresh that lacks what an earlier home has written', async () => {
  const world = await worldOf()
  world.stale.add('three')
  await put(world, 'one', 'k', 'first')
  await move(world, 'one', 'k', 'two')
  world.stale.clear()
  // It follows the new home, and not the one before.
  await world.replicate('things', 'two', 'three')
  const { shards } = world.at('three')
  const read = { key: 'k' as Key, as: 'copy', seen: [], nowMs: 0 } as const
  const slot = world.placement('things').slotOf('k')
  const before = await shards.call('things', slot, 'read', read)
  assert.equal([before.kind, 'lacksPast' in before], ['absent', true])
  await world.replicate('things', 'one', 'three')
  const after = await shards.call('things', slot, 'read', read)
  assert.equal([after.kind, 'lacksPast' in after], ['found', false])
})

test('consecutive writes from one other region move a group there, once', async () => {
  const world = await worldOf({ rehome: { after: 3 } })
  await put(world, 'one', 'k', '0')
  const homeNow = async () => (await get(world, 'four', 'k')).split('@')[1]
  for (const region of ['two', 'two', 'one', 'two', 'three', 'two', 'two']) {
    await put(world, region, 'k', region)
  }
  assert.is(await homeNow(), 'one', 'no three in a row')
  await put(world, 'two', 'k', 'third')
  await world.until('things', world.whenHomed('things', 'k', 'two'))
  for (let n = 0; n < 5; n++) await put(world, 'three', 'k', `${n}`)
  assert.is(await homeNow(), 'two', 'it rests for a while')
  world.clock.advance(60_000)
  for (let n = 0; n < 3; n++) await put(world, 'three', 'k', `${n}`)
  await world.until('things', world.whenHomed('things', 'k', 'three'))
})

test.run()
