/**
 * The harness in short: that it measures what it says, and gives out no figure of a wrong reply.
 */
import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type LoadOptions, load } from '../../bench/load.ts'
import { median, type Report } from '../../bench/report.ts'

const run = promisify(execFile)
const bench = join(import.meta.dirname, '../../bench')

async function withBareServer(task: (url: string) => Promise<void>): Promise<void> {
  const server = fork(join(bench, 'bare-server.ts'))
  try {
    const [port] = await once(server, 'message')
    await task(`http://127.0.0.1:${port}`)
  } finally {
    server.kill()
  }
}

const short = (url: string): LoadOptions => ({
  url,
  method: 'GET',
  connections: 2,
  seconds: 0.2,
  warmUpSeconds: 0,
  paths: [['/a', '/b'], ['/c']],
  statuses: [200],
  newVersions: false,
})

test('a run in short: figures of every kind, in the file and on the terminal', async () => {
  const out = mkdtempSync(join(tmpdir(), 'denizen-results-'))
  try {
    const short = ['--seconds', '0.3', '--rounds', '2', '--connections', '4', '--out', out]
    const cities = ['--min-population', '3000000']
    const args = [join(bench, 'run.ts'), '--json', ...short, ...cities]
    const { stdout } = await run(process.execPath, args, { maxBuffer: 10_000_000 })
    const [file = ''] = readdirSync(out)
    assert.match(file, /^\d{4}-\d\d-\d\d-http-and-import\.json$/)
    assert.is(readFileSync(join(out, file), 'utf8'), stdout)
    assertSound(JSON.parse(stdout) as Report)
  } finally {
    rmSync(out, { recursive: true })
  }
})

function assertSound({ machine, http, cities }: Report): void {
  assert.ok(machine.cores > 0 && machine.syncsPerSecond > 0)
  assert.ok(http && cities)
  assert.is(http.keys, 4 * 32)
  assert.equal(http.verified, { records: http.keys, readBack: http.keys })
  assert.is(http.rounds.length, 2)
  for (const round of http.rounds) {
    for (const result of [round.bareGet, round.get, round.barePut, round.put]) {
      const replies = Object.values(result.statuses).reduce((sum, count) => sum + count, 0)
      assert.is(result.requests, replies)
      assert.ok(result.p50Ms > 0 && result.p50Ms <= result.p99Ms && result.p99Ms <= result.maxMs)
      assert.ok(Math.abs(result.requests / result.seconds - result.requestsPerSecond) < 1)
    }
    assert.equal(Object.keys(round.get.statuses), ['200'])
    assert.equal(Object.keys(round.put.statuses), ['204'])
  }
  const [bareGet, get, barePut, put] = http.figures
  assert.equal(
    [bareGet?.ofBare, barePut?.ofBare],
    [
      [1, 1, 1],
      [1, 1, 1],
    ],
  )
  for (const figure of [get, put]) {
    const [middle = 0, min = 0, max = 0] = figure?.ofBare ?? []
    assert.ok(min > 0 && min <= middle && middle <= max && max < 2, `${figure?.what}: ${middle}`)
  }
  const sum = (counts: Readonly<Record<string, number>>): number =>
    Object.values(counts).reduce((all, count) => all + count, 0)
  assert.ok(cities.records > 20 && cities.recordsPerSecond > 0)
  assert.is(sum(cities.entered), cities.records)
  assert.is(sum(cities.homes), cities.records)
}

test('the load: sound replies give a figure', () =>
  withBareServer(async url => {
    const { requests, requestsPerSecond, statuses } = await load(short(url))
    assert.ok(requests > 10 && requestsPerSecond > 10)
    assert.equal(statuses, { 200: requests })
  }))

test('the load: a wrong status, a wrong body, no new version, nobody there', async () => {
  const failure = async (options: LoadOptions): Promise<string> =>
    load(options).then(
      () => 'a figure was given out',
      (error: Error) => error.message,
    )
  await withBareServer(async url => {
    assert.match(await failure({ ...short(url), statuses: [404] }), /\d+ replies with status 200/)
    const put = { ...short(url), method: 'PUT', statuses: [204], newVersions: true } as const
    assert.match(await failure(put), /\d+ writes without a new version/)
  })
  await withServer('wrong', async url => {
    assert.match(await failure(short(url)), /\d+ wrong bodies/)
  })
  assert.match(await failure(short('http://127.0.0.1:9')), /no replies, \d+ connection errors/)
})

async function withServer(body: string, task: (url: string) => Promise<void>): Promise<void> {
  const { createServer } = await import('node:http')
  const server = createServer((_request, response) => response.end(body)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  try {
    await task(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

test('the median', () => {
  assert.is(median([3, 1, 2]), 2)
  assert.is(median([4, 1]), 2.5)
  assert.is(median([]), 0)
})

test('options that make no sense are refused', async () => {
  for (const args of [['--seconds', 'x'], ['--only', 'dns'], ['--nonsense']]) {
    const result = await run(process.execPath, [join(bench, 'run.ts'), ...args]).catch(
      (error: { code: number; stderr: string }) => error,
    )
    assert.is('code' in result && result.code, 2)
    assert.match(result.stderr, '--connections N')
  }
})

test.run()
