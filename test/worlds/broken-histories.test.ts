/** Builds that break a promise are caught by the histories of their runs. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { benchHeader } from '../../src/cli/bench/history-writer.ts'
import { runLoad } from '../../src/cli/bench/run-load.ts'
import { checkHistory } from '../../src/simulation/checkers/check-history.ts'
import type { Invariant } from '../../src/simulation/checkers/finding.ts'
import type { OperationRecord } from '../../src/simulation/history.ts'
import { brokenBuild, type Patch } from './broken-build.ts'
import { Builds } from './builds.ts'

const regions = ['eu-west', 'us-east']
/** More than that, and the defect has to have shown. */
const operationsMax = 20_000
const checkEvery = 500

const defects: readonly Patch[] = [
  // Copies do not look at session tokens.
  {
    file: 'src/execution/operations/read.ts',
    from: 'if (!atHome && seen && !hasSeen(store, slot, seen, whole)) return',
    to: 'if (!atHome && seen && !hasSeen(store, slot, [], whole)) return',
  },
  // Homes do not look at preconditions.
  {
    file: 'src/execution/operations/write.ts',
    from: 'if (!holds(precondition, current)) return',
    to: 'if (!holds({}, current)) return',
  },
]

test('S and L: copies that ignore session tokens, homes that ignore preconditions', async () => {
  const build = brokenBuild(defects)
  const builds = await Builds.of(regions)
  try {
    await builds.startAll(build.script)
    const stop = new AbortController()
    const operations: OperationRecord[] = []
    const found = (invariant: Invariant): string =>
      checkHistory({ header: benchHeader, operations })
        .findings.filter(finding => finding.invariant === invariant)
        .map(({ message }) => message)
        .join('\n')
    await runLoad({
      ...{ dataset: 'cities', prefix: '', clients: 8, seconds: 200, signal: stop.signal },
      endpoints: regions.map(region => ({ region, url: builds.url(region) })),
      onRecord: record => {
        operations.push(record)
        if (operations.length % checkEvery !== 0) return
        const isShown = found('S') !== '' && found('H and L') !== ''
        if (isShown || operations.length > operationsMax) stop.abort()
      },
    })
    assert.match(found('S'), /but the session knew/)
    assert.match(found('H and L'), /just before its own version/)
  } finally {
    await builds.close()
    build.remove()
  }
})

test.run()
