import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DenizenError } from '../../src/model/errors.ts'
import type { Placement, PlacementData } from '../../src/model/placement.ts'
import { highestWeight } from '../../src/model/rendezvous.ts'
import { dataset, hasher, policy, tableOf } from '../support/policies.ts'

const regions = ['one', 'two', 'three', 'four']
function placement(changes: Partial<PlacementData> = {}): Placement {
  const data = dataset('d', ['one', 'two', 'three'], { slots: 64, ...changes })
  const found = tableOf(policy(regions, [data])).byId(data.id)
  assert.ok(found)
  return found
}
const hasCode = (code: string) => (error: unknown) =>
  error instanceof DenizenError && error.code === code

test('losing a candidate moves only what it had', () => {
  const before = new Map<string, string>()
  for (let n = 0; n < 500; n++) before.set(`s${n}`, highestWeight(hasher, `s${n}`, regions))
  assert.is(new Set(before.values()).size, regions.length)
  for (const [subject, region] of before) {
    const after = highestWeight(hasher, subject, ['three', 'one', 'two'])
    if (region !== 'four') assert.is(after, region)
  }
})

test('who is home without a claim', () => {
  assert.is(placement().computedHome('g'), undefined)
  assert.is(placement({ homing: { kind: 'pinned', region: 'two' } }).computedHome('g'), 'two')
  assert.is(placement({ home: ['three'] }).computedHome('g'), 'three', 'the only one')
  const hash = placement({ homing: { kind: 'hash' } })
  const homes = Array.from({ length: 200 }, (_, n) => hash.computedHome(`g${n}`))
  assert.equal(new Set(homes), new Set(['one', 'two', 'three']))
  assert.equal(
    homes,
    Array.from({ length: 200 }, (_, n) => hash.computedHome(`g${n}`)),
  )
})

test('a server-assigned group is at home where it says, if that may be', () => {
  for (const homing of [{ kind: 'hint' }, { kind: 'hash' }] as const) {
    assert.is(placement({ homing }).computedHome('a/~two~x1'), 'two')
  }
  assert.is(placement().computedHome('a/~four~x1'), undefined, 'four may not home')
  assert.is(placement().computedHome('a/~two~x1/b'), undefined, 'only the last segment counts')
})

test('the longest prefix names the home; the rest is hashed', () => {
  const homing = {
    kind: 'prefix',
    homes: [
      { prefix: 'eu/', region: 'one' },
      { prefix: 'eu/west/', region: 'two' },
    ],
  } as const
  const found = placement({ homing })
  assert.is(found.computedHome('eu/x'), 'one')
  assert.is(found.computedHome('eu'), 'one')
  assert.is(found.computedHome('eu/west/x'), 'two')
  assert.is(found.computedHome('eu/west'), 'two')
  assert.is(
    found.computedHome('europe'),
    placement({ homing: { kind: 'hash' } }).computedHome('europe'),
  )
})

test('what a region may is what the policy says', () => {
  const found = placement({ home: ['one'], serve: ['one', 'four'] })
  const rights = (region: string) => [
    found.mayHome(region),
    found.mayStore(region),
    found.mayServe(region),
  ]
  assert.equal(rights('one'), [true, true, true])
  assert.equal(rights('two'), [false, true, false])
  assert.equal(rights('four'), [false, false, true])
  assert.equal(rights('elsewhere'), [false, false, false])
})

test('keys belong to the longest partition, and to none where none fits', () => {
  const partition = (prefix: string) => dataset('t', ['one'], { prefix, groupBySegments: 2 })
  const table = tableOf(policy(regions, [partition('eu/'), partition('eu/de/'), partition('us/')]))
  assert.is(table.locate('t', 'eu/x').data.prefix, 'eu/')
  assert.is(table.locate('t', 'eu/de/x').data.prefix, 'eu/de/')
  assert.throws(() => table.locate('t', 'jp/x'), hasCode('no_partition'))
  assert.throws(() => table.locate('t', 'eu'), hasCode('no_partition'))
  assert.throws(() => table.locate('none', 'x'), hasCode('unknown_dataset'))
})

test.run()
