/** What `denizen bench` makes of replies, and of latencies. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { resultOf } from '../../src/cli/bench/reply-result.ts'
import { Tally } from '../../src/cli/bench/tally.ts'
import type { ApiReply } from '../../src/cli/http-client.ts'
import type { Delete, Get, OperationRecord, Put } from '../../src/simulation/history.ts'
import { runHere } from './run-here.ts'

const put: Put = { kind: 'put', key: 'k', value: 'v1' }
const get: Get = { kind: 'get', key: 'k', consistency: 'session' }
const del: Delete = { kind: 'delete', key: 'k' }

const reply = (status: number, headers: Record<string, string> = {}, body = ''): ApiReply => ({
  ...{ status, headers: new Headers(headers), url: 'http://there' },
  body: new TextEncoder().encode(body),
})
const problem = (status: number, body: object, headers: Record<string, string> = {}): ApiReply =>
  reply(
    status,
    { ...headers, 'content-type': 'application/problem+json' },
    JSON.stringify({ status, ...body }),
  )
const told = (operation: Put | Get | Delete, answer: ApiReply) =>
  resultOf(operation, answer, body => new TextDecoder().decode(body))

const receipt = {
  'denizen-home': 'eu-west',
  'denizen-served-by': '"1-east";role=replica;staleness-ms=40',
}
const said = { home: 'eu-west', servedBy: '1-east', role: 'replica', stalenessMs: 40 }

test('a reply is told as what it means for that operation', () => {
  const found = reply(200, { etag: '"1.2-j"', ...receipt }, 'v1')
  assert.equal(told(get, found), { kind: 'found', version: '1.2', value: 'v1', ...said })
  const written = { kind: 'written', version: '1.2' }
  assert.equal(told(put, reply(201, { etag: '"1.2"' })), { ...written, created: true })
  assert.equal(told(put, reply(204, { etag: '"1.2"' })), { ...written, created: false })
  assert.equal(told(del, reply(204)), { kind: 'deleted' })
  const missing = problem(404, { code: 'not_found', applied: 'no' }, receipt)
  assert.equal(told(get, missing), { kind: 'absent', ...said })
  assert.equal(told(del, missing), { kind: 'absent', ...said })
  const mismatch = { code: 'version_mismatch', applied: 'no' }
  assert.equal(told(put, problem(412, mismatch)), { kind: 'mismatch', current: null })
  assert.equal(told(put, problem(412, mismatch, { etag: '"1.9"' })), {
    kind: 'mismatch',
    current: '1.9',
  })
})

test('a failure is told with what it says of its effect', () => {
  const failed = (code: string, applied: string) => ({ kind: 'error', code, applied })
  const busy = problem(503, { code: 'overloaded', applied: 'no' })
  assert.equal(told(put, busy), failed('overloaded', 'no'))
  const late = problem(500, { code: 'acks_timeout', applied: 'yes' }, { etag: '"1.2"' })
  assert.equal(told(put, late), { ...failed('acks_timeout', 'yes'), version: '1.2' })
  assert.equal(told(put, reply(502, {}, '<html>')), failed('http_502', 'unknown'))
  const broken = reply(500, { 'content-type': 'application/json' }, '{"code')
  assert.equal(told(get, broken), failed('http_500', 'unknown'))
})

const record = (tookMs: number, more: Partial<OperationRecord> = {}): OperationRecord => ({
  ...{ client: 'c', entry: 'a', dataset: 'd', operation: get, invokeMs: 1, returnMs: 1 + tookMs },
  result: { kind: 'absent' },
  ...more,
})

test('percentiles are of what was answered, by kind; failures are counted by code', () => {
  const tally = new Tally()
  for (let tookMs = 100; tookMs >= 1; tookMs--) tally.add(record(tookMs))
  tally.add(record(7, { operation: { ...put, ifMatch: '1.2' } }))
  tally.add(record(7, { returnMs: null, result: null }))
  tally.add(record(7, { result: { kind: 'error', code: 'overloaded', applied: 'no' } }))
  const { kinds, ...all } = tally.report(4)
  const errors = { no_answer: 1, overloaded: 1 }
  assert.equal(all, { seconds: 4, operations: 103, perSecond: 25, errors })
  const reads = { count: 100, perSecond: 25, p50Ms: 50, p95Ms: 95, p99Ms: 99, maxMs: 100 }
  const write = { count: 1, perSecond: 0, p50Ms: 7, p95Ms: 7, p99Ms: 7, maxMs: 7 }
  assert.equal(kinds, [
    { kind: 'get session', ...reads },
    { kind: 'put if', ...write },
  ])
})

test('a node that does not answer, and a prefix that is none, are told', async () => {
  const args = ['bench', '--dataset', 'cities', '--url', 'http://127.0.0.1:1']
  const away = await runHere(args)
  assert.is(away.code, 3)
  assert.match(away.stderr, /no node answers at http:\/\/127\.0\.0\.1:1/)
  for (const prefix of ['eu', '/', 'a//']) {
    assert.is((await runHere([...args, '--prefix', prefix])).code, 2, prefix)
  }
})

test.run()
