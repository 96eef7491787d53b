/** Homes that are named by somebody who acts by another policy. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Operation } from '../../src/execution/operation.ts'
import { utf8 } from '../../src/model/bytes.ts'
import { DenizenError } from '../../src/model/errors.ts'
import type { Key } from '../../src/model/key.ts'
import { feedNumber } from '../../src/model/position.ts'
import { LocationCache } from '../../src/routing/location-cache.ts'
import { dataset, hasher, policy } from '../support/policies.ts'
import { RoutingWorld } from '../support/routing-world.ts'
import { seededRandom } from '../support/seeded-random.ts'

const regions = ['one', 'two', 'three', 'four']
const storing = ['one', 'two', 'three']
const data = policy(regions, [
  dataset('hint', storing, { serve: regions }),
  dataset('grouped', storing, { serve: regions, groupBySegments: 1 }),
])

const key = 'a/x' as Key
const operations: readonly Operation[] = [
  { kind: 'put', key, value: utf8('x'), mediaType: 'text/plain', precondition: {} },
  { kind: 'delete', key, precondition: {} },
  { kind: 'get', key },
]
const strong = { consistency: 'strong' } as const

const named = suite('homes that are named')

named('one that may not store the dataset is asked nothing, and nothing is applied', async () => {
  const world = await RoutingWorld.open(data)
  const { router, claims, lists, movements } = world.at('one')
  // As by a registrar that is not as far in a change of the policy that `four` has left by.
  const home = { region: 4, feed: feedNumber(4, 1), term: 2 ** 32 + 1 }
  claims.lookup = async () => home
  claims.claim = async () => home
  for (const operation of operations) {
    const { outcomes } = await router.execute('hint', [operation], strong)
    const [outcome] = outcomes
    assert.ok(outcome?.kind === 'failed')
    const { code, applied, retry } = outcome.error
    assert.equal([code, applied, retry], ['stale_policy', 'no', 'safe'])
  }
  const list = lists.list('grouped', { prefix: 'a/', limit: 10, values: false }, strong)
  const move = movements.move(world.placement('hint'), key, 'two')
  for (const task of [list, move]) {
    const error = await task.catch((failed: unknown) => failed)
    assert.ok(error instanceof DenizenError && error.code === 'stale_policy')
  }
  assert.equal(world.calls, [])
})

named('one that was seen counts for nothing where it may not store the dataset any more', () => {
  const cache = new LocationCache(hasher, seededRandom(1))
  const home = { region: 'two', term: 5 }
  cache.learn('hint', 'a', home)
  const placement = { id: 'hint', mayStore: () => true }
  assert.equal(cache.get(placement, 'a'), home)
  assert.is(cache.get({ ...placement, mayStore: () => false }, 'a'), undefined)
})

named('a registrar may know regions that are not known here', async () => {
  const { claims } = (await RoutingWorld.open(data)).at('one')
  const of = (region: number) => ({ region, feed: feedNumber(region, 1), term: 7 })
  assert.equal(claims.known(of(2)), { region: 'two', term: 7 })
  const isStale = (error: unknown): boolean =>
    error instanceof DenizenError && error.code === 'stale_policy'
  assert.throws(() => claims.known(of(99)), isStale)
})

named.run()
