import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { PolicyInForce } from '../../src/model/home-census.ts'
import { type RegionCopies, residencyReport } from '../../src/policy/residency-report.ts'
import { dataset, policy } from '../support/policies.ts'

const inForce: PolicyInForce = {
  ...{ clusterId: 'c1', region: 'one', policyEpoch: 4, inForceSinceMs: 1_000 },
  policy: policy(
    ['one', 'two', 'three'],
    [dataset('people', ['one', 'two'], { law: ['gdpr', 'a-pack-of-later'], home: ['one'] })],
  ),
}
const kept = new Map<string, RegionCopies>([
  ['one', { copies: new Map([['people', { records: 5, bytes: 50 }]]), refusedPlacements: 2 }],
  ['two', { failure: 'no node answers' }],
  ['three', { copies: new Map(), refusedPlacements: 0 }],
])

test('rights, law and times are those in force; copies are what regions say', () => {
  const report = residencyReport(inForce, kept, 2_000)
  assert.is(report.inForceSince, '1970-01-01T00:00:01.000Z')
  assert.is(report.madeAt, '1970-01-01T00:00:02.000Z')
  assert.is(report.notice, 'not legal advice')
  const [people] = report.datasets
  assert.equal(
    [people?.home, people?.store, people?.serve],
    [['one'], ['one', 'two'], ['one', 'two']],
  )
  assert.equal(
    people?.law.map(({ pack }) => pack),
    ['gdpr'],
  )
  assert.equal(
    people?.regions.map(({ copy }) => copy),
    [{ records: 5, bytes: 50 }, undefined, undefined],
  )
  assert.equal(people?.regions[2]?.outside, { status: 307, to: 'two' })
  assert.equal(
    report.regions.map(({ failure, refusedPlacements }) => failure ?? refusedPlacements),
    [2, 'no node answers', 0],
  )
})

test('a cluster that did not keep the time does not make one up', () => {
  const { inForceSinceMs: _, ...older } = inForce
  assert.not('inForceSince' in residencyReport(older, kept, 2_000))
})

test.run()
