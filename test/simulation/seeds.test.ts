/**
 * Seeds of the simulator: those that failed once, for good, and a few others. `npm run sim` runs as
 * many as anybody likes.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { judge } from '../../src/simulation/judge.ts'
import { runSeed } from '../../src/simulation/run.ts'
import { hasher } from '../support/policies.ts'

interface KeptSeed {
  readonly seed: number
  readonly minutes: number
  /** See `RunOptions`. */
  readonly themed?: boolean
  /** What it showed when it failed. */
  readonly found: string
}

const folder = new URL('../seeds/sim/', import.meta.url)
const kept = readdirSync(folder)
  .filter(name => name.endsWith('.json'))
  .map((name): KeptSeed => JSON.parse(readFileSync(new URL(name, folder), 'utf8')))
const others = [1, 2, 3].map(seed => ({ seed, minutes: 0.4, themed: true, found: '' }))

for (const { seed, minutes, themed = true, found } of [...kept, ...others]) {
  test(`seed ${seed}${found === '' ? '' : `: ${found}`}`, async () => {
    const summary = judge(await runSeed({ seed, hasher, forMs: minutes * 60_000, themed }))
    assert.equal(summary.findings, [])
    const minutesOfWorld = summary.simulatedMs / 60_000
    assert.ok(summary.operations / minutesOfWorld > 200, 'clients are busy')
  })
}

test.run()
