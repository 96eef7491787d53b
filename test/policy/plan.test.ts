import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { PlacementData, PolicyData } from '../../src/model/placement.ts'
import type { DatasetPlan } from '../../src/policy/dataset-plan.ts'
import { isEmpty, type PolicyPlan, policyPlan } from '../../src/policy/plan.ts'
import { dataset, hasher, policy } from '../support/policies.ts'

const regions = ['one', 'two', 'three']
const cities = (store: readonly string[], changes: Partial<PlacementData> = {}): PlacementData =>
  dataset('cities', store, changes)
const plan = (
  from: readonly PlacementData[],
  to: readonly PlacementData[],
  [before, after]: readonly [readonly string[], readonly string[]] = [regions, regions],
): PolicyPlan => policyPlan(policy(before, from), policy(after, to), hasher)

const only = ({ datasets }: PolicyPlan): DatasetPlan => {
  assert.is(datasets.length, 1)
  return datasets[0] as DatasetPlan
}
const none = { home: [], store: [], serve: [] }
const textsOf = ({ consequences }: DatasetPlan): string[] =>
  consequences.map(({ kind, text }) => `${kind}: ${text}`)

test('the same policy is an empty plan', () => {
  assert.ok(isEmpty(plan([cities(regions)], [cities(regions)])))
})

interface Case {
  readonly name: string
  readonly from: PlacementData
  readonly to: PlacementData
  readonly gained?: Partial<DatasetPlan['gained']>
  readonly lost?: Partial<DatasetPlan['lost']>
  readonly says: readonly string[]
}

const cases: readonly Case[] = [
  {
    name: 'a region that may do nothing any more',
    from: cities(regions),
    to: cities(['one', 'two']),
    lost: { home: ['three'], store: ['three'], serve: ['three'] },
    says: [
      'erase: the copy in three is erased',
      'homes: groups homed in three move to the nearest of one, two',
      'registrars: the registrars of',
      'serve: three answers 307 to two',
    ],
  },
  {
    name: 'a region that may only home no more',
    from: cities(regions),
    to: cities(regions, { home: ['one'] }),
    lost: { home: ['two', 'three'] },
    says: ['homes: groups homed in two, three move to one', 'registrars: '],
  },
  {
    name: 'a region that gets a copy, and homes',
    from: cities(['one', 'two']),
    to: cities(regions),
    gained: { home: ['three'], store: ['three'], serve: ['three'] },
    says: [
      'copy: a copy of everything goes to three, each group from its home (one, two)',
      'homes: new groups may be homed in three; others stay where they are',
      'registrars: ',
      'serve: requests in three are answered there, from a copy',
    ],
  },
  {
    name: 'a region that answers without a copy',
    from: cities(['one', 'two']),
    to: cities(['one', 'two'], { serve: regions }),
    gained: { serve: ['three'] },
    says: ['serve: requests in three are answered there without a copy: each answer is fetched'],
  },
  {
    name: 'a region that refuses from now on',
    from: cities(['one'], { serve: regions, outside: 'refuse' }),
    to: cities(['one'], { serve: ['one', 'two'], outside: 'refuse' }),
    lost: { serve: ['three'] },
    says: ['serve: three answers 451, and names no other region'],
  },
  {
    name: 'homes of hashes, computed over fewer regions',
    from: cities(regions, { homing: { kind: 'hash' } }),
    to: cities(regions, { homing: { kind: 'hash' }, home: ['one', 'two'] }),
    lost: { home: ['three'] },
    says: [
      'homes: groups homed in three move to where they are computed to be, of one, two',
      'registrars: ',
    ],
  },
  {
    name: 'homes of hashes, computed over more regions',
    from: cities(regions, { homing: { kind: 'hash' }, home: ['one', 'two'] }),
    to: cities(regions, { homing: { kind: 'hash' } }),
    gained: { home: ['three'] },
    says: ['homes: groups whose home is computed to be in three now move there', 'registrars: '],
  },
  {
    name: 'another rule of homing',
    from: cities(regions),
    to: cities(regions, { homing: { kind: 'pinned', region: 'two' } }),
    says: [
      'homes: homes are chosen anew: hint → pinned to two',
      'settings: homing: hint → pinned to two: no copy moves for that',
    ],
  },
  {
    name: 'settings alone',
    from: cities(regions, { anywhere: true, ttlMs: 5_000 }),
    to: cities(regions, { outside: 'refuse', law: ['gdpr'], ttlMs: 86_400_000, acks: 2 }),
    says: [
      'settings: outside: redirect → refuse; residency: anywhere → bounded (replies are not cached); law: none → gdpr; ttl: 5s → 1d; acks: 1 → 2: no copy moves for that',
    ],
  },
]

for (const { name, from, to, gained, lost, says } of cases) {
  test(`${name}`, () => {
    const found = only(plan([from], [to]))
    assert.is(found.change, 'changed')
    assert.equal(found.gained, { ...none, ...gained })
    assert.equal(found.lost, { ...none, ...lost })
    const texts = textsOf(found)
    assert.is(texts.length, says.length, texts.join('\n'))
    for (const [index, text] of says.entries()) {
      assert.ok(texts[index]?.startsWith(text), texts[index])
    }
  })
}

test('a claim of law is cited, with its date', () => {
  const [law] = only(plan([cities(['one'])], [cities(['one'], { law: ['gdpr'] })])).law
  assert.is(law?.pack, 'gdpr')
  assert.match(law?.checkedOn ?? '', /^\d{4}-\d\d-\d\d$/)
  assert.is(law?.notice, 'not legal advice')
})

test('settings that the plan does not know yet are told too', () => {
  const to: PlacementData = Object.assign(cities(regions), { later: { after: 3 } })
  assert.equal(only(plan([cities(regions)], [to])).settings, ['later: none → {"after":3}'])
})

test('a dataset that comes, and one that the file leaves out', () => {
  const [added, leftOut] = plan(
    [cities(regions)],
    [dataset('notes', ['one'], { law: ['gdpr'] })],
  ).datasets
  assert.equal([added?.id, added?.change], ['notes', 'dataset added'])
  assert.equal(added?.gained, { home: ['one'], store: ['one'], serve: ['one'] })
  assert.equal([leftOut?.id, leftOut?.change], ['cities', 'dataset left out'])
  assert.equal(leftOut?.lost, none, 'it stays in force')
  assert.match(leftOut?.consequences[0]?.text ?? '', 'erases nothing')
})

test('partitions come and go within a dataset', () => {
  const part = (prefix: string): PlacementData =>
    dataset('tenants', ['one'], { prefix, groupBySegments: 2 })
  const { datasets } = plan([part('eu/'), part('us/')], [part('eu/'), part('eu/x/')])
  assert.equal(
    datasets.map(({ id, change }) => [id, change]),
    [
      ['tenants/eu/x/', 'partition added'],
      ['tenants/us/', 'partition removed'],
    ],
  )
})

test('what is fixed at creation is refused, with the way round it', () => {
  const { refusals } = plan([cities(regions)], [cities(regions, { groupBySegments: 1, slots: 8 })])
  assert.equal(
    refusals.map(({ dataset }) => dataset),
    ['cities', 'cities'],
  )
  assert.match(refusals[0]?.reason ?? '', 'it is the whole key, and the file says 1 segments')
  assert.match(refusals[0]?.action ?? '', 'denizen export cities')
  assert.match(refusals[1]?.reason ?? '', 'it is 4, and the file says 8')
})

test('the file of another cluster is refused', () => {
  const other: PolicyData = { ...policy(regions, [cities(regions)]), cluster: 'other' }
  const { refusals } = policyPlan(policy(regions, [cities(regions)]), other, hasher)
  assert.match(refusals[0]?.reason ?? '', 'belongs to the cluster test')
})

test('regions come, retire and keep', () => {
  const after = ['two', 'one', 'four']
  const planned = plan([cities(regions)], [cities(after)], [regions, after])
  assert.equal(
    planned.regions.map(({ region, change }) => `${region} ${change}`),
    ['two keeper', 'two facts', 'one facts', 'four added', 'three retired'],
  )
  assert.equal(planned.refusals, [])
})

test('a region does not retire under a dataset that stays in force', () => {
  const { refusals } = plan(
    [cities(regions), dataset('notes', ['three'])],
    [cities(['one', 'two'])],
    [regions, ['one', 'two']],
  )
  assert.equal(refusals.length, 1)
  assert.match(refusals[0]?.reason ?? '', 'notes is not in the file any more')
})

test('registrars move where the heaviest region is another, and no others', () => {
  const slots = 64
  const before = cities(regions, { slots })
  const { registrars } = only(plan([before], [cities(['one', 'two'], { slots })]))
  assert.is(registrars.slots, slots)
  assert.ok(registrars.moved > 8 && registrars.moved < 40, `${registrars.moved}: a third or so`)
})

test.run()
