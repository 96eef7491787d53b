/**
 * A real run through all regions, with a region killed in the middle of it, as a history that is
 * judged from outside: nothing is wrong with it, and whatever is changed in it is found.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { HistoryWriter } from '../../src/cli/bench/history-writer.ts'
import { runLoad } from '../../src/cli/bench/run-load.ts'
import { checkHistory } from '../../src/simulation/checkers/check-history.ts'
import type { History, OperationRecord } from '../../src/simulation/history.ts'
import { historyLine, parseHistory } from '../../src/simulation/history-file.ts'
import { runDenizen } from '../cli/run-denizen.ts'
import { runHere } from '../cli/run-here.ts'
import { startWorld, type World } from '../worlds/world.ts'
import { at, connected, note, until } from './client.ts'

const regions = ['eu-west', 'us-east', 'ap-northeast']
const victim = 'us-east'

let world: World
let directory: string
test.before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'denizen-history-'))
  world = await startWorld({ regions, latency: 'real' })
  await connected(world)
})
test.after(async () => {
  await world.close()
  rmSync(directory, { recursive: true })
})

const file = (name: string): string => join(directory, name)
let history: History

test('a region is killed under load, and no promise is broken', async () => {
  const stop = new AbortController()
  const writer = await HistoryWriter.create(file('run.jsonl'))
  const records: OperationRecord[] = []
  const running = runLoad({
    ...{ dataset: 'cities', prefix: 'h/', clients: 12, seconds: 120, signal: stop.signal },
    endpoints: world.regions.map(region => ({ region, url: world.url(region) })),
    onRecord: record => {
      records.push(record)
      writer.add(record)
    },
  })
  const answeredBy = (region: string): number =>
    records.filter(({ entry, result }) => entry === region && result && result.kind !== 'error')
      .length
  const more = async (what: string, region: string, count: number): Promise<void> => {
    const wanted = answeredBy(region) + count
    await until(what, async () => answeredBy(region) >= wanted)
  }
  await more('the region answers', victim, 300)
  await world.kill(victim)
  await more('the others go on', 'eu-west', 200)
  await world.start(victim)
  await more('the region answers again', victim, 300)
  stop.abort()
  const report = await running
  await writer.close()

  const text = readFileSync(file('run.jsonl'), 'utf8')
  history = parseHistory(text)
  assert.equal(history.operations, records)
  const lost = records.filter(({ returnMs }) => returnMs === null).length
  const { findings, searched, undecided } = checkHistory(history)
  note(
    `${records.length} operations, ${lost} without an answer, ${JSON.stringify(report.errors)}; ` +
      `orders searched for in ${searched} groups, ${undecided.length} of them undecided`,
  )
  assert.equal(findings, [])
  assert.ok((report.errors.connection_refused ?? 0) > 0, 'the region was away')
  const { code, stdout } = await runHere(['check-history', file('run.jsonl')])
  assert.is(code, 0, stdout)
  assert.match(stdout, `${records.length} operations: nothing is wrong`)
})

/** The history, with one operation replaced; checked by the command line. */
async function tampered(index: number, record: OperationRecord) {
  const operations = history.operations.with(index, record)
  writeFileSync(file('tampered.jsonl'), [history.header, ...operations].map(historyLine).join(''))
  return runHere(['check-history', file('tampered.jsonl')])
}

/** Of a key that was written again and again: two writes, and a strong read that saw the second. */
function readOfHotKey() {
  const { operations } = history
  for (const [index, { operation, result, invokeMs }] of operations.entries()) {
    if (operation.kind !== 'get' || operation.consistency !== 'strong') continue
    if (result?.kind !== 'found') continue
    const written = operations.filter(
      other =>
        other.operation.kind === 'put' &&
        other.operation.key === operation.key &&
        other.result?.kind === 'written' &&
        (other.returnMs ?? Infinity) < invokeMs,
    )
    const first = written[0]
    if (first && written.length > 3) return { index, first }
  }
  throw new Error('no key was written and read so often')
}

test('a copy of it in which a strong read is stale is caught', async () => {
  const { index, first } = readOfHotKey()
  const record = at(history.operations, index)
  assert.ok(first.operation.kind === 'put' && first.result?.kind === 'written')
  const { version } = first.result
  const result = { kind: 'found', version, value: first.operation.value } as const
  const { code, stdout } = await tampered(index, { ...record, result })
  assert.is(code, 1)
  assert.match(stdout, new RegExp(`H and L: .* operation ${index} says that`))
  assert.match(stdout, new RegExp(`line ${index + 2}: `))
})

test('a copy of it in which a written value was refused is caught', async () => {
  const { index } = readOfHotKey()
  const saw = at(history.operations, index).result
  assert.ok(saw?.kind === 'found')
  const writer = history.operations.findIndex(
    ({ operation }) => operation.kind === 'put' && operation.value === saw.value,
  )
  const record = at(history.operations, writer)
  const result = { kind: 'error', code: 'overloaded', applied: 'no' } as const
  const { code, stdout } = await tampered(writer, { ...record, returnMs: 1e9, result })
  assert.is(code, 1)
  assert.match(stdout, /truthful errors: .* was told that it was not applied/)
})

test('a copy of it in which a session goes back is caught', async () => {
  const { operations } = history
  const index = operations.findIndex(
    ({ session, operation, result }) =>
      session !== undefined &&
      operation.kind === 'get' &&
      operation.consistency === 'session' &&
      result?.kind === 'found' &&
      operations.some(
        other =>
          other.session === session &&
          other.operation.kind === 'put' &&
          other.operation.value === result.value,
      ),
  )
  const record = at(operations, index)
  const { code, stdout } = await tampered(index, { ...record, result: { kind: 'absent' } })
  assert.is(code, 1)
  assert.match(stdout, new RegExp(`S: .* operation ${index} says that .* is absent`))
})

test('what is no history is told so', async () => {
  writeFileSync(file('broken.jsonl'), `${historyLine(history.header)}{"client":"c"}\n`)
  const broken = await runHere(['check-history', file('broken.jsonl')])
  assert.is(broken.code, 2)
  assert.match(broken.stderr, /broken\.jsonl: line 2: entry/)
  assert.is((await runHere(['check-history', file('nowhere')])).code, 2)
})

test('denizen bench puts a load on the regions, says what came of it, and writes it down', async () => {
  const urls = world.regions.flatMap(region => ['--url', world.url(region)])
  const args = ['bench', '--dataset', 'cities', '--seconds', '2', ...urls]
  const run = await runDenizen([...args, '--history', file('bench.jsonl')])
  assert.is(run.code, 0, run.stderr)
  assert.match(run.stdout, /operation +count +a second +p50 ms/)
  assert.match(run.stdout, /\nget strong +\d+/)
  assert.match(run.stdout, /\d+ operations in \d+(\.\d+)? s: \d+\/s answered/)
  const checked = await runDenizen(['check-history', file('bench.jsonl'), '--json'])
  assert.is(checked.code, 0, checked.stdout)
  assert.ok(JSON.parse(checked.stdout).operations > 100)

  const unknown = await runDenizen(['bench', '--dataset', 'towns', ...urls])
  assert.is(unknown.code, 2)
  assert.match(unknown.stderr, /there is no dataset towns\nThere are: cities, settings/)
})

test.run()
