import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { timing } from '../../src/model/limits.ts'
import { gatherWrites } from '../../src/node/gathering.ts'
import { systemClock } from '../../src/runtime/clock.ts'

const gathering = suite('gathering')

gathering('goes on while turns bring writes, and ends with one that brings none', async () => {
  const counts = [1, 3, 4, 4, 9]
  let turn = 0
  const still = { ...systemClock, monotonicMs: () => 0 }
  setImmediate(function next() {
    turn += 1
    if (turn < counts.length) setImmediate(next)
  })
  await gatherWrites(still, () => counts[turn] as number)
  assert.is(turn, 3)
})

gathering('ends after a while, whatever comes', async () => {
  let [count, nowMs] = [0, 0]
  const clock = { ...systemClock, monotonicMs: () => nowMs }
  await gatherWrites(clock, () => {
    nowMs += timing.gatherMaxMs / 10
    count += 1
    return count
  })
  assert.ok(nowMs < 2 * timing.gatherMaxMs)
})

gathering.run()
