import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limits } from '../../src/model/limits.ts'
import { encodeCbor } from '../../src/protocol/cbor.ts'
import { createWorld, jsonOf, problemOf, type SendInit } from './world.ts'

const json = { 'Content-Type': 'application/json' }
const cbor = { 'Content-Type': 'application/cbor' }

/** Method, target, what is sent, what comes back: every row also leaves the dataset as it was. */
const rows: [string, string, SendInit, string][] = [
  ['GET', '/v1/kv/nowhere/a', {}, '404 unknown_dataset'],
  ['PUT', '/v1/kv/nowhere/a', { body: 'x' }, '404 unknown_dataset'],
  ['GET', '/v1/kv/nowhere', {}, '404 unknown_dataset'],
  ['GET', '/v1/kv/No_Label/a', {}, '404 unknown_dataset'],
  ['GET', '/v1/kv/%ff/a', {}, '404 unknown_dataset'],
  ['POST', '/v1/batch/nowhere', { body: '{"ops":[]}', headers: json }, '404 unknown_dataset'],
  ['GET', '/v1/explain/nowhere/a', {}, '404 unknown_dataset'],
  ['GET', '/', {}, '404 unknown_route'],
  ['GET', '/v2/kv/profiles/a', {}, '404 unknown_route'],
  ['GET', '/v1/kv', {}, '404 unknown_route'],
  ['GET', '/v1/kv//a', {}, '404 unknown_route'],
  ['GET', '/healthz/', {}, '404 unknown_route'],
  ['PATCH', '/v1/kv/profiles/a', { body: 'x' }, '405 method_not_allowed'],
  ['PUT', '/v1/kv/profiles', { body: 'x' }, '405 method_not_allowed'],
  ['GET', '/v1/batch/profiles', {}, '405 method_not_allowed'],
  ['DELETE', '/healthz', {}, '405 method_not_allowed'],

  ['PUT', '/v1/kv/profiles/a', { body: '{"a":', headers: json }, '400 bad_body'],
  ['PUT', '/v1/kv/profiles/a', { body: '', headers: json }, '400 bad_body'],
  ['PUT', '/v1/kv/profiles/a', { body: '{"a":1,"a":2}', headers: json }, '400 bad_body'],
  [
    'PUT',
    '/v1/kv/profiles/a',
    { body: Buffer.of(0x22, 0xff, 0x22), headers: json },
    '400 bad_body',
  ],
  ['PUT', '/v1/kv/profiles/a', { body: Buffer.of(0x61), headers: cbor }, '400 bad_body'],
  ['PUT', '/v1/kv/profiles/a', { body: Buffer.of(0x01, 0x02), headers: cbor }, '400 bad_body'],
  ['POST', '/v1/kv/profiles', { body: '{', headers: json }, '400 bad_body'],
  ['POST', '/v1/batch/profiles', { body: '{"ops":[', headers: json }, '400 bad_body'],
  ['POST', '/v1/batch/profiles', { body: Buffer.of(0xa1), headers: cbor }, '400 bad_body'],
  ['POST', '/v1/batch/profiles', { body: '[]', headers: json }, '400 bad_request'],
  ['POST', '/v1/batch/profiles', { body: '{"ops":{}}', headers: json }, '400 bad_request'],
  ['POST', '/v1/batch/profiles', { body: 'ops=1' }, '415 unsupported_media_type'],
  [
    'POST',
    '/v1/batch/profiles',
    { body: '{"ops":[]}', headers: { 'Content-Type': 'application/x-www-form-urlencoded' } },
    '415 unsupported_media_type',
  ],
  [
    'PUT',
    '/v1/kv/profiles/a',
    { body: 'x', headers: { 'Content-Encoding': 'gzip' } },
    '415 unsupported_media_type',
  ],
  [
    'PUT',
    '/v1/kv/profiles/a',
    { body: 'x', headers: { 'Content-Range': 'bytes 0-0/2' } },
    '400 bad_request',
  ],
  [
    'PUT',
    '/v1/kv/profiles/a',
    { body: 'x', headers: { 'Content-Type': 'text' } },
    '400 bad_request',
  ],
  [
    'PUT',
    '/v1/kv/profiles/a',
    { body: 'x', headers: { 'Content-Type': `text/${'x'.repeat(limits.mediaTypeBytesMax)}` } },
    '400 bad_request',
  ],

  ['GET', '/v1/kv/profiles/', {}, '400 bad_key'],
  ['GET', `/v1/kv/profiles/${'k'.repeat(limits.keyBytesMax + 1)}`, {}, '400 bad_key'],
  ['GET', `/v1/kv/profiles/${'%C3%A9'.repeat(limits.keyBytesMax / 2)}x`, {}, '400 bad_key'],
  ['PUT', '/v1/kv/profiles/a/./b', { body: 'x' }, '400 bad_key'],
  ['PUT', '/v1/kv/profiles/a/../b', { body: 'x' }, '400 bad_key'],
  ['PUT', '/v1/kv/profiles/a/%2e%2E/b', { body: 'x' }, '400 bad_key'],
  ['PUT', '/v1/kv/profiles/a//b', { body: 'x' }, '400 bad_key'],
  ['PUT', '/v1/kv/profiles/a%2F%2Fb', { body: 'x' }, '400 bad_key'],
  ['PUT', '/v1/kv/profiles//a', { body: 'x' }, '400 bad_key'],
  ['PUT', '/v1/kv/profiles/a/', { body: 'x' }, '400 bad_key'],
  ['DELETE', '/v1/kv/profiles/%', {}, '400 bad_key'],
  ['DELETE', '/v1/kv/profiles/%4', {}, '400 bad_key'],
  ['DELETE', '/v1/kv/profiles/%gg', {}, '400 bad_key'],
  ['DELETE', '/v1/kv/profiles/%C3', {}, '400 bad_key'],
  ['DELETE', '/v1/kv/profiles/%ED%A0%80', {}, '400 bad_key'],
  ['GET', '/v1/explain/profiles/a/../b', {}, '400 bad_key'],
  ['GET', '/v1/explain/profiles', {}, '404 unknown_route'],
  ['GET', '/v1/kv/profiles?prefix=a//b', {}, '400 bad_key'],
  ['GET', '/v1/kv/profiles?prefix=%ff', {}, '400 bad_key'],
  ['GET', '/v1/kv/profiles?after=..%2Fb', {}, '400 bad_key'],
  ['POST', '/v1/kv/profiles?prefix=a', { body: 'x' }, '400 bad_key'],
  ['POST', '/v1/kv/profiles?prefix=../', { body: 'x' }, '400 bad_key'],

  ['GET', '/v1/kv/tenants/fr/a', {}, '422 no_partition'],
  ['PUT', '/v1/kv/tenants/fr/a', { body: 'x' }, '422 no_partition'],
  ['GET', '/v1/kv/tenants', {}, '422 no_partition'],
  ['POST', '/v1/kv/tenants', { body: 'x' }, '422 no_partition'],

  ['GET', '/v1/kv/profiles?limit=0', {}, '400 bad_request'],
  ['GET', `/v1/kv/profiles?limit=${limits.listItemsMax + 1}`, {}, '400 bad_request'],
  ['GET', '/v1/kv/profiles?limit=ten', {}, '400 bad_request'],
  ['GET', '/v1/kv/profiles?values=yes', {}, '400 bad_request'],
  ['GET', '/v1/kv/profiles?prefx=a', {}, '400 bad_request'],
  ['GET', '/v1/kv/profiles?limit=1&limit=2', {}, '400 bad_request'],
  ['GET', '/v1/kv/profiles?limit=%zz', {}, '400 bad_request'],
  ['GET', '/v1/kv/profiles?__proto__=1', {}, '400 bad_request'],
  ['GET', '/v1/kv/profiles/a?via=Not+A+Region', {}, '400 bad_request'],
  ['PUT', '/v1/kv/profiles/a?ttl=30d', { body: 'x' }, '400 bad_request'],
]

for (const [method, target, init, expected] of rows) {
  const headers = JSON.stringify(init.headers ?? {})
  test(`${method} ${target.slice(0, 60)} ${headers}: ${expected}`, async () => {
    const { send, service } = createWorld()
    assert.is(await problemOf(await send(method, target, init)), expected)
    assert.is(service.contexts.length, 0, 'nothing reached the service')
  })
}

const headerRows: [string, string, string, string][] = [
  ['PUT', 'Idempotency-Key', '""', '400 bad_request'],
  ['PUT', 'Denizen-TTL', '30 days', '400 bad_request'],
  ['DELETE', 'Denizen-TTL', '30d', '400 not_supported'],
  ['PUT', 'Denizen-Acks', 'local', '400 not_supported'],
  ['PUT', 'Denizen-Acks', '0', '400 bad_request'],
  ['DELETE', 'Denizen-Acks', 'most', '400 bad_request'],
  ['PUT', 'If-Match', 'unquoted', '400 bad_precondition'],
  ['PUT', 'If-Match', 'W/"0.1"', '400 bad_precondition'],
  ['PUT', 'If-Match', '"0.1", "0.2"', '400 bad_precondition'],
  ['PUT', 'If-Match', '"of-another-server"', '400 bad_precondition'],
  ['PUT', 'If-None-Match', '"', '400 bad_precondition'],
  ['DELETE', 'If-Match', '*, "0.1"', '400 bad_precondition'],
  ['GET', 'If-Match', 'W/"0.1"', '400 bad_precondition'],
  ['GET', 'If-None-Match', 'unquoted', '400 bad_precondition'],
  ['GET', 'Denizen-Consistency', 'linearizable', '400 bad_request'],
  ['GET', 'Denizen-Consistency', '', '400 bad_request'],
  ['GET', 'Denizen-Consistency', 'bounded', '400 bad_request'],
  ['GET', 'Denizen-Consistency', 'bounded=', '400 bad_request'],
  ['GET', 'Denizen-Consistency', 'bounded=5', '400 bad_request'],
  ['GET', 'Denizen-Consistency', 'bounded=-5s', '400 bad_request'],
  ['GET', 'Denizen-Consistency', 'bounded=1.5s', '400 bad_request'],
  ['GET', 'Denizen-Consistency', 'bounded=5s, strong', '400 bad_request'],
  ['GET', 'Denizen-Consistency', 'Bounded=5s', '400 bad_request'],
  ['GET', 'Denizen-Consistency', 'bounded=9999999999999999d', '400 bad_request'],
  ['GET', 'Denizen-Hint', 'EU WEST', '400 bad_request'],
  ['GET', 'Denizen-Session', 's'.repeat(limits.sessionTokenBytesMax + 3), '400 bad_request'],
]

for (const [method, name, value, expected] of headerRows) {
  test(`${method} with ${name}: ${value.slice(0, 30)}: ${expected}`, async () => {
    const { send, service } = createWorld()
    const body = method === 'PUT' ? { body: 'x' } : {}
    const reply = await send(method, '/v1/kv/profiles/a', { ...body, headers: { [name]: value } })
    assert.is(await problemOf(reply), expected)
    assert.is(service.contexts.length, 0)
  })
}

test('Denizen-Acks: 1 is what is done anyway', async () => {
  const { send } = createWorld()
  const init = { body: 'x', headers: { 'Denizen-Acks': '1' } }
  assert.is((await send('PUT', '/v1/kv/profiles/a', init)).status, 201)
})

test('a value over the limit is 413 without a declared length too', async () => {
  const { send, service } = createWorld()
  let pulled = 0
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled += 1024 * 1024
      controller.enqueue(new Uint8Array(1024 * 1024))
    },
  })
  const init = { body, duplex: 'half' }
  const reply = await send('PUT', '/v1/kv/profiles/a', init)
  assert.is(await problemOf(reply), '413 too_large')
  assert.ok(pulled <= limits.valueBytesMax + 3 * 1024 * 1024, 'reading stopped at the limit')
  assert.is(service.contexts.length, 0)
})

test('a wrong precondition is 412 with the ETag that would have been right', async () => {
  const { send } = createWorld()
  const put = (headers: Record<string, string>): Promise<Response> =>
    send('PUT', '/v1/kv/profiles/a', { body: 'x', headers })
  assert.is(await problemOf(await put({ 'If-Match': '*' })), '412 version_mismatch')
  const etag = (await put({})).headers.get('ETag') ?? ''
  const reply = await put({ 'If-Match': '"0.1"' })
  assert.is(reply.headers.get('ETag'), etag)
  assert.is(await problemOf(reply), '412 version_mismatch')
  assert.is(await problemOf(await put({ 'If-None-Match': '*' })), '412 version_mismatch')
  assert.is(await problemOf(await put({ 'If-None-Match': etag })), '412 version_mismatch')
  const deletion = await send('DELETE', '/v1/kv/profiles/a', { headers: { 'If-Match': '"0.1"' } })
  assert.is(await problemOf(deletion), '412 version_mismatch')
})

test('405 names the methods that the route has', async () => {
  const { send } = createWorld()
  const reply = await send('PATCH', '/v1/kv/profiles/a')
  assert.is(reply.headers.get('Allow'), 'DELETE, GET, HEAD, OPTIONS, PUT')
  assert.is((await send('PUT', '/v1/cluster')).headers.get('Allow'), 'GET, HEAD, OPTIONS')
})

test('problems have all members, in JSON or CBOR, and never a key or value', async () => {
  const { send, lines } = createWorld()
  const secrets = ['sekret-key', 'sekret-value']
  const target = '/v1/kv/profiles/sekret-key//x'
  const reply = await send('PUT', target, { body: 'sekret-value' })
  assert.is(reply.headers.get('Content-Type'), 'application/problem+json')
  assert.is(reply.headers.get('Cache-Control'), 'private, no-store, no-transform')
  const body = await jsonOf(reply)
  const { type, status, code, applied, retry } = body
  assert.equal(
    { type, status, code, applied, retry },
    {
      type: 'urn:denizen:error:bad_key',
      status: 400,
      code: 'bad_key',
      applied: 'no',
      retry: 'no',
    },
  )
  for (const member of ['title', 'detail', 'action']) assert.type(body[member], 'string')
  for (const accept of ['application/cbor', 'application/problem+cbor']) {
    const binary = await send('GET', target, { headers: { Accept: accept } })
    assert.is(binary.headers.get('Content-Type'), 'application/problem+cbor')
    const bytes = new Uint8Array(await binary.arrayBuffer())
    assert.equal(bytes, encodeCbor(body))
  }
  const said = JSON.stringify([body, lines])
  for (const secret of secrets) assert.not.match(said, secret)
})

test('a bug is 500, logged with its stack and without its text', async () => {
  for (const [method, applied] of [
    ['GET', 'no'],
    ['PUT', 'unknown'],
  ] as const) {
    const { send, service, lines } = createWorld()
    service.nextFailure = new TypeError('can not read sekret-key')
    const init = method === 'PUT' ? { body: 'x' } : {}
    const reply = await send(method, '/v1/kv/profiles/sekret-key', init)
    assert.is(reply.status, 500)
    const body = await jsonOf(reply)
    assert.is(body.code, 'internal')
    assert.is(body.applied, applied)
    assert.is(lines.length, 1)
    const [line] = lines
    assert.is(line?.level, 'error')
    assert.is(line?.errorName, 'TypeError')
    assert.is(line?.route, `${method} /v1/kv/{dataset}/{key}`)
    assert.match(JSON.stringify(line?.errorStack), 'bad-input.test.ts')
    assert.not.match(JSON.stringify([body, lines]), 'sekret')
  }
})

test.run()
