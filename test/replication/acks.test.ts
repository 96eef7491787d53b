import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timing } from '../../src/model/limits.ts'
import { AckWaits } from '../../src/replication/ack-waits.ts'
import { type AckEffect, Acks } from '../../src/replication/acks.ts'
import { manualClock } from '../support/manual-clock.ts'

const at = { dataset: 'd', slot: 1 }
const write = (position: number, regions: number) => ({ ...at, position, regions })
const settled = (id: number, regions: number): AckEffect[] => [{ kind: 'settle', id, regions }]

test('a write is settled when as many regions are complete past it, this one included', () => {
  const acks = new Acks()
  const two = acks.onWrite(write(20, 2), 0)
  const three = acks.onWrite(write(20, 3), 0)
  assert.equal([two.effects, three.effects], [[], []])
  assert.equal(acks.onComplete('b', at, 19), [])
  assert.equal(acks.onComplete('b', at, 20), settled(two.id, 2))
  assert.equal(acks.onComplete('b', at, 30), [], 'one region counts once')
  assert.equal(acks.onComplete('c', at, 25), settled(three.id, 3))
  assert.is(acks.dueMs, undefined)
})

test('what is there already is not waited for; other slots and datasets do not count', () => {
  const acks = new Acks()
  acks.onComplete('b', at, 20)
  acks.onComplete('c', { dataset: 'd', slot: 2 }, 20)
  acks.onComplete('c', { dataset: 'e', slot: 1 }, 20)
  const { id, effects } = acks.onWrite(write(20, 2), 0)
  assert.equal(effects, settled(id, 2))
  assert.equal(acks.onWrite(write(20, 3), 0).effects, [])
  assert.equal(acks.onWrite(write(21, 2), 0).effects, [])
})

test('a follower whose stream has ended does not count, nor what it has lost since', () => {
  const acks = new Acks()
  acks.onComplete('b', at, 20)
  acks.onLost('b')
  const { id, effects } = acks.onWrite(write(20, 2), 0)
  assert.equal(effects, [])
  assert.equal(acks.onComplete('b', at, 10), [], 'it returns from an older backup')
  assert.equal(acks.onComplete('b', at, 20), settled(id, 2))
})

test('who comes due is told how many regions there are; each waits for the same time', () => {
  const acks = new Acks()
  const early = acks.onWrite(write(20, 3), 100)
  const late = acks.onWrite(write(21, 3), 150)
  acks.onComplete('b', at, 20)
  assert.is(acks.dueMs, 100 + timing.acksWaitMaxMs)
  assert.equal(acks.onTime(99 + timing.acksWaitMaxMs), [])
  assert.equal(acks.onTime(100 + timing.acksWaitMaxMs), settled(early.id, 2))
  assert.equal(acks.onTime(150 + timing.acksWaitMaxMs), settled(late.id, 1))
  assert.equal(acks.onComplete('c', at, 30), [], 'nobody waits any more')
})

test('the shell answers in the order of the writes, in time, and once it stops', async () => {
  const clock = manualClock()
  const waits = new AckWaits({ clock, ownFeed: () => 7 })
  const point = (position: number, feed = 7) => ({ slot: 1, feed, position })
  const asked = waits.regionsWith('d', 2, [point(21), point(20), point(9, 8)])
  waits.onComplete('b', at, 20)
  clock.advance(timing.acksWaitMaxMs)
  // Who has another home's feed is not known here, and not guessed.
  assert.equal(await asked, [1, 2, 1])
  const later = waits.regionsWith('d', 2, [point(30)])
  clock.advance(100)
  waits.stop()
  assert.equal(await later, [1])
  const counts = waits.family().values.filter(({ metricName }) => metricName?.endsWith('_count'))
  assert.equal(counts.map(({ labels, value }) => [labels.outcome, value]).sort(), [
    ['reached', 1],
    ['too_few', 2],
  ])
  assert.equal(await waits.regionsWith('d', 2, [point(20)]), [1], 'nothing begins after that')
})

test.run()
