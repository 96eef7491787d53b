import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeCbor } from '../../src/protocol/cbor.ts'
import { createWorld, jsonOf, problemOf } from './world.ts'

test('health is of the process, readiness of the node', async () => {
  const { send, service } = createWorld()
  service.unready = 'it has not heard the keeper yet'
  assert.equal(await jsonOf(await send('GET', '/healthz')), { status: 'ok', region: 'eu-west' })
  const unready = await send('GET', '/readyz')
  assert.is(unready.headers.get('Retry-After'), '1')
  assert.is((await jsonOf(unready)).detail, 'it has not heard the keeper yet')
  service.unready = undefined
  assert.is((await send('GET', '/readyz')).status, 200)
  assert.is((await send('HEAD', '/readyz')).status, 200)
})

test('the cluster, in JSON and CBOR', async () => {
  const { send, service } = createWorld()
  const view: unknown = { ...(await service.cluster()) }
  assert.equal(await jsonOf(await send('GET', '/v1/cluster')), view)
  const binary = await send('GET', '/v1/cluster', { headers: { Accept: 'application/cbor' } })
  assert.equal(decodeCbor(new Uint8Array(await binary.arrayBuffer())), view)
})

test('explain', async () => {
  const { send } = createWorld()
  const body = await jsonOf(await send('GET', '/v1/explain/profiles/eu%2Falice'))
  assert.is(body.group, 'eu/alice')
  assert.equal(body.law, ['gdpr'])
})

test('scripts of other origins may read every header and send every header', async () => {
  const { send } = createWorld()
  const preflight = await send('OPTIONS', '/v1/kv/profiles/a', {
    headers: {
      Origin: 'https://app.test',
      'Access-Control-Request-Method': 'PUT',
      'Access-Control-Request-Headers': 'if-match, denizen-session',
    },
  })
  assert.is(preflight.status, 204)
  assert.is(preflight.headers.get('Access-Control-Allow-Origin'), '*')
  assert.match(preflight.headers.get('Access-Control-Allow-Methods') ?? '', 'DELETE')
  const allowed = preflight.headers.get('Access-Control-Allow-Headers') ?? ''
  for (const name of ['If-Match', 'If-None-Match', 'Denizen-Session', 'Denizen-Redirect']) {
    assert.match(allowed, name)
  }
  const replies = [
    await send('PUT', '/v1/kv/profiles/a', { body: 'x', headers: { Origin: 'https://app.test' } }),
    await send('GET', '/v1/kv/profiles/a', { headers: { Origin: 'https://app.test' } }),
    await send('GET', '/v1/kv/far/a', { headers: { Origin: 'https://app.test' } }),
    await send('GET', '/none', { headers: { Origin: 'https://app.test' } }),
  ]
  for (const reply of replies) {
    assert.is(reply.headers.get('Access-Control-Allow-Origin'), '*')
    const exposed = reply.headers.get('Access-Control-Expose-Headers') ?? ''
    for (const [name] of reply.headers) {
      if (name === 'etag' || name === 'server-timing' || name.startsWith('denizen-')) {
        assert.match(exposed.toLowerCase(), name)
      }
    }
    assert.is(reply.headers.get('Vary'), 'Accept, Origin')
  }
})

/** Follows a path of member names through parsed JSON. */
function at(document: unknown, ...path: readonly string[]): unknown {
  let value = document
  for (const name of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Object.entries(value).find(([member]) => member === name)?.[1]
  }
  return value
}

test('the API document has every route, its errors and its headers', async () => {
  const { send } = createWorld()
  const document = await jsonOf(await send('GET', '/openapi.json'))
  assert.is(document.openapi, '3.1.0')
  assert.is(at(document, 'info', 'version'), '0.1.0')
  const methods = Object.entries(Object(document.paths)).map(
    ([path, item]) => `${path} ${Object.keys(Object(item)).sort().join(' ')}`,
  )
  assert.equal(methods.sort(), [
    '/healthz get',
    '/openapi.json get',
    '/readyz get',
    '/v1/batch/{dataset} post',
    '/v1/cluster get',
    '/v1/explain/{dataset}/{key} get',
    '/v1/kv/{dataset} get post',
    '/v1/kv/{dataset}/{key} delete get head put',
    '/v1/tx/{dataset}/{group} post',
    '/v1/watch/{dataset} get',
  ])
  const put = at(document, 'paths', '/v1/kv/{dataset}/{key}', 'put')
  const parameters = JSON.stringify(at(put, 'parameters'))
  for (const name of ['dataset', 'key', 'via', 'If-Match', 'Denizen-Consistency', 'Denizen-TTL']) {
    assert.match(parameters, `"name":"${name}"`)
  }
  for (const status of ['201', '204', '307', '400', '404', '412', '413', '421', '451', '503']) {
    assert.type(at(put, 'responses', status, 'description'), 'string', status)
  }
  assert.type(at(put, 'responses', '201', 'headers', 'Denizen-Served-By'), 'object')
  const problem = at(put, 'responses', '412', 'content', 'application/problem+json', 'schema')
  assert.equal(problem, { $ref: '#/components/schemas/Problem' })
  const limit = JSON.stringify(at(document, 'paths', '/v1/kv/{dataset}', 'get', 'parameters'))
  assert.match(limit, '"maximum":1000')
})

test('load balancers may add parameters to what they probe', async () => {
  const { send } = createWorld()
  assert.is((await send('GET', '/healthz?probe=1')).status, 200)
})

test('what needs the service fails as the service does', async () => {
  const { send, service } = createWorld()
  service.nextFailure = new Error('broken')
  assert.is(await problemOf(await send('GET', '/v1/kv/profiles')), '500 internal')
})

test.run()
