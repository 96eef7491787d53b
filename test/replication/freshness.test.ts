import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { StreamFreshness } from '../../src/replication/freshness.ts'

const nothing = (): number => 0

test('nothing is known before the first answer', () => {
  assert.is(new StreamFreshness().asOfMs('d', 0), undefined)
})

test('an answer without feeds that are behind makes all of them as new as its poll', () => {
  const freshness = new StreamFreshness()
  freshness.onPolled(1_000, [], nothing)
  assert.is(freshness.asOfMs('d', 0), 1_000)
  assert.is(freshness.asOfMs('e', 7), 1_000)
})

test('a feed that is behind stays as old as it was, until it reaches the end that was listed', () => {
  const freshness = new StreamFreshness()
  freshness.onPolled(1_000, [], nothing)
  freshness.onPolled(2_000, [{ dataset: 'd', slot: 1, end: 50 }], nothing)
  freshness.onPolled(3_000, [{ dataset: 'd', slot: 1, end: 90 }], () => 20)
  assert.is(freshness.asOfMs('d', 0), 3_000)
  assert.is(freshness.asOfMs('d', 1), 1_000)
  freshness.onProgress('d', 1, 49)
  assert.is(freshness.asOfMs('d', 1), 1_000)
  freshness.onProgress('d', 1, 50)
  assert.is(freshness.asOfMs('d', 1), 2_000, 'of the poll that listed that end')
  freshness.onPolled(4_000, [{ dataset: 'd', slot: 1, end: 120 }], () => 60)
  freshness.onProgress('d', 1, 120)
  assert.is(freshness.asOfMs('d', 1), 4_000)
})

test('a feed that was behind before anything was known is not known', () => {
  const freshness = new StreamFreshness()
  freshness.onPolled(1_000, [{ dataset: 'd', slot: 1, end: 50 }], nothing)
  assert.is(freshness.asOfMs('d', 1), undefined)
  assert.is(freshness.asOfMs('d', 2), 1_000)
  freshness.onPolled(2_000, [], nothing)
  assert.is(freshness.asOfMs('d', 1), 2_000)
})

test('an end that is listed but reached meanwhile counts', () => {
  const freshness = new StreamFreshness()
  freshness.onPolled(1_000, [{ dataset: 'd', slot: 1, end: 50 }], () => 50)
  assert.is(freshness.asOfMs('d', 1), 1_000)
})

test('time does not go back when an older end is reached by a new stream', () => {
  const freshness = new StreamFreshness()
  freshness.onPolled(1_000, [{ dataset: 'd', slot: 1, end: 50 }], nothing)
  freshness.onPolled(2_000, [{ dataset: 'd', slot: 1, end: 50 }], () => 50)
  assert.is(freshness.asOfMs('d', 1), 2_000)
  freshness.onProgress('d', 1, 60)
  assert.is(freshness.asOfMs('d', 1), 2_000)
})

test.run()
