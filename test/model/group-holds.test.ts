import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { GroupHolds } from '../../src/model/group-holds.ts'
import { limits } from '../../src/model/limits.ts'

test('a hold lasts as long as was said, of its group alone', () => {
  const holds = new GroupHolds()
  assert.is(holds.remainingMs('a', 1_000), 0)
  holds.hold('a', 1_000, 500)
  assert.is(holds.remainingMs('a', 1_000), 500)
  assert.is(holds.remainingMs('a', 1_400), 100)
  assert.is(holds.remainingMs('a', 1_500), 0)
  assert.is(holds.remainingMs('b', 1_400), 0)
})

test('it can be prolonged, and ended', () => {
  const holds = new GroupHolds()
  holds.hold('a', 1_000, 500)
  holds.hold('a', 1_400, 500)
  assert.is(holds.remainingMs('a', 1_600), 300)
  holds.release('a')
  assert.is(holds.remainingMs('a', 1_600), 0)
})

test('a clock that is set back ends it, instead of making it longer', () => {
  const holds = new GroupHolds()
  holds.hold('a', 1_000_000, 500)
  assert.is(holds.remainingMs('a', 999_999), 0)
})

test('too many are forgotten, the oldest first', () => {
  const holds = new GroupHolds()
  for (let n = 0; n < 2 * limits.heldGroupsMax; n++) holds.hold(`${n}`, 0, 1_000)
  assert.is(holds.remainingMs('0', 1), 0)
  assert.ok(holds.remainingMs(`${2 * limits.heldGroupsMax - 1}`, 1) > 0)
})

test.run()
