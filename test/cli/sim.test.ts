import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exitCodes } from '../../src/cli/exit-codes.ts'
import { requirePolicy } from '../../src/cli/required-policy.ts'
import { parseHistory } from '../../src/simulation/history-file.ts'
import { runHere } from './run-here.ts'

const few = ['sim', '--planet', '--users', '200']

test('the table names every strategy and region, and says what was met', async () => {
  const { code, stdout } = await runHere(few)
  assert.is(code, exitCodes.ok)
  const { regions } = requirePolicy('src/cli/sim/planet.yaml')
  assert.is(regions.length, 12)
  for (const { id } of regions) assert.match(stdout, new RegExp(`^${id} +\\d`, 'm'))
  for (const name of ['homing', 'one global primary', 'hash homes', 'perfect placement']) {
    assert.match(stdout, new RegExp(`^${name} +\\d+\\.\\d +\\d+\\.\\d`, 'm'))
  }
  assert.match(stdout, /at least 3 wanted: \d\.\d\d \((met|missed)\) from a device/)
  assert.match(stdout, /at most 1\.2 wanted: \d\.\d\d \((met|missed)\) from a device/)
})

test('JSON and chart; the same seed gives the same of both', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'denizen-sim-'))
  try {
    const runs = await Promise.all(
      ['one.svg', 'two.svg'].map(async name => {
        const file = join(folder, name)
        const options = ['--seed', '7', '--json', '--svg', file, '--config', 'denizen.yaml']
        const { stdout } = await runHere([...few, ...options])
        return { report: JSON.parse(stdout), svg: readFileSync(file, 'utf8') }
      }),
    )
    const [one, two] = runs
    assert.equal(two, one)
    assert.is(one?.report.seed, 7)
    assert.is(one?.report.regions.length, 4)
    assert.match(one?.svg as string, /^<svg xmlns=.*<\/svg>\n$/s)
    for (const { id } of one?.report.regions ?? []) assert.match(one?.svg as string, `>${id}<`)
    assert.not.match(one?.svg as string, /NaN|undefined|Infinity/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('seeds are run, counted and told; one of them can be written down as a history', async () => {
  const brief = ['sim', '--seed', '3', '--minutes', '0.1']
  const { code, stdout } = await runHere([...brief, '--seeds', '2', '--json'])
  assert.is(code, exitCodes.ok)
  const report = JSON.parse(stdout)
  assert.is(report.ok, true)
  assert.is(report.seeds, 2)
  assert.equal(report.failed, [])
  assert.ok(report.operations > 20 && report.fates.ping.sent > 100)
  const people = await runHere(brief)
  assert.match(people.stdout, /^1 seeds, 0\.\d minutes of the worlds' time, \d+ operations/)
  const folder = mkdtempSync(join(tmpdir(), 'denizen-sim-'))
  try {
    const file = join(folder, 'history.jsonl')
    assert.is((await runHere([...brief, '--history', file])).code, exitCodes.ok)
    const { header, operations } = parseHistory(readFileSync(file, 'utf8'))
    assert.is(header.seed, 3)
    assert.ok(operations.length > 10)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('wrong usage says what to type', async () => {
  const many = await runHere(['sim', '--seeds', '2', '--history', 'no.jsonl'])
  assert.is(many.code, exitCodes.usage)
  assert.match(many.stderr, 'Leave --seeds out')
  const chart = await runHere([...few, '--svg', '/nowhere/planet.svg'])
  assert.is(chart.code, exitCodes.usage)
  assert.match(chart.stderr, /can't be written to \/nowhere\/planet\.svg: ENOENT/)
})

test.run()
