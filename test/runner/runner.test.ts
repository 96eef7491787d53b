import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plan } from './plan.ts'
import { type ProcessResult, runProcess } from './run-process.ts'
import { formatCounts, sum, totalsEnd, verdictOfCheck, verdictOfTests } from './totals.ts'

const uvuEnd = (total: number, passed: number, skipped: number): string =>
  `• • \n\n  Total:     ${total}\n  Passed:    ${passed}\n  Skipped:   ${skipped}\n  Duration:  1ms\n\n`

const ended = (output: string, code = 0) => ({ output, code, signal: null })

const runScript = (script: string, timeLimitMs = 20_000): Promise<ProcessResult> =>
  runProcess({
    command: process.execPath,
    args: ['-e', script],
    workingDirectory: tmpdir(),
    env: process.env,
    timeLimitMs,
  })

test('the totals that uvu prints are the counts, in color too', () => {
  const plain = verdictOfTests(ended(uvuEnd(7, 7, 2)))
  assert.equal(plain, { passed: 7, failed: 0, skipped: 2, remarks: [] })
  const colored = uvuEnd(7, 6, 1).replace('  Passed:    6', '\u001b[31m  Passed:    6\u001b[39m')
  assert.equal(verdictOfTests(ended(colored, 1)), {
    passed: 6,
    failed: 1,
    skipped: 1,
    remarks: [],
  })
})

test('what a test prints is not taken for its totals', () => {
  const output = `Total: 99\n${uvuEnd(2, 2, 0)}`
  assert.is(verdictOfTests(ended(output)).passed, 2)
})

test('a file fails that prints no totals, has no tests, or ends badly after good totals', () => {
  for (const ending of [
    ended(''),
    ended(uvuEnd(0, 0, 0)),
    ended(uvuEnd(3, 3, 0), 1),
    { output: uvuEnd(3, 3, 0), code: null, signal: 'SIGSEGV' as const },
  ]) {
    const { failed, remarks } = verdictOfTests(ending)
    assert.is(failed, 1)
    assert.is(remarks.length, 1)
  }
  assert.is(verdictOfTests(ended(uvuEnd(0, 0, 4))).failed, 0, 'all skipped is no failure')
})

test('a check passes or fails as a whole', () => {
  assert.is(formatCounts(verdictOfCheck(ended(''))), '1 passed, 0 failed')
  assert.is(formatCounts(verdictOfCheck(ended('', 2))), '0 passed, 1 failed')
})

test('the last line', () => {
  const counts = { passed: 2, failed: 1, skipped: 0 }
  assert.is(formatCounts(sum([counts, counts])), '4 passed, 2 failed')
  assert.is(formatCounts({ ...counts, skipped: 3 }), '2 passed, 1 failed, 3 skipped')
})

test('a process that takes too long is ended, with its children', async () => {
  const child = `require('child_process').spawn(process.execPath, ['-e', 'setInterval(()=>{}, 9)'])`
  const result = await runScript(`${child}; console.log('begun'); setInterval(() => {}, 9)`, 700)
  assert.is(result.isOverTime, true)
  assert.is(result.signal, 'SIGKILL')
  assert.is(result.output, 'begun\n')
  assert.is(result.leftBehind, 0)
})

test('a process that goes on after its totals is ended soon', async () => {
  const result = await runProcess({
    command: process.execPath,
    args: [
      '-e',
      `console.log(${JSON.stringify(uvuEnd(1, 1, 0).slice(0, -1))}); setInterval(() => {}, 9)`,
    ],
    workingDirectory: tmpdir(),
    env: process.env,
    timeLimitMs: 60_000,
    lastWords: totalsEnd,
    lingerMs: 200,
  })
  assert.is(result.isLingering, true)
  assert.is(result.isOverTime, false)
  assert.ok(result.durationMs < 10_000)
})

const linuxTest = process.platform === 'linux' ? test : test.skip

linuxTest('a process that stays behind is found, outside the process group too', async () => {
  const options = `{ detached: true, stdio: 'ignore' }`
  const { code, leftBehind } = await runScript(
    `require('child_process').spawn('sleep', ['600'], ${options}).unref()`,
  )
  assert.is(code, 0)
  assert.is(leftBehind, 1)
})

test('a command that is not there fails', async () => {
  const options = { command: '/nowhere', args: [], workingDirectory: '/', env: {} }
  const result = await runProcess({ ...options, timeLimitMs: 5_000 })
  assert.is(result.code, 1)
  assert.match(result.output, 'ENOENT')
})

test('files that start worlds run alone; words choose among the names', () => {
  const checkout = mkdtempSync(join(tmpdir(), 'denizen-plan-'))
  try {
    const file = (path: string, text = '') => {
      mkdirSync(join(checkout, path, '..'), { recursive: true })
      writeFileSync(join(checkout, path), text)
    }
    file('test/model/a.test.ts')
    file('test/model/small-world.ts')
    file('test/api/deep/b.test.ts', "import { startWorld } from '../../worlds/world.ts'")
    file('test/crash/c.test.ts')
    file('test/bench/d.test.ts')
    const jobs = plan({ checkout, filters: ['test/'], extraMs: 5_000 })
    assert.equal(
      jobs.map(({ name, weight }) => [name, weight]),
      [
        ['test/api/deep/b.test.ts', 'world'],
        ['test/bench/d.test.ts', 'measures'],
        ['test/crash/c.test.ts', 'world'],
        ['test/model/a.test.ts', 'light'],
      ],
    )
    assert.equal(
      plan({ checkout, filters: ['model', 'tsc'], extraMs: 0 }).map(({ name }) => name),
      ['tsc --noEmit', 'test/model/a.test.ts'],
    )
  } finally {
    rmSync(checkout, { recursive: true })
  }
})

test.run()
