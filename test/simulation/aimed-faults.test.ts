/** Faults that are aimed at a type of message befall it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type FaultKind, faultKinds } from '../../src/simulation/fates.ts'
import { runSeed } from '../../src/simulation/run.ts'
import { hasher } from '../support/policies.ts'

const MESSAGE = 'ping'
const TIMES = 3

async function aimed(faults: readonly FaultKind[]) {
  const disturbances = faults.map(fault => ({
    ...({
      kind: 'aim',
      atMs: 0,
      forMs: 0,
      message: MESSAGE,
      fault,
      times: TIMES,
      oneIn: 1,
    } as const),
  }))
  const run = await runSeed({ seed: 1, hasher, forMs: 8_000, disturbances })
  assert.equal(run.complaints, [])
  assert.ok(run.converged)
  return run.fates
}

for (const fault of faultKinds) {
  test(`${fault}: as often as it is aimed`, async () => {
    const fates = await aimed([fault])
    const hits = fates[MESSAGE]?.[fault] ?? 0
    assert.ok(hits >= TIMES, `${hits}`)
  })
}

/** Two messages may cross, and connections end, in the best of worlds. */
const never = ['delayed', 'held by a cut', 'sender died', 'receiver died'] as const

test('nothing is hurt where nothing is aimed', async () => {
  const fates = await aimed([])
  for (const counted of Object.values(fates)) {
    for (const fault of never) {
      assert.is(counted[fault], 0)
    }
  }
})

test.run()
