import { Worker } from 'node:worker_threads'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RateStates, rateOf, sharedRates } from '../../src/access/rate.ts'
import { systemClock } from '../../src/runtime/clock.ts'

const start = 5_000

function admittedAt(
  states: RateStates,
  perSecond: number,
  nowMs: number,
  attempts: number,
): number {
  const rate = rateOf(perSecond)
  const waits = Array.from({ length: attempts }, () => states.take(0, rate, nowMs))
  return waits.filter(waitMs => waitMs === 0).length
}

test('a second of requests may come at once, then as many as fit', () => {
  const states = new RateStates(sharedRates(1))
  assert.is(admittedAt(states, 50, start, 200), 50)
  assert.is(admittedAt(states, 50, start + 19, 10), 0)
  assert.is(admittedAt(states, 50, start + 20, 10), 1)
  assert.is(admittedAt(states, 50, start + 120, 10), 5)
  assert.is(admittedAt(states, 50, start + 60_000, 200), 50, 'what was not used does not add up')
})

test('over a long time it is the rate, as high and as low as rates go', () => {
  for (const perSecond of [0.1, 1, 3, 7_000, 1_000_000]) {
    const states = new RateStates(sharedRates(1))
    const rate = rateOf(perSecond)
    const seconds = perSecond < 1 ? 100 : perSecond > 10_000 ? 1 : 10
    const steps = perSecond > 10_000 ? 100 : 1_000
    let admitted = 0
    for (let step = 0; step < steps; step++) {
      const nowMs = start + (step * seconds * 1_000) / steps
      while (states.take(0, rate, nowMs) === 0) admitted += 1
    }
    const expected = perSecond * seconds + Math.max(1, perSecond)
    assert.ok(Math.abs(admitted - expected) <= 1 + expected * 0.02, `${perSecond}: ${admitted}`)
  }
})

test('who is refused hears how long to wait, and then gets in', () => {
  const states = new RateStates(sharedRates(1))
  const rate = rateOf(2)
  assert.is(admittedAt(states, 2, start, 5), 2)
  const waitMs = states.take(0, rate, start)
  assert.is(waitMs, 500)
  assert.ok(states.take(0, rate, start + waitMs - 1) > 0)
  assert.is(states.take(0, rate, start + waitMs), 0)
})

test('what a batch owes delays what comes next, for a minute at most', () => {
  const states = new RateStates(sharedRates(2))
  const rate = rateOf(10)
  states.owe(0, rate, start, 30)
  assert.is(states.take(0, rate, start), 2_100)
  states.owe(0, rate, start, 1_000_000)
  assert.is(states.take(0, rate, start), 59_100)
  assert.is(states.take(1, rate, start), 0, 'another rate')
})

test('a reload takes a state with it', () => {
  const before = new RateStates(sharedRates(1))
  assert.is(admittedAt(before, 5, start, 9), 5)
  const after = new RateStates(sharedRates(2))
  after.copy(1, before, 0)
  assert.ok(after.take(1, rateOf(5), start) > 0)
  assert.is(after.take(0, rateOf(5), start), 0)
})

interface Report {
  readonly admitted: number
  readonly clockMs: number
}

test('threads share a rate exactly, and the clock that it runs by', async () => {
  const shared = sharedRates(1)
  const workerData = { shared, perSecond: 40_000, nowMs: start, attempts: 60_000 }
  const beforeMs = systemClock.monotonicMs()
  const reports = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const worker = new Worker(new URL('./rate-thread.ts', import.meta.url), { workerData })
      return await new Promise<Report>((resolve, reject) => {
        worker.once('message', resolve)
        worker.once('error', reject)
      })
    }),
  )
  const afterMs = systemClock.monotonicMs()
  assert.is(
    reports.reduce((sum, { admitted }) => sum + admitted, 0),
    40_000,
  )
  for (const { clockMs } of reports) assert.ok(clockMs > beforeMs && clockMs < afterMs)
})

test.run()
