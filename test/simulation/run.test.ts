/** Worlds of production nodes in one thread: a run is a function of its seed. */
import { createHash } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type RunResult, runSeed } from '../../src/simulation/run.ts'
import { hasher } from '../support/policies.ts'

const FOR_MS = 12_000
/** Clients ask from the first moment on; by then every region answers. */
const FOUNDED_MS = 5_000
/** A region may be asked for what it may not serve, or for a younger copy than there is. */
const expected = new Set(['no_serving_region', 'copies_too_old'])

const fingerprint = ({ history, changes, fates, events }: RunResult): string =>
  createHash('sha256')
    .update(JSON.stringify([history, changes, fates, events]))
    .digest('hex')

test('the same seed gives the same run, to the last message', async () => {
  const first = await runSeed({ seed: 11, hasher, forMs: FOR_MS })
  const second = await runSeed({ seed: 11, hasher, forMs: FOR_MS })
  assert.is(fingerprint(first), fingerprint(second))
  const other = await runSeed({ seed: 12, hasher, forMs: FOR_MS })
  assert.is.not(fingerprint(first), fingerprint(other))
})

test('a run without disturbances fails nothing', async () => {
  const { history, complaints, converged } = await runSeed({
    ...{ seed: 3, hasher, forMs: FOR_MS, disturbances: [] },
  })
  assert.equal(complaints, [])
  assert.ok(converged)
  const failed = history.operations.filter(
    ({ result, invokeMs }) =>
      invokeMs > FOUNDED_MS &&
      (result === null || (result.kind === 'error' && !expected.has(result.code))),
  )
  assert.equal(failed, [])
  assert.ok(history.operations.length > 100)
})

test.run()
