/** Which slots are walked, and when again. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { comparisonBounds } from '../../src/repair/comparison-bounds.ts'
import { ComparisonPlan } from '../../src/repair/comparison-plan.ts'

const slots = 8
const { apartMax, restMinMs, restMaxMs } = comparisonBounds

const plan = () => {
  const made = new ComparisonPlan()
  const learn = (different: readonly number[], apart: readonly number[], nowMs = 0): void =>
    made.learn('things', 'two', { slots, different, apart }, nowMs)
  const drain = (): number[] => {
    const walks: number[] = []
    for (let walk = made.next(); walk; walk = made.next()) walks.push(walk.slot)
    return walks
  }
  return { made, learn, drain }
}

test('what differs is walked at once, and once', () => {
  const { made, learn, drain } = plan()
  learn([3, 5], [])
  learn([3], [1])
  assert.equal(drain(), [3, 5])
  assert.ok(made.isEmpty)
})

test('of slots that are never at the same place one is walked at a time, after what differs', () => {
  const { made, learn, drain } = plan()
  for (let n = 0; n < apartMax; n++) learn([], [1, 2])
  assert.equal(drain(), [])
  learn([7], [1, 2])
  assert.is(made.nextUrgent()?.slot, 7)
  assert.is(made.nextUrgent(), undefined)
  learn([6], [1, 2])
  assert.equal(drain(), [6, 1])
  made.walked({ dataset: 'things', peer: 'two', slot: 1, isUrgent: false }, 1, 0)
  learn([], [1, 2])
  assert.equal(drain(), [2], 'the other one has waited for longer')
  learn([], [])
  for (let n = 0; n < apartMax; n++) learn([], [2])
  assert.equal(drain(), [], 'it was at the same place in between')
})

test('a walk that mended nothing is repeated later and later', () => {
  const { made, learn, drain } = plan()
  const walk = { dataset: 'things', peer: 'two', slot: 3, isUrgent: true }
  let nowMs = 0
  let restMs: number = restMinMs
  for (let n = 0; n < 20; n++) {
    learn([3], [], nowMs)
    assert.equal(drain(), [3])
    made.walked(walk, 0, nowMs)
    learn([3], [], nowMs + restMs - 1)
    assert.equal(drain(), [])
    nowMs += restMs
    restMs = Math.min(2 * restMs, restMaxMs)
  }
  made.walked(walk, 1, nowMs)
  learn([3], [], nowMs)
  assert.equal(drain(), [3], 'what was mended is looked at again at once')
  made.walked(walk, 0, nowMs)
  learn([], [], nowMs)
  learn([3], [], nowMs)
  assert.equal(drain(), [3], 'the copies were the same in between')
})

test.run()
