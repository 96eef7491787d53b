/** Lives, repeats and transactions on a world of routers, with its time in our hands. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Operation, Outcome, Transaction } from '../../src/execution/operation.ts'
import { utf8 } from '../../src/model/bytes.ts'
import { DenizenError } from '../../src/model/errors.ts'
import type { Key } from '../../src/model/key.ts'
import { timing } from '../../src/model/limits.ts'
import { Expiry } from '../../src/routing/expiry.ts'
import type { Consistency, RequestContext } from '../../src/routing/service.ts'
import { dataset, policy } from '../support/policies.ts'
import { RoutingWorld } from '../support/routing-world.ts'

const regions = ['one', 'two', 'three', 'four']
const storing = ['one', 'two', 'three']
const data = policy(regions, [
  dataset('hint', storing, { serve: regions, slots: 16 }),
  dataset('grouped', storing, { serve: regions, groupBySegments: 1, slots: 16 }),
  dataset('pinned', storing, { serve: regions, homing: { kind: 'pinned', region: 'two' } }),
])
const open = (): Promise<RoutingWorld> => RoutingWorld.open(data)

type Put = Extract<Operation, { kind: 'put' }>

const put = (key: string, changes: Partial<Put> = {}): Operation => ({
  ...{ kind: 'put', key: key as Key, value: utf8('x'), mediaType: '', precondition: {} },
  ...changes,
})
const get = (key: string): Operation => ({ kind: 'get', key: key as Key })

async function run(
  world: RoutingWorld,
  region: string,
  name: string,
  operation: Operation,
  context: Partial<RequestContext> = {},
): Promise<Outcome> {
  const whole = { consistency: 'strong', ...context } as const
  const { outcomes } = await world.at(region).router.execute(name, [operation], whole)
  return outcomes[0] as Outcome
}

const lives = suite('lives of values')

lives('in every region and at every level an expired value is gone', async () => {
  const world = await open()
  await run(world, 'one', 'pinned', put('a', { ttlMs: 1_000 }))
  const at = async (region: string, consistency: Consistency): Promise<string> =>
    (await run(world, region, 'pinned', get('a'), { consistency })).kind
  world.clock.advance(999)
  for (const region of regions) assert.is(await at(region, 'strong'), 'found')
  world.clock.advance(1)
  for (const region of regions) {
    for (const level of ['eventual', 'session', 'strong'] as const) {
      assert.is(await at(region, level), 'absent')
    }
  }
  const page = await world
    .at('two')
    .lists.list('pinned', { prefix: '', limit: 10, values: false }, { consistency: 'eventual' })
  assert.is(page.items.length, 0)
})

lives('who is told that it expired never gets it again, whatever the clock says', async () => {
  const world = await open()
  await run(world, 'two', 'pinned', put('a', { ttlMs: 1_000 }))
  world.clock.advance(1_000)
  const { outcomes, session } = await world
    .at('two')
    .router.execute('pinned', [get('a')], { consistency: 'session' })
  assert.ok(outcomes[0]?.kind === 'absent' && session)
  world.clock.advance(-500)
  assert.is((await run(world, 'two', 'pinned', get('a'))).kind, 'absent')
})

lives('the sweep goes on by itself until nothing is due, and stops when told', async () => {
  const world = await open()
  const { shards } = world.at('two')
  const { clock } = world
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  for (let n = 0; n < 5; n++) await run(world, 'two', 'pinned', put(`a${n}`, { ttlMs: 10 }))
  await run(world, 'two', 'pinned', put('b', { ttlMs: 60_000 }))
  const expiry = new Expiry({ shards, datasets: () => ['pinned'], clock, log })
  expiry.start()
  const tombstones = async (): Promise<number> => {
    const digests = (await shards.callAll('pinned', 'digests', {})).flat()
    return digests.reduce((sum, { digest }) => sum + digest.tombstones, 0)
  }
  clock.advance(timing.expiryIntervalMs)
  for (let count = 0; count < 5; ) count = await tombstones()
  expiry.stop()
  clock.advance(120_000)
  assert.is(await tombstones(), 5)
})

lives.run()

const repeats = suite('repeats')

const once = (key: string, text = 'x'): Operation =>
  put(key, { value: utf8(text), idempotencyKey: 'once' })

repeats('a lost answer is no reason to write twice, whichever region is asked again', async () => {
  const world = await open()
  world.link('two', 'mute')
  const lost = await run(world, 'one', 'pinned', once('a', '1'))
  assert.ok(lost.kind === 'failed')
  const { code, applied, retry } = lost.error
  assert.equal([code, applied, retry], ['outcome_unknown', 'unknown', 'with-idempotency-key'])
  world.link('two', 'up')
  const answers = await Promise.all(
    regions.map(region => run(world, region, 'pinned', once('a', '1'))),
  )
  const versions = new Set(answers.map(one => one.kind === 'written' && one.version.seq))
  assert.is(versions.size, 1)
  const found = await run(world, 'three', 'pinned', get('a'))
  assert.ok(found.kind === 'found' && versions.has(found.version.seq))
})

repeats('first writes that race through all regions are applied once', async () => {
  const world = await open()
  for (const name of ['hint', 'grouped']) {
    const tries = [...regions, ...regions]
    const answers = await Promise.all(tries.map(region => run(world, region, name, once('g'))))
    const written = answers.flatMap(one => (one.kind === 'written' ? one : []))
    assert.is(written.length, tries.length)
    assert.is(new Set(written.map(({ version }) => version.seq)).size, 1)
    assert.ok(written.every(({ created }) => created))
  }
})

repeats('two principals do not meet, however long their names are', async () => {
  const world = await open()
  const seqs = new Set<number>()
  for (const principal of ['', 'p', 'p'.repeat(5_000), `${'p'.repeat(5_000)}q`]) {
    for (const region of ['one', 'four']) {
      const written = await run(world, region, 'hint', once('a'), { principal })
      assert.ok(written.kind === 'written')
      seqs.add(written.version.seq)
    }
  }
  assert.is(seqs.size, 4)
})

repeats('a creation is repeated under the key that it made, and in no other', async () => {
  const world = await open()
  const request = { prefix: 'p/', value: utf8('x'), mediaType: '', idempotencyKey: 'once' }
  const create = (region: string, changes = {}) =>
    world
      .at(region)
      .router.create('hint', { ...request, ...changes }, { consistency: 'session', principal: 'p' })
  const [first, second] = [await create('one'), await create('three')]
  assert.match(first.key, /^p\/[0-9a-v]{26}$/)
  assert.equal([second.key, second.outcomes], [first.key, first.outcomes])
  const other = await create('one', { idempotencyKey: 'other' })
  assert.is.not(other.key, first.key)
  const failed = await create('one', { value: utf8('y') }).catch((error: unknown) => error)
  assert.ok(failed instanceof DenizenError && failed.code === 'idempotency_mismatch')
})

repeats.run()

const transactions = suite('transactions')

const transfer = (group: string): Transaction => ({
  ...{ kind: 'transaction', key: group as Key, idempotencyKey: 'once' },
  conditions: [{ key: `${group}/a` as Key, exists: false }],
  success: ['a', 'b'].map(name => ({
    ...{ kind: 'put', key: `${group}/${name}` as Key, value: utf8('x'), mediaType: '' },
  })),
  failure: [{ kind: 'get', key: `${group}/a` as Key }],
})

/** Transactions here run, or are refused; none is applied and fails. */
async function transact(world: RoutingWorld, region: string, name: string, asked: Transaction) {
  const context = { consistency: 'session' } as const
  const { outcome, session } = await world.at(region).router.transact(name, asked, context)
  if (outcome.kind === 'failed') throw outcome.error
  return { transacted: outcome, session }
}

transactions('through any region they run at the home, once', async () => {
  const world = await open()
  const answers = await Promise.all(
    regions.map(region => transact(world, region, 'grouped', transfer('g'))),
  )
  const homes = answers.map(({ transacted }) => transacted.receipt.home)
  assert.is(new Set(homes).size, 1)
  assert.ok(answers.every(({ transacted, session }) => transacted.succeeded && session))
  const { idempotencyKey: _, ...again } = transfer('g')
  const { transacted } = await transact(world, 'four', 'grouped', again)
  assert.not(transacted.succeeded)
  assert.is(transacted.results[0]?.kind, 'found')
})

transactions('a group may be all that a partition holds, and has no keys of another', async () => {
  const parted = ['p/', 'q/'].map(prefix =>
    dataset('parted', storing, { prefix, groupBySegments: 1 }),
  )
  const world = await RoutingWorld.open(policy(regions, parted))
  const { transacted } = await transact(world, 'one', 'parted', transfer('p'))
  assert.ok(transacted.succeeded)
  const [whole] = transfer('p').success
  const astray = { ...transfer('p'), success: [{ ...whole, key: 'p' as Key }] } as Transaction
  const failed = await transact(world, 'one', 'parted', astray).catch((error: unknown) => error)
  assert.ok(failed instanceof DenizenError && failed.code === 'outside_group')
})

transactions('one that puts nothing claims nothing', async () => {
  const world = await open()
  const reading = { ...transfer('none'), success: transfer('none').failure }
  for (const region of regions) {
    const { transacted } = await transact(world, region, 'grouped', reading)
    assert.equal(
      [transacted.succeeded, transacted.results.map(({ kind }) => kind)],
      [true, ['absent']],
    )
  }
  const outcome = await run(world, 'three', 'grouped', put('none/a'))
  assert.is(outcome.receipt?.home, 'three')
})

transactions('a home that is away fails them, and says whether they may have run', async () => {
  const world = await open()
  await run(world, 'two', 'grouped', put('g/z'))
  for (const [state, code] of [
    ['cut', 'home_unreachable'],
    ['mute', 'outcome_unknown'],
  ] as const) {
    world.link('two', state)
    const failed = await world
      .at('one')
      .router.transact('grouped', transfer('g'), { consistency: 'session' })
      .catch((error: unknown) => error)
    assert.ok(failed instanceof DenizenError && failed.code === code)
  }
})

transactions.run()
