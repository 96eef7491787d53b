/** The suite in short: sound figures of every kind, in the file and on the terminal. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hasRedisBenchmark } from '../../bench/loads/redis-benchmark.ts'
import { hasWrk } from '../../bench/loads/wrk.ts'
import { missingPeer } from '../../bench/peers/peers.ts'
import type { Report } from '../../bench/report.ts'
import { type RowId, rows } from '../../bench/rows.ts'

const run = promisify(execFile)
const suite = join(import.meta.dirname, '../../bench/run.ts')

async function inNewDirectory<T>(task: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'denizen-results-'))
  try {
    return await task(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

test('a run of next to nothing: every row has an answer', () =>
  inNewDirectory(async out => {
    // Most of the time goes into starts of nodes, and that into the code of each thread.
    const args = [suite, '--tiny', '--json', '--threads', '1', '--out', out]
    const { stdout } = await run(process.execPath, args, { maxBuffer: 10_000_000 })
    const [file = ''] = readdirSync(out)
    assert.match(file, /^\d{4}-\d\d-\d\d-tiny\.json$/)
    assert.is(readFileSync(join(out, file), 'utf8'), stdout)
    const report = JSON.parse(stdout) as Report
    assertRows(report)
    assertRates(report)
    assertMatrix(report)
    assertOthers(report)
  }))

const isHere = (peer: 'redis' | 'etcd'): boolean => missingPeer(peer) === undefined

/** Rows that need what is not part of this project. */
const needs: Readonly<Partial<Record<RowId, () => boolean>>> = {
  '2a': () => isHere('redis'),
  '2b': () => isHere('etcd'),
  '3': () => isHere('redis') && hasRedisBenchmark() && hasWrk(),
  '4': () => isHere('redis') && hasRedisBenchmark() && hasWrk(),
}

function assertRows({ rows: found }: Report): void {
  assert.equal(
    found.map(({ id }) => id),
    rows.map(({ id }) => id),
  )
  for (const row of found) {
    const isMeasured = needs[row.id]?.() ?? true
    assert.is('seen' in row, isMeasured, `row ${row.id}`)
    if (!('seen' in row)) continue
    const { median, min, max } = row.seen
    assert.ok(Number.isFinite(median) && min <= median && median <= max, `row ${row.id}`)
    // Memory may shrink.
    assert.ok(row.id === '8' || min > 0, `row ${row.id}`)
    assert.match(row.verdict, /^(met|missed by \d+%)$/)
  }
}

function assertRates({ machine, rates }: Report): void {
  assert.ok(machine.cores > 0 && machine.syncsPerSecond > 0)
  assert.ok(rates)
  assert.equal(rates.verified, { readBack: rates.keys, records: rates.keys })
  for (const round of rates.rounds) {
    for (const [name, peak] of Object.entries(round)) {
      assert.ok(peak.perSecond > 0 && peak.serverCpuUs >= 0, name)
      assert.ok(peak.generatorCores >= 0 && peak.generatorCores <= machine.cores, name)
    }
  }
}

function assertMatrix({ matrix }: Report): void {
  assert.ok(matrix)
  assert.equal(
    matrix.figures.map(({ peer, operation }) => `${peer} ${operation}`),
    ['bare get', 'denizen get', 'bare put', 'denizen put'],
  )
  for (const { rounds } of matrix.figures) {
    for (const { open } of rounds) {
      assert.ok(open.requests > 0 && open.p50Ms <= open.p99Ms && open.p99Ms <= open.p999Ms)
    }
  }
  const [filling] = matrix.fillings
  assert.ok(filling?.fullStartMs && filling.emptyStartMs > 0 && (filling.diskBytesPerKey ?? 0) > 0)
}

function assertOthers({ residency, latency, start, memory, cities }: Report): void {
  assert.is(residency?.datasets, 50)
  assert.is(residency?.regions, 60)
  const [round] = latency?.rounds ?? []
  assert.ok(round && round.half.requests > round.tenth.requests && round.tenth.requests > 0)
  assert.ok(start && start.diskBytes > 0 && start.rounds.length > 0)
  assert.ok(memory && memory.to.keys > memory.from.keys && memory.to.diskBytes > 0)
  assert.ok(cities && cities.records > 5 && cities.recordsPerSecond > 0)
  const sum = (counts: Readonly<Record<string, number>>): number =>
    Object.values(counts).reduce((all, count) => all + count, 0)
  assert.is(sum(cities.entered), cities.records)
  assert.is(sum(cities.homes), cities.records)
}

function childrenOf(pid: number): readonly number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(child => {
      try {
        const stat = readFileSync(`/proc/${child}/stat`, 'latin1')
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid
      } catch {
        return false
      }
    })
}

const isThere = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Without it nothing can end the children of a process that was killed. */
const signals = existsSync('/usr/bin/setpriv') ? ['SIGINT', 'SIGKILL'] : ['SIGINT']

for (const signal of signals as readonly NodeJS.Signals[]) {
  test(`nothing is left after ${signal}`, () =>
    inNewDirectory(async out => {
      const args = [suite, '--tiny', '--only', 'latency', '--out', out]
      // Directories of a process that was killed stay: with its parent's they go.
      const env = { ...process.env, TMPDIR: out }
      const child = spawn(process.execPath, args, { stdio: 'ignore', env })
      const exited = once(child, 'exit')
      const deadlineMs = performance.now() + 60_000
      let children: readonly number[] = []
      while (children.length === 0 && performance.now() < deadlineMs) {
        children = childrenOf(child.pid ?? 0)
        await new Promise(look => setTimeout(look, 20))
      }
      assert.ok(children.length > 0)
      child.kill(signal)
      await exited
      while (children.some(isThere) && performance.now() < deadlineMs) {
        await new Promise(look => setTimeout(look, 20))
      }
      assert.equal(children.filter(isThere), [])
    }))
}

test('options that make no sense are refused', async () => {
  const senseless = [['--seconds', 'x'], ['--only', 'dns'], ['--nonsense'], ['--full', '--tiny']]
  for (const args of senseless) {
    const result = await run(process.execPath, [suite, ...args]).catch(
      (error: { code: number; stderr: string }) => error,
    )
    assert.is('code' in result && result.code, 2)
    assert.match(result.stderr, '--rounds N')
  }
})

test.run()
