import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  feedNumber,
  feedRegionNumber,
  generationOf,
  generationStart,
  isPosition,
  nextPosition,
} from '../../src/model/position.ts'

const lastGeneration = 2 ** 21 - 1

test('a position carries its generation, up to the last one', () => {
  for (const generation of [0, 1, 2, 1_000, lastGeneration]) {
    const first = nextPosition(generationStart(generation))
    assert.is(generationOf(first), generation)
    assert.ok(Number.isSafeInteger(first))
    assert.is(generationOf(generationStart(generation) + 2 ** 32 - 1), generation)
  }
  assert.throws(() => generationStart(lastGeneration + 1), /out of range/)
  assert.throws(() => generationStart(-1), /out of range/)
})

test('positions go up within a generation and across generations, and never run over', () => {
  assert.ok(nextPosition(generationStart(2)) > generationStart(1) + 2 ** 32 - 1)
  const last = generationStart(1) + 2 ** 32 - 1
  assert.is(nextPosition(last - 1), last)
  assert.throws(() => nextPosition(last), /generation holds/)
})

test('feed numbers are of one region and one opening each', () => {
  const seen = new Set<number>()
  for (const region of [1, 2, 65_535]) {
    for (const opening of [1, 2, 65_535]) {
      const feed = feedNumber(region, opening)
      assert.is(feedRegionNumber(feed), region)
      assert.ok(feed < 2 ** 32)
      seen.add(feed)
    }
  }
  assert.is(seen.size, 9)
  for (const [region, opening] of [
    [0, 1],
    [1, 0],
    [65_536, 1],
    [1, 65_536],
    [1.5, 1],
  ] as const) {
    assert.throws(() => feedNumber(region, opening))
  }
})

test('what is a position', () => {
  for (const value of [0, 1, 2 ** 53 - 1]) assert.ok(isPosition(value))
  for (const value of [-1, 1.5, 2 ** 53, '1', null, Number.NaN]) assert.not(isPosition(value))
})

test.run()
