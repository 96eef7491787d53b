/** The count of homes of a node: in slices, one at a time, for whoever began it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/model/bytes.ts'
import { DenizenError } from '../../src/model/errors.ts'
import type { Key } from '../../src/model/key.ts'
import { limits, timing } from '../../src/model/limits.ts'
import { PolicyCensus } from '../../src/node/policy-census.ts'
import { dataset, policy, tableOf } from '../support/policies.ts'
import { ReplicatingWorld } from '../support/replicating-world.ts'
import { seededRandom } from '../support/seeded-random.ts'

const regions = ['one', 'two']
const pinned = { homing: { kind: 'pinned', region: 'one' }, slots: 2 } as const
const inForce = policy(regions, [dataset('things', regions, pinned)])
const desired = policy(regions, [dataset('things', regions, { ...pinned, home: ['two'] })])
/** More than one slice for each of two stores. */
const count = limits.scrubRowsPerSlice * 3

async function counting(): Promise<{ world: ReplicatingWorld; census: PolicyCensus }> {
  const table = tableOf(inForce)
  const world = new ReplicatingWorld({ table, random: seededRandom(1), threads: 1, stores: 2 })
  const { shards } = await world.start('one')
  const placement = table.byId('things')
  assert.ok(placement)
  const writes = Array.from({ length: count }, (_, n) => {
    const key = `k${n}` as Key
    const value = { bytes: utf8('v'), mediaType: '' }
    const request = { key, value, precondition: {}, nowMs: 0 }
    return shards.call('things', placement?.slotOf(key) ?? 0, 'write', request)
  })
  await world.until(Promise.all(writes))
  const census = new PolicyCensus({ copies: () => ({ table, shards }), clock: world.clock })
  return { world, census }
}

const codeOf = (task: () => unknown): string => {
  try {
    task()
    return 'done'
  } catch (error) {
    return error instanceof DenizenError ? error.code : String(error)
  }
}

async function pass(world: ReplicatingWorld, slices: number): Promise<void> {
  for (let n = 0; n < slices; n++) {
    await world.settle()
    world.clock.advance(timing.scrubAskedPauseMs)
  }
  await world.settle()
}

test('all is counted, slice by slice; a second count waits for the first', async () => {
  const { world, census } = await counting()
  assert.is(
    codeOf(() => census.view()),
    'bad_request',
  )
  assert.is(census.begin(desired).running, true)
  assert.is(
    codeOf(() => census.begin(inForce)),
    'overloaded',
  )
  await pass(world, 1)
  assert.is(census.view().running, true, 'it rests between slices')
  await pass(world, 6)
  const { number, running, failure, datasets } = census.view()
  assert.equal([number, running, failure], [1, false, undefined])
  const [things] = datasets
  assert.equal([things?.dataset, things?.storesDone, things?.damaged], ['things', 2, 0])
  const bytes = Array.from({ length: count }, (_, n) => `k${n}v`.length).reduce((a, b) => a + b)
  assert.equal(things?.lines, [
    { into: 'things', from: 'one', to: 'two', groups: count, records: count, bytes },
  ])
  assert.is(census.begin(inForce).number, 2)
})

test('a dataset that the desired policy leaves out stays where it is', async () => {
  const { world, census } = await counting()
  census.begin(policy(regions, []))
  await pass(world, 8)
  const [line] = census.view().datasets[0]?.lines ?? []
  assert.equal([line?.into, line?.from, line?.to], ['things', 'one', 'one'])
})

test('what is no policy is refused, and a node that stops ends its count', async () => {
  const { world, census } = await counting()
  const changed = (changes: object) => ({
    ...desired,
    placements: [{ ...desired.placements[0], ...changes }],
  })
  const unsound = [{ slots: 4 }, { groupBySegments: 1 }, { home: ['two', 'two'] }, { home: ['x'] }]
  for (const body of [undefined, {}, changed({ id: 1 }), ...unsound.map(changed)]) {
    assert.is(
      codeOf(() => census.begin(body)),
      'bad_request',
    )
  }
  census.begin(desired)
  census.stop()
  await pass(world, 2)
  const { running, failure } = census.view()
  assert.is(running, false)
  assert.ok(failure)
  const closed = new PolicyCensus({ copies: () => undefined, clock: world.clock })
  assert.is(
    codeOf(() => closed.begin(desired)),
    'not_ready',
  )
})

test.run()
