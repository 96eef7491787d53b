import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CensusLine } from '../../src/model/home-census.ts'
import type { PlacementData } from '../../src/model/placement.ts'
import { type DatasetCosts, type Measured, planCosts } from '../../src/policy/plan-costs.ts'
import { dataset, policy } from '../support/policies.ts'

const regions = ['one', 'two', 'three']
const nothing = { groups: 0, records: 0, bytes: 0 }

const line = (from: string, to: string | null, groups: number, into: string | null = 'cities') =>
  ({ into, from, to, groups, records: groups * 2, bytes: groups * 10 }) satisfies CensusLine

const measured = (region: string, lines: readonly CensusLine[], id = 'cities'): Measured => ({
  region,
  datasets: new Map([[id, lines]]),
})

const costs = (
  from: readonly PlacementData[],
  to: readonly PlacementData[],
  said: readonly Measured[],
) => planCosts(policy(regions, from), policy(regions, to), said)

const only = ({ datasets }: { datasets: readonly DatasetCosts[] }): DatasetCosts => {
  assert.is(datasets.length, 1)
  return datasets[0] as DatasetCosts
}

test('a region that goes: its homes move, its own copy is erased', () => {
  const lines = [line('one', 'one', 5), line('two', 'two', 3), line('three', 'two', 2)]
  const { total, ...counted } = costs(
    [dataset('cities', regions)],
    [dataset('cities', ['one', 'two'])],
    regions.map(region => measured(region, lines)),
  )
  const { copies, homes, erasures, unsatisfiable } = only(counted)
  assert.equal(copies, [])
  assert.equal(homes, [{ from: 'three', to: 'two', groups: 2, records: 4, bytes: 20 }])
  assert.equal(erasures, [{ region: 'three', records: 20, bytes: 100 }])
  assert.equal(unsatisfiable, nothing)
  assert.equal(total, { bytes: 0, groups: 2, unsatisfiable: 0 })
  assert.equal(counted.secondHand, [])
})

test('a region that comes gets everything, each group from its home', () => {
  const lines = [line('one', 'one', 5), line('two', 'two', 3)]
  const said = ['one', 'two'].map(region => measured(region, lines))
  const counted = costs([dataset('cities', ['one', 'two'])], [dataset('cities', regions)], said)
  assert.equal(only(counted).copies, [
    {
      region: 'three',
      records: 16,
      bytes: 80,
      from: [
        { region: 'one', records: 10, bytes: 50 },
        { region: 'two', records: 6, bytes: 30 },
      ],
    },
  ])
  assert.is(counted.total.bytes, 80)
})

test('a home is believed for its own groups; others where it is silent', () => {
  const to = [dataset('cities', regions, { home: ['one'] })]
  const stale = [line('one', 'one', 1), line('two', 'one', 4), line('three', 'one', 9)]
  const own = [line('one', 'one', 2), line('two', 'one', 3), line('three', 'one', 7)]
  const counted = costs([dataset('cities', regions)], to, [
    measured('one', stale),
    measured('two', own),
  ])
  assert.equal(
    only(counted).homes.map(({ from, groups }) => `${from} ${groups}`),
    ['three 9', 'two 3'],
  )
  assert.equal(counted.secondHand, ['three'])
})

test('the copy of a region that could not be asked has no figures', () => {
  const counted = costs(
    [dataset('cities', regions)],
    [dataset('cities', ['one', 'two'])],
    [measured('one', [line('one', 'one', 1)])],
  )
  assert.equal(only(counted).erasures, [{ region: 'three' }])
})

test('records without a partition are unsatisfiable; those of another one move there', () => {
  const part = (prefix: string, store: readonly string[]): PlacementData =>
    dataset('tenants', store, { prefix, groupBySegments: 2 })
  const lines = [line('one', null, 4, null), line('one', 'two', 3, 'tenants/eu/x/')]
  const counted = costs(
    [part('eu/', ['one'])],
    [part('eu/x/', ['one', 'two'])],
    [measured('one', lines, 'tenants/eu/')],
  )
  assert.is(counted.total.unsatisfiable, 8)
  const [added, removed] = counted.datasets
  assert.equal(added?.copies, [
    { region: 'two', records: 6, bytes: 30, from: [{ region: 'one', records: 6, bytes: 30 }] },
  ])
  assert.equal(removed?.unsatisfiable, { groups: 4, records: 8, bytes: 40 })
  assert.equal(removed?.erasures, [{ region: 'one', records: 14, bytes: 70 }])
  assert.equal(
    removed?.homes.map(({ from, to, groups }) => [from, to, groups]),
    [['one', 'two', 3]],
  )
})

test('a dataset that the file leaves out costs nothing: it stays', () => {
  const counted = costs(
    [dataset('cities', regions)],
    [],
    [measured('one', [line('one', 'one', 5)])],
  )
  assert.equal(counted.datasets, [])
})

test('the estimate is of the busiest receiver, and of the homes', () => {
  const lines = [{ ...line('one', 'two', 1_000), bytes: 80 * 1024 * 1024 }]
  const { estimate } = costs(
    [dataset('cities', ['one'])],
    [dataset('cities', regions, { home: ['two'] })],
    [measured('one', lines)],
  )
  const { bytesPerSecond, homesPerSecond } = estimate.assumed
  assert.is(estimate.seconds, (80 * 1024 * 1024) / bytesPerSecond + 1_000 / homesPerSecond)
})

test.run()
