import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CliError, exitCodes } from '../../src/cli/exit-codes.ts'
import { sendBatch } from '../../src/cli/import/batch.ts'
import { decodeCbor, encodeCbor } from '../../src/protocol/cbor.ts'
import { type GivenReply, jsonReply, type SeenRequest, withServer } from './http-server.ts'

const records = ['a', 'b', 'c'].map(key => ({ key, value: { name: key } }))

const keysOf = ({ body }: SeenRequest): string[] =>
  (decodeCbor(body) as { ops: { key: string }[] }).ops.map(({ key }) => key)

const results = (...list: object[]): GivenReply => ({
  status: 200,
  headers: { 'content-type': 'application/cbor' },
  body: encodeCbor({ results: list }),
})
const written = { status: 201, home: 'eu-west' }
const failed = (code: string, retry: string) => ({ status: 503, error: { code, retry } })

test('only what failed safely is sent again', async () => {
  const sent: string[][] = []
  const replies = [
    results(written, failed('home_unreachable', 'safe'), failed('too_large', 'no')),
    results(written),
  ]
  await withServer(
    request => {
      sent.push(keysOf(request))
      return replies[sent.length - 1] ?? results()
    },
    async url => {
      assert.equal(await sendBatch(url, 'cities', records), [
        { kind: 'written', home: 'eu-west' },
        { kind: 'written', home: 'eu-west' },
        { kind: 'failed', code: 'too_large' },
      ])
    },
  )
  assert.equal(sent, [['a', 'b', 'c'], ['b']])
})

test('a batch that found no answer is sent again as a whole', async () => {
  const sent: string[][] = []
  const replies = ['reset', jsonReply(503, { code: 'not_ready' })] as const
  await withServer(
    request => {
      sent.push(keysOf(request))
      return replies[sent.length - 1] ?? results(written, written, written)
    },
    async url => {
      const done = await sendBatch(url, 'cities', records)
      assert.ok(done.every(({ kind }) => kind === 'written'))
    },
  )
  assert.is(sent.length, 3)
  assert.equal(sent[2], ['a', 'b', 'c'])
})

test('a refused batch is a failure at once', () =>
  withServer(
    () => jsonReply(404, { title: 'There is no such dataset', code: 'unknown_dataset' }),
    async url => {
      const failure = await sendBatch(url, 'nothing', records).catch((error: unknown) => error)
      assert.instance(failure, CliError)
      assert.is((failure as CliError).exitCode, exitCodes.failed)
    },
  ))

test.run()
