/** Histories as text. */
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DenizenError } from '../../src/model/errors.ts'
import { type History, newHeader, type OperationRecord } from '../../src/simulation/history.ts'
import { historyLine, parseHistory } from '../../src/simulation/history-file.ts'
import { seededRandom, seedsOfRun } from '../support/seeded-random.ts'
import { randomHistory } from './checkers/random-history.ts'

const textOf = ({ header, operations }: History): string =>
  [header, ...operations].map(historyLine).join('')

test('what was written is read', () => {
  for (const seed of seedsOfRun(20)) {
    const options = { clients: 3, keys: 2, transactions: true, deletionsTold: true, lossOneIn: 5 }
    const history = randomHistory(seededRandom(seed), { ...options, operations: 100 })
    assert.equal(parseHistory(textOf(history)), history)
  }
})

const full: OperationRecord = {
  client: 'c1',
  session: 's1',
  principal: 'anna',
  entry: 'eu-west',
  dataset: 'cities',
  group: 'jp',
  operation: {
    kind: 'put',
    key: 'jp/tokyo',
    value: 'v1',
    ifNoneMatch: '*',
    idempotencyKey: 'i1',
    acks: 2,
    ttlMs: 1_000,
  },
  invokeMs: 1.25,
  returnMs: 3.5,
  result: {
    kind: 'written',
    version: '0.4294967297',
    created: true,
    home: 'eu-west',
    servedBy: 'eu-west',
    role: 'home',
    stalenessMs: 0,
  },
}

test('all that can be told is kept', () => {
  const history = { header: newHeader('simulation', 7), operations: [full] }
  assert.equal(parseHistory(textOf(history)), history)
})

test('the example of the documentation is a history', () => {
  const page = readFileSync(new URL('../../docs/HISTORIES.md', import.meta.url), 'utf8')
  const example = /```json\n(.*?)```/s.exec(page)?.[1] ?? ''
  const { operations } = parseHistory(example)
  assert.equal(
    operations.map(({ result }) => result?.kind),
    ['written', 'absent', undefined],
  )
})

const says = (text: string): string => {
  try {
    parseHistory(text)
    return 'nothing'
  } catch (error) {
    assert.instance(error, DenizenError)
    return (error as DenizenError).message
  }
}

test('what is no history is told, with the line', () => {
  const head = historyLine(newHeader('bench'))
  const line = (change: object): string => head + JSON.stringify({ ...full, ...change })
  const read = { kind: 'get', key: 'jp/tokyo', consistency: 'strong' }
  assert.is(says(head), 'nothing')
  assert.match(says(''), /line 1/)
  assert.match(says('{"format":"jepsen"}\n'), /line 1: format/)
  assert.match(says(`${head}{"client"`), /line 2: /)
  assert.match(says(line({ invokeMs: 4 })), /line 2: it returns before it is invoked/)
  assert.match(says(line({ result: null })), /line 2: returnMs and result are null together/)
  assert.match(says(line({ operation: read })), /the result is none that such an operation has/)
  assert.match(says(line({ entry: 5 })), /line 2: entry/)
  const version = { ...full.result, version: '7' }
  assert.match(says(line({ result: version })), /result\.version a version: term\.seq/)
  const tx = { kind: 'tx', conditions: [], success: [{ op: 'get', key: 'a' }], failure: [] }
  const transacted = { kind: 'transacted', succeeded: true, results: [] }
  assert.match(says(line({ operation: tx, result: transacted })), /the result is none/)
})

test.run()
