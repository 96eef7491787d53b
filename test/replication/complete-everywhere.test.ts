import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CompleteEverywhere } from '../../src/replication/complete-everywhere.ts'
import { CopyAges } from '../../src/replication/copy-ages.ts'
import { manualClock } from '../support/manual-clock.ts'
import { dataset, policy, tableOf } from '../support/policies.ts'

const at = (slot: number, of = 'd') => ({ dataset: of, slot })
const others = (name: string): string[] => (name === 'd' ? ['two', 'three'] : ['two'])
const known = (slot: number, position: number, of = 'd') => ({ ...at(slot, of), position })

test('what all others have counts, and those that were never heard have nothing', () => {
  const everywhere = new CompleteEverywhere(others)
  everywhere.onComplete('two', at(1), 50)
  assert.equal(everywhere.news(0), { points: [], upTo: 0 })
  everywhere.onComplete('three', at(1), 40)
  assert.equal(everywhere.news(0).points, [known(1, 40)])
  everywhere.onComplete('three', at(1), 60)
  assert.equal(everywhere.news(0).points, [known(1, 50)])
  everywhere.onComplete('two', at(7, 'e'), 5)
  assert.equal(everywhere.news(0).points, [known(1, 50), known(7, 5, 'e')])
})

test('news are told once, to each who asks, and back to nothing too', () => {
  const everywhere = new CompleteEverywhere(others)
  everywhere.onComplete('two', at(1, 'e'), 50)
  const first = everywhere.news(0)
  assert.equal(first.points, [known(1, 50, 'e')])
  assert.equal(everywhere.news(first.upTo).points, [])
  everywhere.onComplete('two', at(2, 'e'), 9)
  everywhere.onComplete('two', at(1, 'e'), 0)
  assert.equal(everywhere.news(first.upTo).points, [known(1, 0, 'e'), known(2, 9, 'e')])
  assert.equal(everywhere.news(0).points.length, 2)
})

test('a region knows it by dataset, slot and feed; what one region alone has is everywhere', () => {
  const data = [dataset('d', ['one', 'two']), dataset('alone', ['one'])]
  const table = tableOf(policy(['one', 'two'], data))
  const ages = new CopyAges({ self: 'one', table: () => table, clock: manualClock() })
  const point = (slot: number, feed: number, position: number) => ({ slot, feed, position })
  const points = [known(1, 50), known(2, 0)]
  ages.learn({ region: 'two', of: 'everywhere', feed: 131_073, points })
  assert.ok(ages.isEverywhere('d', point(1, 131_073, 50)))
  for (const unknown of [
    point(1, 131_073, 51),
    point(1, 65_537, 50),
    point(2, 131_073, 1),
    point(3, 131_073, 1),
  ]) {
    assert.not.ok(ages.isEverywhere('d', unknown))
  }
  ages.learn({ region: 'two', of: 'everywhere', feed: 131_073, points: [known(1, 0)] })
  assert.not.ok(ages.isEverywhere('d', point(1, 131_073, 50)))
  assert.ok(ages.isEverywhere('alone', point(9, 65_537, 2 ** 40)))
  assert.not.ok(ages.isEverywhere('nowhere', point(9, 65_537, 1)))
})

test.run()
