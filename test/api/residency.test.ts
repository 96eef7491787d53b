import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createWorld, jsonOf, problemOf, type SendInit } from './world.ts'

/** A body that fails the test if anybody reads it. */
const untouchable = (): SendInit => {
  const body = new ReadableStream<Uint8Array>(
    {
      pull() {
        throw new Error('the body was read')
      },
    },
    { highWaterMark: 0 },
  )
  const init = { body, duplex: 'half' }
  return init
}

test('a region that may not serve redirects before it reads the body', async () => {
  const { send, service } = createWorld()
  const reply = await send('PUT', '/v1/kv/far/a%2Fb', untouchable())
  assert.is(reply.status, 307)
  assert.is(reply.headers.get('Location'), 'https://us-east.example/v1/kv/far/a%2Fb?via=eu-west')
  const body = await jsonOf(reply)
  assert.is(body.code, 'redirect')
  assert.is(body.region, 'us-east')
  assert.is(body.via, 'eu-west')
  assert.is(body.detail, 'the policy lets only us regions serve it')
  assert.is(service.contexts.length, 0)
})

test('scripts may ask for a status that they can see', async () => {
  const { send } = createWorld()
  const reply = await send('PUT', '/v1/kv/far/a', {
    ...untouchable(),
    headers: { 'Denizen-Redirect': 'manual' },
  })
  assert.is(reply.status, 421)
  assert.is(reply.headers.get('Location'), null)
  const body = await jsonOf(reply)
  assert.is(body.code, 'misdirected_region')
  assert.is(body.region, 'us-east')
  assert.is(body.url, 'https://us-east.example')
})

test('a request that was redirected once is not redirected again', async () => {
  const { send } = createWorld()
  const reply = await send('GET', '/v1/kv/far/a?via=us-east')
  assert.is(await problemOf(reply), '503 no_serving_region')
})

test('a refusal is 451, and says why', async () => {
  const { send } = createWorld()
  const reply = await send('PUT', '/v1/kv/closed/a', untouchable())
  assert.is(reply.status, 451)
  assert.is(reply.headers.get('Link'), null)
  assert.is((await jsonOf(reply)).detail, 'the policy forbids serving it here')
})

test('each partition has its own residency', async () => {
  const { send } = createWorld()
  assert.is((await send('PUT', '/v1/kv/tenants/eu/a', { body: 'x' })).status, 201)
  assert.is(await problemOf(await send('GET', '/v1/kv/tenants/us/a')), '307 redirect')
  assert.is(await problemOf(await send('GET', '/v1/kv/tenants/cn/a')), '451 refused_region')
  const post = await send('POST', '/v1/kv/tenants?prefix=us/', untouchable())
  assert.is(
    post.headers.get('Location'),
    'https://us-east.example/v1/kv/tenants?prefix=us/&via=eu-west',
  )
})

test('the order of decisions: dataset, key, readiness, admission, headers, body', async () => {
  const { send, service } = createWorld()
  service.unready = 'it has not heard the keeper yet'
  const code = async (target: string, headers = {}): Promise<string> =>
    problemOf(await send('PUT', target, { ...untouchable(), headers }))
  assert.is(await code('/v1/kv/No_Label//'), '404 unknown_dataset')
  assert.is(await code('/v1/kv/far//a'), '400 bad_key')
  assert.is(await code('/v1/kv/far/a'), '503 not_ready')
  service.unready = undefined
  assert.is(await code('/v1/kv/far/a', { 'Denizen-Acks': 'most' }), '307 redirect')
  assert.is(await code('/v1/kv/profiles/a', { 'Denizen-Acks': 'most' }), '400 bad_request')
})

test('whoever may not serve a key may not explain it', async () => {
  const { send } = createWorld()
  assert.is(await problemOf(await send('GET', '/v1/explain/far/a')), '307 redirect')
  assert.is(await problemOf(await send('GET', '/v1/explain/closed/a')), '451 refused_region')
})

test.run()
