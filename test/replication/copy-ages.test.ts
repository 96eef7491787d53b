import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CopyAges } from '../../src/replication/copy-ages.ts'
import { manualClock } from '../support/manual-clock.ts'
import { dataset, policy, tableOf } from '../support/policies.ts'

const table = tableOf(policy(['one', 'two', 'three'], [dataset('d', ['one', 'two', 'three'])]))

function world() {
  const clock = manualClock()
  const ages = new CopyAges({ self: 'one', table: () => table, clock })
  const polled = (region: string, asOfMs: number | undefined) =>
    ages.learn({ region, of: 'source', ages: { asOfMs, lagging: [] } })
  return { clock, ages, polled }
}

test('a copy is as old as the poll of its home; of no known home, as the oldest of all', () => {
  const { clock, ages, polled } = world()
  clock.advance(1_000)
  assert.is(ages.stalenessMs('d', 0, 'one'), 0, 'what is homed here is current')
  assert.is(ages.stalenessMs('d', 0, 'two'), undefined)
  polled('two', 400)
  assert.is(ages.stalenessMs('d', 0, 'two'), 600)
  assert.is(ages.stalenessMs('d', 0, undefined), undefined, 'three was never heard')
  polled('three', 100)
  assert.is(ages.stalenessMs('d', 0, undefined), 900)
  const age = { dataset: 'd', slot: 7, asOfMs: 50 }
  ages.learn({ region: 'two', of: 'source', ages: { asOfMs: 990, lagging: [age] } })
  assert.is(ages.stalenessMs('d', 7, 'two'), 950)
  assert.is(ages.stalenessMs('d', 0, 'two'), 10)
})

test('an age is rounded up', () => {
  const { clock, ages, polled } = world()
  clock.advance(1_000)
  polled('two', 400.7)
  assert.is(ages.stalenessMs('d', 0, 'two'), 600)
  polled('two', 399.7)
  assert.is(ages.stalenessMs('d', 0, 'two'), 601)
})

test('what is read later is as old as what was known before', () => {
  const { clock, ages, polled } = world()
  clock.advance(1_000)
  polled('two', 400)
  const before = ages.asOf('d', 0)
  clock.advance(500)
  polled('two', 1_400)
  polled('three', 1_400)
  assert.is(ages.stalenessMs('d', 0, 'two'), 100)
  assert.is(before.stalenessMs('two'), 1_100)
  assert.is(before.stalenessMs('one'), 0)
  assert.is(before.stalenessMs(undefined), undefined, 'three had not been heard')
  assert.is(ages.asOf('d', 0).stalenessMs(undefined), 100)
})

test.run()
