/** Events happen in the order of their time, and promises between them. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { SimulatedProcess } from '../../src/simulation/process.ts'
import { seededRandom } from '../../src/simulation/seeded-random.ts'
import { VirtualTime } from '../../src/simulation/virtual-time.ts'

test('events come in the order of their time, those of one moment as they were asked for', async () => {
  const time = new VirtualTime()
  const random = seededRandom(1)
  const happened: { readonly atMs: number; readonly n: number }[] = []
  for (let n = 0; n < 1_000; n++) {
    const atMs = random.below(50)
    time.after(atMs, () => {
      assert.is(time.nowMs, atMs)
      happened.push({ atMs, n })
    })
  }
  await time.run(100)
  assert.is(happened.length, 1_000)
  const sorted = happened.toSorted((a, b) => a.atMs - b.atMs || a.n - b.n)
  assert.equal(happened, sorted)
  assert.is(time.nowMs, 100)
})

test('what an event sets going is over before the next event of the same moment', async () => {
  const time = new VirtualTime()
  const order: string[] = []
  time.after(5, () => {
    void (async () => {
      for (let n = 0; n < 20; n++) await Promise.resolve()
      order.push('first, later')
    })()
    order.push('first')
  })
  time.after(5, () => order.push('second'))
  await time.run(10)
  assert.equal(order, ['first', 'first, later', 'second'])
})

test('what is cancelled does not happen, and a run stops where it is told to', async () => {
  const time = new VirtualTime()
  const happened: number[] = []
  const cancel = time.after(1, () => happened.push(1))
  for (const atMs of [2, 3, 4]) time.after(atMs, () => happened.push(atMs))
  cancel()
  await time.run(10, () => happened.includes(3))
  assert.equal(happened, [2, 3])
  assert.is(time.nowMs, 3)
  await time.run(10)
  assert.equal(happened, [2, 3, 4])
})

test('a stalled process does everything later, in order, but for what is cancelled meanwhile', async () => {
  const time = new VirtualTime()
  const process = new SimulatedProcess(time, { drift: 0, wallOffsetMs: 0 })
  const happened: string[] = []
  process.clock.after(10, () => happened.push(`timer at ${Math.round(time.nowMs)}`))
  const cancel = process.clock.after(11, () => happened.push('cancelled'))
  time.after(5, () => process.stall(100))
  time.after(20, () => process.enter(() => happened.push('message')))
  time.after(50, cancel)
  await time.run(200)
  assert.equal(happened, ['timer at 105', 'message'])
})

test('a dead process does nothing any more', async () => {
  const time = new VirtualTime()
  const process = new SimulatedProcess(time, { drift: 0, wallOffsetMs: 0 })
  process.clock.after(10, () => assert.unreachable('it is dead'))
  time.after(20, () => process.enter(() => assert.unreachable('it is dead')))
  time.after(5, () => process.die())
  await time.run(100)
})

test('a clock that drifts never shows a timer as early', async () => {
  const time = new VirtualTime()
  for (const drift of [-2e-4, 3e-5, 2e-4]) {
    const { clock } = new SimulatedProcess(time, { drift, wallOffsetMs: 0 })
    for (let n = 1; n <= 200; n++) {
      const dueMs = clock.monotonicMs() + n * 0.7
      clock.after(n * 0.7, () => assert.ok(clock.monotonicMs() >= dueMs))
    }
  }
  await time.run(1_000)
})

test.run()
