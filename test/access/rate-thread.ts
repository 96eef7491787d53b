/** A thread of rate.test.ts: takes as fast as it can; reports how often it was let in, and when. */
import { parentPort, workerData } from 'node:worker_threads'
import { RateStates, rateOf } from '../../src/access/rate.ts'
import { systemClock } from '../../src/runtime/clock.ts'

const { shared, perSecond, nowMs, attempts } = workerData as {
  readonly shared: SharedArrayBuffer
  readonly perSecond: number
  readonly nowMs: number
  readonly attempts: number
}
const states = new RateStates(shared)
const rate = rateOf(perSecond)
let admitted = 0
for (let i = 0; i < attempts; i++) if (states.take(0, rate, nowMs) === 0) admitted += 1
parentPort?.postMessage({ admitted, clockMs: systemClock.monotonicMs() })
