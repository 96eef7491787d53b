/**
 * What the simulator is worth: each of these defects is caught. `DENIZEN_DEFECT=word` runs those
 * whose names hold the word.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Finding } from '../../src/simulation/checkers/finding.ts'
import { brokenBuild } from '../worlds/broken-build.ts'
import { type Defect, defects } from './broken-builds.ts'

const SEEDS = '200'
const wanted = process.env.DENIZEN_DEFECT ?? ''

interface Report {
  readonly ok: boolean
  readonly seeds: number
  readonly failed: readonly { readonly seed: number; readonly findings: readonly Finding[] }[]
}

for (const defect of defects.filter(({ name }) => name.includes(wanted))) {
  test(`caught: ${defect.name}`, async () => {
    const { ok, seeds, failed } = await reportOf(defect)
    assert.not.ok(ok, `${SEEDS} seeds have not shown it`)
    const broken = failed.flatMap(({ findings }) => findings.map(({ invariant }) => invariant))
    const told = `by ${[...new Set(broken)].join(', ')} in the first ${seeds} seeds`
    assert.ok(
      broken.some(invariant => defect.breaks.includes(invariant)),
      `it was caught ${told}`,
    )
    process.stdout.write(`(${told}) `)
  })
}

async function reportOf({ patches }: Defect): Promise<Report> {
  const build = brokenBuild(patches)
  try {
    const child = spawn(process.execPath, [build.script, 'sim', '--seeds', SEEDS, '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part
    })
    await once(child, 'close')
    return JSON.parse(text)
  } finally {
    build.remove()
  }
}

test.run()
