import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RegionNumbers, slotOf } from '../../src/model/slot.ts'
import { hasher } from '../support/policies.ts'

test('groups spread over all slots, evenly enough, and always the same', () => {
  const counts = new Array<number>(64).fill(0)
  for (let n = 0; n < 64_000; n++) {
    const slot = slotOf(hasher, `group-${n}`, 64)
    counts[slot] = (counts[slot] ?? 0) + 1
  }
  assert.ok(Math.min(...counts) > 800 && Math.max(...counts) < 1_200)
  assert.is(slotOf(hasher, 'grüße', 64), slotOf(hasher, 'grüße', 64))
})

test('the hash of a group is what it always was: stores depend on it', () => {
  // The first is XXH32 of "a" with seed 0, as the reference implementation has it: 550d7456.
  assert.equal(
    ['a', 'a/b', 'grüße', '\u{1f600}'].map(group => hasher.h32(group)),
    [0x55_0d_74_56, 2_613_270_321, 2_550_457_372, 1_127_825_596],
  )
})

test('region numbers, both ways; what coordination never gave is a bug', () => {
  const numbers = new RegionNumbers({ one: 1, two: 7 })
  assert.is(numbers.idOf(7), 'two')
  assert.is(numbers.numberOf('one'), 1)
  assert.throws(() => numbers.idOf(2))
  assert.throws(() => numbers.numberOf('three'))
  assert.throws(() => new RegionNumbers({ one: 1, two: 1 }), /unique/)
})

test.run()
