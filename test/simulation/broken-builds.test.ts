/**
 * What the simulator is worth: each of these defects is caught. Without more said, those that are
 * in the short form; `DENIZEN_DEFECT=word` runs those whose names hold the word, and `npm run
 * test:defects` all of them.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Finding, Invariant } from '../../src/simulation/checkers/finding.ts'
import { type BrokenBuild, brokenBuild } from '../worlds/broken-build.ts'
import { type Defect, defects } from './broken-builds.ts'

const SEEDS = '200'
/** In the short form: how their names begin, for each checker one or more. */
const short = [
  'a write is answered before',
  'a region counts as having',
  'the receiver does not check',
  'a session forgets',
  'an older version takes',
  'the next home accepts',
  'a home that has stopped',
  'a repeat is not',
  'a call that was sent',
  'a bounded read',
  'a region confirms an erasure',
  'copies are erased before those that stay are verified',
  'a group that goes elsewhere',
]
const isShort = (name: string): boolean => short.some(words => name.startsWith(words))
const wanted = process.env.DENIZEN_DEFECT
const chosen = defects.filter(({ name }) =>
  wanted === undefined ? isShort(name) : name.includes(wanted),
)

test('the short form has all that it names', () => {
  assert.is(defects.filter(({ name }) => isShort(name)).length, short.length)
})

interface Report {
  readonly failed: readonly { readonly findings: readonly Finding[] }[]
}

for (const defect of chosen) {
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
