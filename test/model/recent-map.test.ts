import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RecentMap } from '../../src/model/recent-map.ts'

const found = (map: RecentMap<number, string>, from: number, to: number): number => {
  let count = 0
  for (let n = from; n < to; n++) if (map.get(n) === `${n}`) count += 1
  return count
}

test('it holds the last half at least, and never more than all', () => {
  const map = new RecentMap<number, string>(100)
  for (let n = 0; n < 1_000; n++) map.set(n, `${n}`)
  assert.is(found(map, 950, 1_000), 50)
  for (let n = 1_000; n < 1_037; n++) map.set(n, `${n}`)
  assert.ok(found(map, 0, 1_037) <= 100)
})

test('what is asked for again and again stays', () => {
  const map = new RecentMap<number, string>(100)
  map.set(-1, 'asked for')
  for (let n = 0; n < 1_000; n++) {
    map.set(n, `${n}`)
    assert.is(map.get(-1), 'asked for')
  }
})

test('it says whether what is set is found again', () => {
  const map = new RecentMap<number, string>(100)
  for (let n = 0; n < 50; n++) map.set(n, '')
  assert.not(map.hasAged)
  assert.ok(map.isWorthIt, 'nothing speaks against it yet')
  for (let n = 0; n < 200; n++) map.set(n, '')
  assert.ok(map.hasAged)
  assert.not(map.isWorthIt)
  for (let n = 0; n < 200; n++) {
    map.set(n, '')
    for (let again = 0; again < 4; again++) map.get(n)
  }
  assert.ok(map.isWorthIt)
})

test('the newest value counts, and what was deleted is gone', () => {
  const map = new RecentMap<number, string>(4)
  for (const value of ['a', 'b']) {
    map.set(1, value)
    for (let n = 2; n < 4; n++) map.set(n, '')
    assert.is(map.get(1), value)
  }
  map.set(4, '')
  map.delete(1)
  assert.is(map.get(1), undefined)
})

test.run()
