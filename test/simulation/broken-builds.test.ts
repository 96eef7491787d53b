/**
 * What the simulator is worth: each of these defects is caught. `DENIZEN_DEFECT=word` runs those
 * whose names hold the word.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Finding, Invariant } from '../../src/simulation/checkers/finding.ts'
import { type BrokenBuild, brokenBuild } from '../worlds/broken-build.ts'
import { type Defect, defects } from './broken-builds.ts'

const SEEDS = '200'
const wanted = process.env.DENIZEN_DEFECT ?? ''

interface Report {
  readonly failed: readonly { readonly findings: readonly Finding[] }[]
}

for (const defect of defects.filter(({ name }) => name.includes(wanted))) {
  test(`caught: ${defect.name}`, async () => {
    const build = brokenBuild(defect.patches)
    try {
      const { seed, minutes = 0.5 } = defect
      const soon = await broken(build, '--seed', `${seed}`, '--minutes', `${minutes}`)
      const found = isCaught(defect, soon) ? soon : await broken(build, '--seeds', SEEDS)
      assert.ok(
        isCaught(defect, found),
        `${SEEDS} seeds have shown ${[...found].join() || 'nothing'}`,
      )
    } finally {
      build.remove()
    }
  })
}

const isCaught = ({ breaks }: Defect, found: ReadonlySet<Invariant>): boolean =>
  breaks.some(invariant => found.has(invariant))

/** What is broken in these seeds, up to the first that fails. */
async function broken(
  { script }: BrokenBuild,
  ...seeds: readonly string[]
): Promise<ReadonlySet<Invariant>> {
  const child = spawn(process.execPath, [script, 'sim', ...seeds, '--json'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  await once(child, 'close')
  const { failed }: Report = JSON.parse(text)
  return new Set(failed.flatMap(({ findings }) => findings.map(({ invariant }) => invariant)))
}

test.run()
