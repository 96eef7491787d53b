import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CliError, exitCodes } from '../../src/cli/exit-codes.ts'
import { type LanePut, PutLane, type PutResult } from '../../src/cli/import/put-lane.ts'
import { utf8 } from '../../src/model/bytes.ts'
import { type GivenReply, jsonReply, type SeenRequest, withServer } from './http-server.ts'

interface NamedPut extends LanePut {
  readonly name: string
}

const puts: readonly NamedPut[] = ['a', 'b', 'c'].map(name => ({
  name,
  bytes: utf8(`${JSON.stringify({ op: 'put', key: name, value: 1 })}\n`),
}))

const keysOf = ({ body }: SeenRequest): string[] =>
  body
    .toString()
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line).key)

const results = (...list: object[]): GivenReply => ({
  status: 200,
  headers: { 'content-type': 'application/x-ndjson' },
  body: list.map(result => `${JSON.stringify(result)}\n`).join(''),
})
const written = { status: 201, home: 'eu-west' }
const failed = (code: string, retry: string, extra = {}) => ({
  status: 503,
  error: { code, retry, applied: 'no', ...extra },
})

interface Sent {
  readonly requests: SeenRequest[]
  readonly keys: string[][]
  /** By name; a put has one result. */
  readonly results: Record<string, PutResult>
}

/** Sends all puts through a lane to a server that gives these replies, and then writes all. */
async function send(
  replies: readonly (GivenReply | 'reset')[],
  options: { readonly hint?: string } = {},
): Promise<Sent> {
  const sent: Sent = { requests: [], keys: [], results: {} }
  await withServer(
    request => {
      sent.requests.push(request)
      sent.keys.push(keysOf(request))
      return replies[sent.keys.length - 1] ?? results(...keysOf(request).map(() => written))
    },
    async url => {
      const lane = new PutLane<NamedPut>({
        ...{ url, dataset: 'cities', format: 'json', ...options },
        onResult: ({ name }, result) => {
          assert.not.ok(name in sent.results, 'one result for each put')
          sent.results[name] = result
        },
      })
      void lane.add(puts)
      lane.end()
      await lane.run()
    },
  )
  return sent
}

const home = { kind: 'written', home: 'eu-west' }

test('a put is sent once if it is written', async () => {
  const { keys, requests, results: done } = await send([])
  assert.equal(keys, [['a', 'b', 'c']])
  assert.equal(done, { a: home, b: home, c: home })
  assert.is(requests[0]?.path, '/v1/batch/cities')
  assert.is(requests[0]?.headers['content-type'], 'application/x-ndjson')
  assert.is(requests[0]?.headers['denizen-hint'], undefined)
})

test('the hint goes with the stream', async () => {
  const { requests } = await send([], { hint: 'us-east' })
  assert.is(requests[0]?.headers['denizen-hint'], 'us-east')
})

test('only what failed safely, or may have failed, is sent again', async () => {
  const { keys, results: done } = await send([
    results(failed('home_unreachable', 'safe'), failed('too_large', 'no'), {
      status: 500,
      error: { code: 'outcome_unknown', retry: 'no', applied: 'unknown' },
    }),
  ])
  assert.equal(keys, [
    ['a', 'b', 'c'],
    ['a', 'c'],
  ])
  assert.equal(done, { a: home, b: { kind: 'failed', code: 'too_large' }, c: home })
})

test('what too few regions have in time is sent again until enough have it', async () => {
  const late = { status: 500, error: { code: 'acks_timeout', retry: 'no', applied: 'yes' } }
  const { keys, results: done } = await send([results(written, late, late), results(late, written)])
  assert.equal(keys, [['a', 'b', 'c'], ['b', 'c'], ['b']])
  assert.equal(done, { a: home, b: home, c: home })
})

test('what found no answer is sent again', async () => {
  const { keys } = await send(['reset', jsonReply(503, { code: 'not_ready' }), results(written)])
  assert.equal(keys, [
    ['a', 'b', 'c'],
    ['a', 'b', 'c'],
    ['a', 'b', 'c'],
    ['b', 'c'],
  ])
})

test('an item that the node takes for malformed has failed; those behind it are sent again', async () => {
  const last = failed('bad_request', 'no', { taken: 1 })
  const { keys, results: done } = await send([results(written, { ...last, status: 400 })])
  assert.equal(keys, [['a', 'b', 'c'], ['c']])
  assert.equal(done.b, { kind: 'failed', code: 'bad_request' })
})

test('a stream that the node gave up blames no put', async () => {
  const last = failed('client_not_reading', 'safe', { taken: 1 })
  const { keys, results: done } = await send([results(written, last)])
  assert.equal(keys, [
    ['a', 'b', 'c'],
    ['b', 'c'],
  ])
  assert.equal(done, { a: home, b: home, c: home })
})

test('a redirect is followed with all that is left', async () => {
  const { requests } = await send([
    { status: 307, headers: { location: '/v1/batch/cities?via=eu-west' } },
  ])
  assert.is(requests[1]?.path, '/v1/batch/cities?via=eu-west')
  assert.equal(requests.map(keysOf).at(-1), ['a', 'b', 'c'])
})

test('a refused stream is a failure at once', async () => {
  const failure = await send([
    jsonReply(404, { title: 'There is no such dataset', code: 'unknown_dataset' }),
  ]).catch((error: unknown) => error)
  assert.instance(failure, CliError)
  assert.is((failure as CliError).exitCode, exitCodes.failed)
})

test.run()
