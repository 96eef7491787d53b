import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limits } from '../../src/model/limits.ts'
import { decodeCbor, encodeCbor } from '../../src/protocol/cbor.ts'
import { createWorld, jsonOf, problemOf, type World } from './world.ts'

const jsonHeaders = { 'Content-Type': 'application/json' }

async function batch(
  { send }: World,
  dataset: string,
  ops: readonly unknown[],
): Promise<Record<string, unknown>[]> {
  const reply = await send('POST', `/v1/batch/${dataset}`, {
    body: JSON.stringify({ ops }),
    headers: jsonHeaders,
  })
  assert.is(reply.status, 200)
  return resultsOf(await jsonOf(reply))
}

function resultsOf(body: unknown): Record<string, unknown>[] {
  if (typeof body !== 'object' || body === null || !('results' in body)) throw new Error('results')
  if (!Array.isArray(body.results)) throw new Error('results')
  return body.results.map((result: unknown) => ({ ...Object(result) }))
}

const codeOf = (result: Record<string, unknown> | undefined): string => {
  const error: unknown = result?.error
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : ''
  return `${String(result?.status)} ${String(code)}`
}

test('one result each, in order', async () => {
  const world = createWorld()
  const results = await batch(world, 'profiles', [
    { op: 'put', key: 'a', value: { x: [1, 'é'] } },
    { op: 'get', key: 'a' },
    { op: 'put', key: 'a', value: null },
    { op: 'get', key: 'a' },
    { op: 'delete', key: 'a' },
    { op: 'delete', key: 'a' },
    { op: 'get', key: 'a' },
  ])
  const [first, read, over, readAgain, deleted, missing, gone] = results
  assert.is(first?.status, 201)
  assert.equal(read, {
    status: 200,
    etag: first?.etag,
    type: 'application/json',
    value: { x: [1, 'é'] },
    home: 'eu-west',
  })
  assert.is(over?.status, 204)
  assert.is(readAgain?.value, null)
  assert.equal(deleted, { status: 204, home: 'eu-west' })
  assert.is(codeOf(missing), '404 not_found')
  assert.is(codeOf(gone), '404 not_found')
  const alone = await world.send('PUT', '/v1/kv/profiles/b', { body: 'x' })
  assert.match(String(first?.etag), /^"\d+\.\d+"$/)
  assert.match(alone.headers.get('ETag') ?? '', /^"\d+\.\d+"$/)
})

test('the same in CBOR, where byte strings are values', async () => {
  const { send } = createWorld()
  const ops = [
    { op: 'put', key: 'a', value: { raw: Uint8Array.of(1, 2) } },
    { op: 'get', key: 'a' },
    { op: 'put', key: 'p', type: 'image/png', bytes: Uint8Array.of(9) },
    { op: 'get', key: 'p' },
  ]
  const reply = await send('POST', '/v1/batch/profiles', {
    body: encodeCbor({ ops }),
    headers: { 'Content-Type': 'application/cbor', Accept: 'application/cbor' },
  })
  assert.is(reply.headers.get('Content-Type'), 'application/cbor')
  const results = resultsOf(decodeCbor(new Uint8Array(await reply.arrayBuffer())))
  assert.equal(results[1]?.value, { raw: Uint8Array.of(1, 2) })
  assert.is(results[1]?.type, 'application/cbor')
  assert.equal(results[3]?.bytes, Uint8Array.of(9))
  assert.is(results[3]?.type, 'image/png')
  const read = await send('GET', '/v1/kv/profiles/p')
  assert.is(read.headers.get('Content-Type'), 'image/png')
})

test('in JSON, other media types are type and base64url', async () => {
  const world = createWorld()
  const bytes = Buffer.from([251, 255, 254, 0])
  const results = await batch(world, 'profiles', [
    { op: 'put', key: 'p', type: 'image/png', bytes: bytes.toString('base64url') },
    { op: 'get', key: 'p' },
    { op: 'put', key: 'q', type: 'image/png', bytes: 'no base64!' },
    { op: 'put', key: 'q', type: 'no media type', bytes: '' },
    {
      op: 'put',
      key: 'q',
      type: 'application/json',
      bytes: Buffer.from('{').toString('base64url'),
    },
    { op: 'put', key: 'q', value: 2 ** 60 },
  ])
  assert.equal(results[1], {
    status: 200,
    etag: results[0]?.etag,
    type: 'image/png',
    bytes: '-__-AA',
    home: 'eu-west',
  })
  assert.equal(results.slice(2).map(codeOf), [
    '400 bad_body',
    '400 bad_request',
    '400 bad_body',
    '400 bad_body',
  ])
})

test('a CBOR value that JSON can not hold comes as bytes', async () => {
  const world = createWorld()
  const value = encodeCbor([Uint8Array.of(1)])
  const headers = { 'Content-Type': 'application/cbor' }
  await world.send('PUT', '/v1/kv/profiles/a', { body: value, headers })
  await world.send('PUT', '/v1/kv/profiles/b', { body: encodeCbor([1]), headers })
  const [bytes, item] = await batch(world, 'profiles', [
    { op: 'get', key: 'a' },
    { op: 'get', key: 'b' },
  ])
  assert.is(bytes?.type, 'application/cbor')
  assert.is(bytes?.bytes, Buffer.from(value).toString('base64url'))
  assert.equal(item?.value, [1])
})

test('conditions of operations', async () => {
  const world = createWorld()
  const [put] = await batch(world, 'profiles', [{ op: 'put', key: 'a', value: 1 }])
  const etag = String(put?.etag)
  const results = await batch(world, 'profiles', [
    { op: 'get', key: 'a', ifNoneMatch: etag },
    { op: 'get', key: 'a', ifNoneMatch: '"0.1"' },
    { op: 'get', key: 'a', ifMatch: '"0.1"' },
    { op: 'get', key: 'none', ifMatch: '*' },
    { op: 'put', key: 'a', value: 2, ifNoneMatch: '*' },
    { op: 'put', key: 'a', value: 2, ifMatch: 'unquoted' },
    { op: 'put', key: 'a', value: 2, ifMatch: etag },
    { op: 'delete', key: 'a', ifMatch: etag },
  ])
  assert.equal(results[0], { status: 304, etag })
  assert.is(results[1]?.status, 200)
  assert.is(results[2]?.etag, etag)
  assert.equal(results.map(codeOf).slice(2), [
    '412 version_mismatch',
    '412 version_mismatch',
    '412 version_mismatch',
    '400 bad_precondition',
    '204 ',
    '412 version_mismatch',
  ])
})

test('mistakes of one operation are its own result', async () => {
  const world = createWorld()
  const results = await batch(
    world,
    'profiles',
    [
      { op: 'put', key: '', value: 1 },
      { op: 'put', key: 'a//b', value: 1 },
      { op: 'put', key: 'k'.repeat(limits.keyBytesMax + 1), value: 1 },
      { op: 'put', key: '\ud800', value: 1 },
      { op: 'put', key: 'a', value: 1, ttl: '5 s' },
      { op: 'put', key: 'fine', value: 1 },
    ].filter(({ key }) => key.isWellFormed()),
  )
  assert.equal(results.map(codeOf), [
    '400 bad_key',
    '400 bad_key',
    '400 bad_key',
    '400 bad_request',
    '201 ',
  ])
})

test('each operation has a life and an idempotency key of its own', async () => {
  const world = createWorld()
  const ops = [
    { op: 'put', key: 'a', value: 1, ttl: '5s' },
    { op: 'delete', key: 'b' },
  ]
  const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': '"k"' }
  await world.send('POST', '/v1/batch/profiles', { body: JSON.stringify({ ops }), headers })
  const [put, removal] = world.service.operations
  assert.ok(put?.kind === 'put' && removal?.kind === 'delete')
  assert.equal([put.ttlMs, put.idempotencyKey, removal.idempotencyKey], [5_000, 'k/0', 'k/1'])
})

test('a body that is malformed anywhere is refused as a whole, with nothing applied', async () => {
  const { send, service } = createWorld()
  const fine = { op: 'put', key: 'a', value: 1 }
  const malformed: unknown[] = [
    { op: 'swap', key: 'a' },
    { op: 'get' },
    { op: 'get', key: 5 },
    { op: 'get', key: 'a', value: 1 },
    { op: 'put', key: 'a' },
    { op: 'put', key: 'a', value: 1, bytes: '', type: 'image/png' },
    { op: 'put', key: 'a', value: 1, type: 'image/png' },
    { op: 'put', key: 'a', bytes: '' },
    { op: 'put', key: 'a', type: 'image/png', bytes: 7 },
    { op: 'put', key: 'a', value: 1, 'sekret-member': 1 },
    null,
  ]
  for (const op of malformed) {
    const body = JSON.stringify({ ops: [fine, op] })
    const reply = await send('POST', '/v1/batch/profiles', { body, headers: jsonHeaders })
    const text = await reply.clone().text()
    assert.is(await problemOf(reply), '400 bad_request', body)
    assert.not.match(text, 'sekret')
  }
  assert.is(service.contexts.length, 0)
})

test('too many operations, and values that are too large', async () => {
  const world = createWorld()
  const ops = Array.from({ length: limits.batchOpsMax + 1 }, () => ({ op: 'get', key: 'a' }))
  const body = JSON.stringify({ ops })
  const reply = await world.send('POST', '/v1/batch/profiles', { body, headers: jsonHeaders })
  assert.is(await problemOf(reply), '413 too_large')
  const most = await batch(world, 'profiles', ops.slice(1))
  assert.is(most.length, limits.batchOpsMax)
  const [large] = await batch(world, 'profiles', [
    { op: 'put', key: 'a', value: 'x'.repeat(limits.valueBytesMax) },
  ])
  assert.is(codeOf(large), '413 too_large')
})

test('no operations, no results', async () => {
  assert.equal(await batch(createWorld(), 'profiles', []), [])
})

test('operations of other regions are results, unless all are', async () => {
  const world = createWorld()
  const results = await batch(world, 'tenants', [
    { op: 'put', key: 'eu/a', value: 1 },
    { op: 'put', key: 'us/a', value: 1 },
    { op: 'put', key: 'cn/a', value: 1 },
    { op: 'put', key: 'fr/a', value: 1 },
  ])
  assert.equal(results.map(codeOf), [
    '201 ',
    '307 redirect',
    '451 refused_region',
    '422 no_partition',
  ])
  assert.is(results[1]?.region, 'us-east')

  const all = (key: string, headers = {}): Promise<Response> =>
    world.send('POST', '/v1/batch/tenants', {
      body: JSON.stringify({
        ops: [
          { op: 'get', key: `${key}/a` },
          { op: 'get', key: `${key}/b` },
        ],
      }),
      headers: { ...jsonHeaders, ...headers },
    })
  const redirected = await all('us')
  assert.is(
    redirected.headers.get('Location'),
    'https://us-east.example/v1/batch/tenants?via=eu-west',
  )
  assert.is(await problemOf(redirected), '307 redirect')
  assert.is(await problemOf(await all('cn')), '451 refused_region')
  const manual = await all('us', { 'Denizen-Redirect': 'manual' })
  assert.is(await problemOf(manual), '421 misdirected_region')
})

test('a region that serves none of the dataset answers before it reads the body', async () => {
  const { send } = createWorld()
  const body = new ReadableStream<Uint8Array>(
    {
      pull() {
        throw new Error('the body was read')
      },
    },
    { highWaterMark: 0 },
  )
  const init = { body, duplex: 'half', headers: jsonHeaders }
  assert.is(await problemOf(await send('POST', '/v1/batch/far', init)), '307 redirect')
  assert.is((await send('POST', '/v1/batch/closed', { headers: jsonHeaders })).status, 451)
})

test('one receipt for all: the oldest copy counts', async () => {
  const world = createWorld()
  const send = (ops: unknown[]): Promise<Response> =>
    world.send('POST', '/v1/batch/profiles', {
      body: JSON.stringify({ ops }),
      headers: jsonHeaders,
    })
  const write = { op: 'put', key: 'a', value: 1 }
  const read = { op: 'get', key: 'a' }
  const atHome = await send([write, write])
  assert.is(atHome.headers.get('Denizen-Served-By'), 'eu-west;role=home;staleness-ms=0')
  assert.is(atHome.headers.get('Denizen-Home'), 'eu-west')
  assert.is(atHome.headers.get('Denizen-Session'), '"s/1+2"')
  world.service.readReceipt = { servedBy: 'eu-west', role: 'replica', stalenessMs: 70 }
  const mixed = await send([write, read])
  assert.is(mixed.headers.get('Denizen-Served-By'), 'eu-west;role=replica;staleness-ms=70')
  assert.is(mixed.headers.get('Denizen-Home'), null)
  world.service.readReceipt = { home: 'us-east', servedBy: 'us-east', role: 'home' }
  const spread = await send([write, read])
  assert.is(spread.headers.get('Denizen-Served-By'), 'eu-west;role=proxy')
})

test('each result names its relay, and the reply one that all came by', async () => {
  const world = createWorld()
  const send = async (ops: unknown[]): Promise<[string | null, unknown[]]> => {
    const init = { body: JSON.stringify({ ops }), headers: jsonHeaders }
    const reply = await world.send('POST', '/v1/batch/profiles', init)
    const { results } = JSON.parse(await reply.text())
    return [
      reply.headers.get('Denizen-Served-By'),
      results.map((it: { relay?: string }) => it.relay),
    ]
  }
  const [write, read] = [
    { op: 'put', key: 'a', value: 1 },
    { op: 'get', key: 'a' },
  ]
  await send([write])
  const receipt = { home: 'eu-west', servedBy: 'eu-west', role: 'home', stalenessMs: 9 } as const
  world.service.readReceipt = { ...receipt, relay: 'us-east' }
  const relayed = 'eu-west;role=home;relay=us-east;staleness-ms=9'
  assert.equal(await send([read, read]), [relayed, ['us-east', 'us-east']])
  const straight = 'eu-west;role=home;staleness-ms=9'
  assert.equal(await send([write, read]), [straight, [undefined, 'us-east']])
})

test.run()
