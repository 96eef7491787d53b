/** Builds that break a promise are caught by the histories of their runs. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runLoad } from '../../src/cli/bench/run-load.ts'
import { checkHistory } from '../../src/simulation/checkers/check-history.ts'
import type { Finding, Invariant } from '../../src/simulation/checkers/finding.ts'
import { newHeader, type OperationRecord } from '../../src/simulation/history.ts'
import { brokenBuild, type Patch } from './broken-build.ts'
import { Builds } from './builds.ts'

const regions = ['eu-west', 'us-east']
/** More than that, and the defect has to have shown. */
const operationsMax = 20_000
const checkEvery = 500

/** The findings of a run that goes on until there are some. */
async function findingsOf(patches: readonly Patch[], wanted: Invariant): Promise<Finding[]> {
  const build = brokenBuild(patches)
  const builds = await Builds.of(regions)
  try {
    await builds.startAll(build.script)
    const stop = new AbortController()
    const operations: OperationRecord[] = []
    let findings: Finding[] = []
    await runLoad({
      ...{ dataset: 'cities', prefix: '', clients: 8, seconds: 200, signal: stop.signal },
      endpoints: regions.map(region => ({ region, url: builds.url(region) })),
      onRecord: record => {
        operations.push(record)
        if (operations.length % checkEvery !== 0) return
        const report = checkHistory({ header: newHeader('bench'), operations })
        findings = report.findings.filter(({ invariant }) => invariant === wanted)
        if (findings.length > 0 || operations.length > operationsMax) stop.abort()
      },
    })
    return findings
  } finally {
    await builds.close()
    build.remove()
  }
}

test('S: copies that do not look at session tokens', async () => {
  const patch = {
    file: 'src/execution/operations/read.ts',
    from: '  if (seen.length === 0) return true\n',
    to: '  if (seen.length >= 0) return true\n',
  }
  const [finding] = await findingsOf([patch], 'S')
  assert.match(finding?.message ?? '', /but the session knew/)
})

test('L: homes that do not look at preconditions', async () => {
  const patch = {
    file: 'src/execution/operations/write.ts',
    from: 'if (!holds(request.precondition, current)) return',
    to: 'if (!holds({}, current)) return',
  }
  const [finding] = await findingsOf([patch], 'H and L')
  assert.match(finding?.message ?? '', /just before its own version/)
})

test.run()
