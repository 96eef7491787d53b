/** A damaged copy is refused where it lies, and what can be answered elsewhere is. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Operation, Outcome } from '../../src/execution/operation.ts'
import { utf8 } from '../../src/model/bytes.ts'
import type { Key } from '../../src/model/key.ts'
import { feedNumber } from '../../src/model/position.ts'
import type { RequestContext } from '../../src/routing/service.ts'
import { encodeRecord } from '../../src/storage/record.ts'
import { damageRecord } from '../support/damage.ts'
import { dataset, hasher, policy, tableOf } from '../support/policies.ts'
import { RoutingWorld } from '../support/routing-world.ts'

const regions = ['one', 'two', 'three']
const data = policy(regions, [dataset('things', regions)])
const key = 'a' as Key
const slot = tableOf(data).byId('things')?.slotOf(key) ?? 0

/** Its home is `one`; `two` has a copy, and that of `damagedAt` is damaged. */
async function open(damagedAt: string): Promise<RoutingWorld> {
  const world = await RoutingWorld.open(data)
  const written = await run(world, 'one', { kind: 'put', ...value('1'), precondition: {} })
  assert.is(written.kind, 'written')
  const { version } = written as Extract<Outcome, { kind: 'written' }>
  const feed = feedNumber(1, 1)
  const head = { version, feed, tombstone: false, shared: false, expiresAtMs: 0 }
  const bytes = encodeRecord(hasher, key, { ...head, mediaType: '', value: utf8('1') })
  const item = { position: version.seq, kind: 1, text: key, bytes } as const
  const part = { dataset: 'things', slot, feed, after: 0, to: version.seq }
  await world.at('two').shards.call('things', slot, 'applyChunk', {
    ...{ type: 'chunk', ...part, complete: true, items: [item], bytes: 0 },
  })
  await damageRecord(await world.engine(damagedAt, 'things', slot), key)
  return world
}

const value = (text: string) => ({ key, value: utf8(text), mediaType: '' })
const get: Operation = { kind: 'get', key }

async function run(
  world: RoutingWorld,
  region: string,
  operation: Operation,
  consistency: RequestContext['consistency'] = 'session',
): Promise<Outcome> {
  const answer = await world.at(region).router.execute('things', [operation], { consistency })
  const [outcome] = answer.outcomes
  assert.ok(outcome)
  return outcome
}

const codeOf = (outcome: Outcome): string =>
  outcome.kind === 'failed' ? outcome.error.code : outcome.kind

test('a replica that is damaged: the next copy answers, and strong reads go home', async () => {
  for (const consistency of ['session', 'eventual', 'strong'] as const) {
    const world = await open('two')
    const outcome = await run(world, 'two', get, consistency)
    assert.is(outcome.kind === 'found' && outcome.receipt.servedBy, 'one', consistency)
    if (consistency !== 'strong') assert.equal(world.damaged, ['two a'])
  }
})

test('without another copy the damage is told', async () => {
  const world = await open('two')
  for (const region of ['one', 'three']) world.link(region, 'cut', 'known')
  assert.is(codeOf(await run(world, 'two', get)), 'damaged_record')
})

test('a home that is damaged refuses strong reads and conditional writes', async () => {
  const world = await open('one')
  assert.is(codeOf(await run(world, 'one', get, 'strong')), 'damaged_record')
  assert.is(codeOf(await run(world, 'two', get, 'strong')), 'damaged_record')
  const precondition = { ifNoneMatch: '*' } as const
  const refused = await run(world, 'one', { kind: 'put', ...value('2'), precondition })
  assert.ok(refused.kind === 'failed' && refused.error.code === 'damaged_record')
  assert.is(refused.error.applied, 'no')
  assert.is(refused.error.retry, 'safe')
  assert.ok(world.damaged.includes('one a'))
})

test('a home that is damaged takes writes that ask for nothing, from anywhere', async () => {
  for (const [region, operation, becomes] of [
    ['one', { kind: 'put', ...value('2'), precondition: {} }, 'found'],
    ['two', { kind: 'put', ...value('2'), precondition: {} }, 'found'],
    ['one', { kind: 'delete', key, precondition: {} }, 'absent'],
  ] as const) {
    const world = await open('one')
    const written = await run(world, region, operation)
    assert.ok(written.kind === 'written' || written.kind === 'deleted', codeOf(written))
    const read = await run(world, 'one', get, 'strong')
    assert.is(read.kind, becomes)
    if (read.kind === 'found') assert.equal(read.value, utf8('2'))
  }
})

test.run()
