import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { PlacementData } from '../../src/model/placement.ts'
import { applyRefusals, withLeftOut } from '../../src/policy/apply.ts'
import { dataset, policy } from '../support/policies.ts'

const regions = ['one', 'two']
const things = dataset('things', regions)
const partition = (prefix: string): PlacementData =>
  dataset('tenants', regions, { prefix, groupBySegments: 2 })
const reasons = (
  from: readonly PlacementData[],
  to: readonly PlacementData[],
  erase: readonly string[] = [],
): string =>
  applyRefusals(policy(regions, from), policy(regions, to), erase)
    .map(({ reason }) => reason)
    .join()

test('what the file leaves out stays, unless it is to be erased', () => {
  const inForce = policy(regions, [things, { ...dataset('old', regions), left: ['three'] }])
  const desired = policy(regions, [things])
  const names = (erased: readonly string[]) =>
    withLeftOut(inForce, desired, erased).placements.map(({ name }) => name)
  assert.equal(names([]), ['things', 'old'])
  assert.equal(names(['old']), ['things'])
  const [, old] = withLeftOut(inForce, desired).placements
  assert.is(old?.left, undefined, 'as a file would say it')
})

test('a policy like the one in force is not refused', () => {
  assert.is(reasons([things], [things]), '')
})

test('a dataset that the file has is not erased, nor one that nobody knows', () => {
  assert.match(
    reasons([things], [things], ['things']),
    'things is to be erased, and the file has it',
  )
  assert.match(reasons([things], [things], ['thing']), 'the policy in force does not know it')
  assert.is(reasons([things, dataset('old', regions)], [things], ['old']), '')
})

test('partitions are not taken away, nor cut out of others; others may be added', () => {
  const eu = partition('eu/')
  assert.match(reasons([eu, partition('us/')], [eu]), 'the partition "us/" of tenants is in force')
  assert.match(
    reasons([eu], [eu, partition('eu/de/')]),
    'would take keys from one that is in force',
  )
  assert.is(reasons([eu], [eu, partition('us/')]), '')
})

test('the keeper stays, and what is fixed when a dataset is made', () => {
  const other = { ...policy(regions, [things]), keeper: 'two' }
  const [refusal] = applyRefusals(policy(regions, [things]), other, [])
  assert.is(refusal?.reason, 'the keeper is one, and the file says two')
  assert.match(
    reasons([things], [{ ...things, slots: 8 }]),
    'the number of slots of things is fixed',
  )
})

test('a region that keeps what is to be erased may retire', () => {
  const from = policy(regions, [things, dataset('old', ['two'])])
  const to = policy(['one'], [dataset('things', ['one'])])
  assert.is(applyRefusals(from, to, []).length, 1)
  assert.equal(applyRefusals(from, to, ['old']), [])
})

test.run()
