import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DenizenError } from '../../src/model/errors.ts'
import { createWorld, jsonOf, problemOf } from './world.ts'

const textOf = (reply: Response): Promise<string> => reply.text()

test('a value comes back as it was put, with its media type', async () => {
  const { send } = createWorld()
  const headers = { 'Content-Type': 'text/plain; charset=utf-8' }
  const created = await send('PUT', '/v1/kv/profiles/a/b', { body: 'héllo', headers })
  assert.is(created.status, 201)
  const read = await send('GET', '/v1/kv/profiles/a/b')
  assert.is(read.status, 200)
  assert.is(read.headers.get('Content-Type'), 'text/plain; charset=utf-8')
  assert.is(read.headers.get('ETag'), created.headers.get('ETag'))
  assert.is(await textOf(read), 'héllo')
  const again = await send('PUT', '/v1/kv/profiles/a/b', { body: 'other', headers })
  assert.is(again.status, 204)
  assert.is.not(again.headers.get('ETag'), created.headers.get('ETag'))
})

test('without a Content-Type it is bytes', async () => {
  const { send } = createWorld()
  await send('PUT', '/v1/kv/profiles/a', { body: Buffer.of(0, 255) })
  const read = await send('GET', '/v1/kv/profiles/a')
  assert.is(read.headers.get('Content-Type'), 'application/octet-stream')
  assert.equal(Buffer.from(await read.arrayBuffer()), Buffer.of(0, 255))
})

test('an empty value is a value', async () => {
  const { send } = createWorld()
  assert.is((await send('PUT', '/v1/kv/profiles/a')).status, 201)
  const read = await send('GET', '/v1/kv/profiles/a')
  assert.is(read.status, 200)
  assert.is(read.headers.get('Content-Length'), '0')
})

test('browsers neither guess the type of a value nor run it', async () => {
  const { send } = createWorld()
  const headers = { 'Content-Type': 'text/html' }
  await send('PUT', '/v1/kv/profiles/a', { body: '<script>', headers })
  const read = await send('GET', '/v1/kv/profiles/a')
  assert.is(read.headers.get('X-Content-Type-Options'), 'nosniff')
  assert.match(read.headers.get('Content-Security-Policy') ?? '', 'sandbox')
})

test('delete: 204, then 404', async () => {
  const { send } = createWorld()
  await send('PUT', '/v1/kv/profiles/a', { body: 'x' })
  assert.is((await send('DELETE', '/v1/kv/profiles/a')).status, 204)
  assert.is(await problemOf(await send('GET', '/v1/kv/profiles/a')), '404 not_found')
  assert.is(await problemOf(await send('DELETE', '/v1/kv/profiles/a')), '404 not_found')
})

test('a key is the same however it is written', async () => {
  const { send } = createWorld()
  await send('PUT', '/v1/kv/profiles/eu%2Fz%C3%BCrich%20%2B', { body: 'x' })
  for (const key of ['eu/z%c3%bcrich%20+', 'e%75/z%C3%BCrich%20%2b']) {
    assert.is((await send('GET', `/v1/kv/profiles/${key}`)).status, 200, key)
  }
})

test('a normalised target is all that fetch-style hosts have', async () => {
  const { sendUrl } = createWorld()
  await sendUrl('PUT', '/v1/kv/profiles/a%2Fb?via=us-east', { body: 'x' })
  assert.is((await sendUrl('GET', '/v1/kv/profiles/c/../a/b')).status, 200)
})

test('writes take preconditions', async () => {
  const { send } = createWorld()
  const put = (headers: Record<string, string>): Promise<Response> =>
    send('PUT', '/v1/kv/profiles/a', { body: 'x', headers })
  const first = await put({ 'If-None-Match': '*' })
  assert.is(first.status, 201)
  const etag = first.headers.get('ETag') ?? ''
  const transcoded = etag.replace(/"$/, '-c"')
  const second = await put({ 'If-Match': `${etag}, ${transcoded}` })
  assert.is(second.status, 204)
  assert.is((await put({ 'If-None-Match': etag })).status, 204, 'it has another version by now')
  const deletion = await send('DELETE', '/v1/kv/profiles/a', { headers: { 'If-Match': '*' } })
  assert.is(deletion.status, 204)
})

test('reads take conditions', async () => {
  const { send } = createWorld()
  const put = await send('PUT', '/v1/kv/profiles/a', { body: 'x' })
  const etag = put.headers.get('ETag') ?? ''
  const get = (headers: Record<string, string>, key = 'a'): Promise<Response> =>
    send('GET', `/v1/kv/profiles/${key}`, { headers })
  const unchanged = await get({ 'If-None-Match': `"foreign", W/${etag}` })
  assert.is(unchanged.status, 304)
  assert.is(unchanged.headers.get('ETag'), etag)
  assert.is(await textOf(unchanged), '')
  assert.is((await get({ 'If-None-Match': '*' })).status, 304)
  assert.is((await get({ 'If-None-Match': '"0.1"' })).status, 200)
  assert.is((await get({ 'If-Match': etag })).status, 200)
  const mismatch = await get({ 'If-Match': '"0.1"' })
  assert.is(mismatch.headers.get('ETag'), etag)
  assert.is(await problemOf(mismatch), '412 version_mismatch')
  assert.is(await problemOf(await get({ 'If-Match': '*' }, 'none')), '412 version_mismatch')
  assert.is(await problemOf(await get({ 'If-None-Match': '*' }, 'none')), '404 not_found')
})

test('HEAD answers as GET does', async () => {
  const { send } = createWorld()
  await send('PUT', '/v1/kv/profiles/a', { body: 'value' })
  const head = await send('HEAD', '/v1/kv/profiles/a')
  assert.is(head.status, 200)
  assert.is(head.headers.get('Content-Length'), '5')
  assert.is(await textOf(head), '')
  assert.is((await send('HEAD', '/v1/kv/profiles/none')).status, 404)
})

test('POST assigns a key under the prefix', async () => {
  const { send } = createWorld()
  const created = await send('POST', '/v1/kv/tenants?prefix=eu/', { body: 'x' })
  assert.is(created.status, 201)
  const location = created.headers.get('Location') ?? ''
  const { key } = await jsonOf(created)
  assert.match(String(key), /^eu\/~eu-west~/)
  assert.is(location, `/v1/kv/tenants/${String(key)}`)
  const read = await send('GET', location)
  assert.is(await textOf(read), 'x')
  assert.is(read.headers.get('ETag'), created.headers.get('ETag'))
})

test('the caller learns who answered, and gets a session', async () => {
  const { send, service } = createWorld()
  const put = await send('PUT', '/v1/kv/profiles/a', { body: 'x' })
  assert.is(put.headers.get('Denizen-Home'), 'eu-west')
  assert.is(put.headers.get('Denizen-Served-By'), 'eu-west;role=home;staleness-ms=0')
  const session = put.headers.get('Denizen-Session') ?? ''
  assert.is(session, '"s/1+2"')
  service.readReceipt = {
    home: 'us-east',
    servedBy: 'eu-west',
    role: 'replica',
    stalenessMs: 840.2,
  }
  for (const sent of [session, 's/1+2']) {
    const headers = { 'Denizen-Session': sent, 'Denizen-Hint': 'us-east' }
    const read = await send('GET', '/v1/kv/profiles/a', { headers })
    assert.is(read.headers.get('Denizen-Home'), 'us-east')
    assert.is(read.headers.get('Denizen-Served-By'), 'eu-west;role=replica;staleness-ms=841')
    assert.equal(service.contexts.at(-1), {
      consistency: 'session',
      session: 's/1+2',
      hint: 'us-east',
    })
  }
  const levels = [
    ['strong', 'strong'],
    ['eventual', 'eventual'],
    ['bounded=5s', { boundMs: 5_000 }],
    ['bounded=250ms', { boundMs: 250 }],
    ['bounded=0s', { boundMs: 0 }],
  ] as const
  for (const [sent, consistency] of levels) {
    await send('GET', '/v1/kv/profiles/a', { headers: { 'Denizen-Consistency': sent } })
    assert.equal(service.contexts.at(-1), { consistency })
  }
})

test('a proxy says so, and region ids that are no tokens are quoted', async () => {
  const { send, service } = createWorld()
  await send('PUT', '/v1/kv/proxied/a', { body: 'x' })
  service.readReceipt = { home: '9-south', servedBy: '9-south', role: 'home', stalenessMs: 0 }
  const read = await send('GET', '/v1/kv/proxied/a')
  assert.is(
    read.headers.get('Denizen-Served-By'),
    'eu-west;role=proxy;from="9-south";staleness-ms=0',
  )
  assert.is(read.headers.get('Denizen-Home'), '"9-south"')
})

test('what was asked by way of another region names it, with the age that the way adds', async () => {
  const { send, service } = createWorld()
  await send('PUT', '/v1/kv/profiles/a', { body: 'x' })
  const receipt = { home: 'us-east', servedBy: 'us-east', role: 'home' } as const
  service.readReceipt = { ...receipt, relay: 'eu-central', stalenessMs: 84.2 }
  const read = await send('GET', '/v1/kv/profiles/a')
  assert.is(
    read.headers.get('Denizen-Served-By'),
    'us-east;role=home;relay=eu-central;staleness-ms=85',
  )
  const gone = await jsonOf(await send('GET', '/v1/kv/profiles/none'))
  assert.is(gone.detail, 'the home has no such key')
})

test('a 404 of a replica says how far behind it may be', async () => {
  const { send, service } = createWorld()
  service.readReceipt = { servedBy: 'eu-west', role: 'replica', stalenessMs: 1200 }
  const reply = await send('GET', '/v1/kv/profiles/a')
  assert.is(reply.headers.get('Denizen-Served-By'), 'eu-west;role=replica;staleness-ms=1200')
  assert.is(reply.headers.get('Denizen-Home'), null)
  const body = await jsonOf(reply)
  assert.match(String(body.detail), 'up to 1200 ms behind')
  assert.is(body.stalenessMs, 1200)
  service.readReceipt = { servedBy: 'eu-west', role: 'replica' }
  const unknown = await send('GET', '/v1/kv/profiles/a')
  assert.is(unknown.headers.get('Denizen-Served-By'), 'eu-west;role=replica')
  assert.match(String((await jsonOf(unknown)).detail), 'not known')
})

test('only datasets that may be anywhere are cached, and checked before each use', async () => {
  const { send } = createWorld()
  for (const dataset of ['profiles', 'cities']) {
    const put = await send('PUT', `/v1/kv/${dataset}/a`, { body: 'x' })
    assert.is(put.headers.get('Cache-Control'), 'private, no-store, no-transform')
  }
  const bound = await send('GET', '/v1/kv/profiles/a')
  assert.is(bound.headers.get('Cache-Control'), 'private, no-store, no-transform')
  const free = await send('GET', '/v1/kv/cities/a')
  assert.is(free.headers.get('Cache-Control'), 'no-cache, no-transform')
  const missing = await send('GET', '/v1/kv/cities/none')
  assert.is(missing.headers.get('Cache-Control'), 'private, no-store, no-transform')
})

test('failures of the service come through with their promises', async () => {
  const { send, service } = createWorld()
  service.nextFailure = new DenizenError('outcome_unknown', 'no answer came back')
  const unknown = await send('PUT', '/v1/kv/profiles/a', { body: 'x' })
  assert.is(unknown.status, 500)
  const body = await jsonOf(unknown)
  assert.is(body.code, 'outcome_unknown')
  assert.is(body.applied, 'unknown')
  service.nextFailure = new DenizenError('home_unreachable', 'the home does not answer')
  const unreachable = await send('GET', '/v1/kv/profiles/a')
  assert.is(unreachable.headers.get('Retry-After'), '1')
  assert.is(await problemOf(unreachable), '503 home_unreachable')
})

test('Server-Timing says where the time went', async () => {
  const { send } = createWorld()
  const put = await send('PUT', '/v1/kv/profiles/a', { body: 'x' })
  const timing = put.headers.get('Server-Timing') ?? ''
  assert.match(timing, /^body;dur=[\d.]+, route;dur=[\d.]+, total;dur=[\d.]+$/)
})

test.run()
