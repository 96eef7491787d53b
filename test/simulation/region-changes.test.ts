/** Policies with a region more, or one less, and worlds in which both happen. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { madeUpPolicy, newcomersTo } from '../../src/simulation/made-up-policy.ts'
import {
  drawRegionChanges,
  type RegionDisturbance,
  withRegionChange,
} from '../../src/simulation/region-changes.ts'
import { runSeed } from '../../src/simulation/run.ts'
import { seededRandom } from '../../src/simulation/seeded-random.ts'
import { hasher } from '../support/policies.ts'

const FOR_MS = 75_000

function drawn(seed: number) {
  const random = seededRandom(seed)
  const policy = madeUpPolicy(random)
  const newcomers = newcomersTo(policy, 2)
  const changes = drawRegionChanges({ random, policy, newcomers, forMs: FOR_MS })
  const places = new Map([...policy.regions, ...newcomers].map(place => [place.id, place]))
  return { policy, places, changes }
}

test('every dataset keeps a home, and names regions that are there', () => {
  for (let seed = 0; seed < 100; seed++) {
    const { policy, places, changes } = drawn(seed)
    let now = policy
    for (const change of changes) {
      now = withRegionChange(now, change, places)
      const there = now.regions.map(({ id }) => id)
      assert.is(there.includes(change.region), change.kind === 'add region')
      assert.ok(there.includes(now.keeper) && there.length >= 3)
      for (const { id, store, home, serve, homing } of now.placements) {
        assert.ok(home.length > 0, `${seed}: ${id} has no home`)
        assert.ok(home.every(region => store.includes(region)))
        assert.ok([...store, ...serve].every(region => there.includes(region)))
        assert.ok(homing.kind !== 'pinned' || home.includes(homing.region))
      }
    }
  }
})

test('a region that comes has the datasets that it is to have', () => {
  const { policy, places } = drawn(1)
  const region = [...places.keys()].at(-1) ?? ''
  const change: RegionDisturbance = {
    ...{ kind: 'add region', atMs: 0, forMs: 0, region, store: ['open', 'kept'], home: ['open'] },
  }
  const { placements } = withRegionChange(policy, change, places)
  const having = (of: 'store' | 'home'): string[] =>
    placements.filter(placement => placement[of].includes(region)).map(({ id }) => id)
  assert.equal(having('store'), ['open', 'kept'])
  assert.equal(having('home'), ['open'])
})

test('regions come to a world, retire from it, and it holds', async () => {
  const { policies, regionsAdded, regionsRetired, complaints, converged } = await runSeed({
    ...{ seed: 68, hasher, forMs: FOR_MS },
  })
  assert.equal(complaints, [])
  assert.ok(converged)
  assert.ok(regionsAdded > 0 && regionsRetired > 0)
  assert.ok(policies.length > 2)
})

test.run()
