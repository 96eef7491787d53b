/** Import and export as people run them, against the key API over a real socket. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createApi } from '../../src/api/app.ts'
import type { Key } from '../../src/model/key.ts'
import { type HttpServer, nodeTarget, startHttpServer } from '../../src/node/http-server.ts'
import { encodeCbor } from '../../src/protocol/cbor.ts'
import { systemClock as clock } from '../../src/runtime/clock.ts'
import { MemoryService, served } from '../api/memory-service.ts'
import { recordingLogger } from '../api/world.ts'
import { type Run, runDenizen } from './run-denizen.ts'
import { runHere } from './run-here.ts'

const { log } = recordingLogger()
const directory = mkdtempSync(join(tmpdir(), 'denizen-import-'))
const inDirectory = (name: string): string => join(directory, name)
let service: MemoryService
let server: HttpServer

test.before.each(async () => {
  service = new MemoryService('eu-west')
  for (const name of ['d', 'e']) service.addDataset(name, [{ prefix: '', admission: served }])
  const app = createApi({ service, rawTarget: nodeTarget, log, clock, version: '0.1.0' })
  server = await startHttpServer({ app, host: '127.0.0.1', port: 0, reusePort: false, log, clock })
})
test.after.each(() => server.close())
test.after(() => rmSync(directory, { recursive: true }))

/** In this process, unless it reads standard input or writes records to standard output. */
const denizen = (args: readonly string[], input?: string): Promise<Run> => {
  const all = [...args, '--url', `http://127.0.0.1:${server.port}`]
  return input === undefined ? runHere(all) : runDenizen(all, { input })
}

interface Stored {
  readonly mediaType: string
  readonly value: Uint8Array
  readonly ttlMs?: number
}

async function store(dataset: string, records: Readonly<Record<string, Stored>>): Promise<void> {
  const puts = Object.entries(records).map(([key, stored]) => ({
    ...{ kind: 'put' as const, key: key as Key, precondition: {} },
    ...stored,
  }))
  await service.execute(dataset, puts, { consistency: 'session' })
}

async function storedIn(dataset: string): Promise<Record<string, string>> {
  const request = { prefix: '', limit: 10_000, values: true }
  const { items } = await service.list(dataset, request, { consistency: 'session' })
  return Object.fromEntries(
    items.map(({ key, mediaType, value }) => [
      key,
      `${mediaType} ${Buffer.from(value ?? []).toString('hex')}`,
    ]),
  )
}

const text = (value: string, mediaType = 'application/json'): Stored => ({
  mediaType,
  value: Buffer.from(value),
})
const cbor = (hex: string, mediaType = 'application/cbor'): Stored => ({
  mediaType,
  value: Buffer.from(hex, 'hex'),
})

/** Values that are easily changed on the way. */
const records: Readonly<Record<string, Stored>> = {
  'json/plain': text('{"a":[1,"é",null]}'),
  'json/spaces': text('{ "a": 1.0 }'),
  'json/numeric-names': text('{"b":1,"1":2}'),
  'json/large-number': text('[1152921504606846976,1e400]'),
  'json/typed': text('1', 'application/json; charset=utf-8'),
  'json/problem': text('{"status":1}', 'application/problem+json'),
  'cbor/plain': { mediaType: 'application/cbor', value: encodeCbor({ a: [1, 'é'] }) },
  'cbor/half-float': cbor('82f93c00580101'),
  'cbor/indefinite': cbor('9f01bf6161f5ffff'),
  'cbor/typed': cbor('01', 'application/cbor;x=y'),
  'text/é\u{1f600}': text('line\nline', 'text/plain; charset=utf-8'),
  'image/empty': cbor('', 'image/png'),
  'image/bytes': cbor('89504e470d0a1a0a00ff', 'image/png'),
}

for (const extension of ['ndjson', 'cbor-seq']) {
  test(`what is exported to .${extension} is imported byte for byte`, async () => {
    await store('d', records)
    const file = inDirectory(`all.${extension}`)
    const exported = await denizen(['export', '--dataset', 'd', '--out', file])
    assert.is(exported.code, 0, exported.stderr)
    const imported = await denizen(['import', file, '--dataset', 'e', '--json'])
    assert.is(imported.code, 0, imported.stderr)
    assert.is(JSON.parse(imported.stdout).records, Object.keys(records).length)
    assert.equal(await storedIn('e'), await storedIn('d'))
    assert.not.ok(existsSync(inDirectory(`.denizen-import-all.${extension}.json`)))
  })
}

test('what expires keeps the life that is left to it', async () => {
  const lives = async (dataset: string): Promise<Record<string, number | undefined>> => {
    const request = { prefix: '', limit: 10, values: false }
    const { items } = await service.list(dataset, request, { consistency: 'session' })
    const nowMs = Date.now()
    return Object.fromEntries(
      items.map(({ key, expiresAtMs }) => [key, expiresAtMs && expiresAtMs - nowMs]),
    )
  }
  await store('d', { hour: { ...text('1'), ttlMs: 3_600_000 }, stays: text('2') })
  const file = inDirectory('lives.ndjson')
  assert.is((await denizen(['export', '--dataset', 'd', '--out', file])).code, 0)
  assert.is((await denizen(['import', file, '--dataset', 'e'])).code, 0)
  const { hour = 0, stays } = await lives('e')
  assert.ok(hour > 3_500_000 && hour <= 3_601_000, `${hour} ms`)
  assert.is(stays, undefined)
})

test('JSON is readable in an export', async () => {
  await store('d', { a: text('{"x":1}'), b: text('raw', 'text/plain') })
  const { stdout, code } = await denizen(['export', '--dataset', 'd'], '')
  assert.is(code, 0)
  assert.equal(stdout.trimEnd().split('\n'), [
    '{"key":"a","value":{"x":1}}',
    '{"key":"b","type":"text/plain","bytes":"cmF3"}',
  ])
})

test('an export goes on behind the last whole record of its file', async () => {
  const many = Array.from({ length: 2_500 }, (_, n) => [
    `k/${String(n).padStart(5, '0')}`,
    text('1'),
  ])
  await store('d', Object.fromEntries(many))
  for (const extension of ['ndjson', 'cbor-seq']) {
    const whole = inDirectory(`whole.${extension}`)
    const cut = inDirectory(`cut.${extension}`)
    assert.is((await denizen(['export', '--dataset', 'd', '--out', whole])).code, 0)
    const bytes = readFileSync(whole)
    writeFileSync(cut, bytes.subarray(0, Math.floor(bytes.length / 2) + 3))
    const args = ['export', '--dataset', 'd', '--out', cut]
    const refused = await denizen(args)
    assert.is(refused.code, 2)
    assert.match(refused.stderr, /--resume/)
    const resumed = await denizen([...args, '--resume', '--json'])
    assert.is(resumed.code, 0, resumed.stderr)
    assert.ok(JSON.parse(resumed.stdout).before > 1_000)
    assert.ok(readFileSync(cut).equals(bytes))
  }
})

test('only a prefix', async () => {
  await store('d', { 'a/1': text('1'), 'b/1': text('2') })
  const { stdout } = await denizen(['export', '--dataset', 'd', '--prefix', 'b/'], '')
  assert.is(stdout, '{"key":"b/1","value":2}\n')
})

for (const extension of ['ndjson', 'cbor-seq']) {
  test(`a group is exported with versions to .${extension}, and imported byte for byte`, async () => {
    const kept = Object.fromEntries(
      Object.entries(records).map(([key, stored]) => [`anna/${key}`, stored]),
    )
    await store('d', { ...kept, anna: text('"she"'), 'anna-b': text('1'), annb: text('2') })
    const file = inDirectory(`anna.${extension}`)
    const exported = await denizen(['export', 'd', '--group', 'anna', '--out', file])
    assert.is(exported.code, 0, exported.stderr)
    if (extension === 'ndjson') {
      const [first = ''] = readFileSync(file, 'utf8').split('\n')
      assert.match(first, /^{"key":"anna","value":"she","version":"\d+\.\d+"}$/)
    }
    const imported = await denizen(['import', file, '--dataset', 'e'])
    assert.is(imported.code, 0, imported.stderr)
    const { 'anna-b': _, annb: __, ...expected } = await storedIn('d')
    assert.equal(await storedIn('e'), expected)
  })
}

test('standard input, with a failure that is counted and placed', async () => {
  const lines = ['{"key":"a","value":1}', '', '{"key":"b//c","value":1}', '{"key":"d","value":[]}']
  const args = ['import', '-', '--dataset', 'd', '--format', 'ndjson']
  const { code, stdout } = await denizen(args, lines.join('\n'))
  assert.is(code, 1)
  assert.match(stdout, /2 records/)
  assert.match(stdout, /failed: 1 with bad_key \(item 2\)/)
  assert.equal(Object.keys(await storedIn('d')), ['a', 'd'])
})

test('no digit is lost on the way: the node refuses what it can not hold', async () => {
  const line = '{"key":"a","value":[1152921504606846977]}'
  const { code, stdout } = await denizen(
    ['import', '-', '--dataset', 'd', '--format', 'ndjson', '--json'],
    line,
  )
  assert.is(code, 1)
  assert.equal(JSON.parse(stdout).failures, { bad_body: { count: 1, items: [1] } })
})

test('a file is gone on with where an earlier run ended', async () => {
  const file = inDirectory('resumed.ndjson')
  const state = inDirectory('.denizen-import-resumed.ndjson.json')
  const good = ['a', 'b'].map(key => `{"key":"${key}","value":1}\n`).join('')
  writeFileSync(file, `${good}{"kee":"c"}\n`)
  const args = ['import', file, '--dataset', 'd']
  const first = await denizen(args)
  assert.is(first.code, 2)
  assert.match(first.stderr, /item 3 is no record/)
  assert.equal(Object.keys(await storedIn('d')), ['a', 'b'])
  assert.is(JSON.parse(readFileSync(state, 'utf8')).done, 2)
  assert.match((await denizen(args)).stderr, /going on behind 2 items/)

  writeFileSync(file, `${good}{"key":"c","value":1}\n`)
  const changed = await denizen([...args, '--json'])
  assert.is(changed.code, 0, changed.stderr)
  assert.is(JSON.parse(changed.stdout).records, 3, 'a changed file begins anew')
  assert.not.ok(existsSync(state))
})

test('acknowledged items are not sent again', async () => {
  const state = inDirectory('state.json')
  writeFileSync(state, JSON.stringify({ source: 'standard input into d', done: 2 }))
  const args = ['import', '-', '--dataset', 'd', '--format', 'ndjson', '--resume', state, '--json']
  const { code, stdout } = await denizen(
    args,
    ['a', 'b', 'c'].map(key => `{"key":"${key}","value":1}\n`).join(''),
  )
  assert.is(code, 0)
  assert.is(JSON.parse(stdout).skipped, 2)
  assert.equal(Object.keys(await storedIn('d')), ['c'])
})

test('what is missing, and what to type', async () => {
  const none = await denizen(['import', inDirectory('none.ndjson'), '--dataset', 'd'])
  assert.is(none.code, 2)
  const formless = await denizen(['import', inDirectory('x.txt'), '--dataset', 'd'])
  assert.is(formless.code, 2)
  assert.match(formless.stderr, /--format ndjson/)
  const one = inDirectory('one.ndjson')
  writeFileSync(one, '{"key":"a","value":1}')
  const datasetless = await denizen(['import', one])
  assert.is(datasetless.code, 2)
  const unknown = await denizen(['import', one, '--dataset', 'z'])
  assert.is(unknown.code, 1)
  assert.match(unknown.stderr, /no such dataset/i)
  const outless = await denizen(['export', '--dataset', 'd', '--resume'])
  assert.is(outless.code, 2)
})

test.run()
