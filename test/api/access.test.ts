/** The whole of the API behind an access file: who gets what, and before what it is decided. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { stateOf } from '../../src/access/access-control.ts'
import type { AccessFile, TokenEntry } from '../../src/access/access-file.ts'
import type { Scope, Verb } from '../../src/access/scope.ts'
import { createApi } from '../../src/api/app.ts'
import { timing } from '../../src/model/limits.ts'
import { accessWith, tokenWith } from '../access/access-world.ts'
import { ScriptedWatch } from './scripted-watch.ts'
import { createService, jsonOf, problemOf, recordingLogger } from './world.ts'

interface Sent {
  readonly headers?: Record<string, string>
  readonly body?: string
}

/** An API that knows one token, and requests of its bearer. */
async function bearerOf(
  scopes: Scope[],
  more: Pick<TokenEntry, 'rate'> = {},
  file: AccessFile = {},
) {
  const token = await tokenWith(scopes, more)
  const world = accessWith({ ...file, tokens: [token.entry] })
  const service = createService()
  const { log, lines } = recordingLogger()
  const { access, clock } = world
  const rawTarget = (_: Request, env: unknown): string => String(Object(env).target)
  const api = createApi({ service, access, log, clock, version: '0.1.0', rawTarget })
  let continues = 0
  const env = (target: string): object => ({
    target,
    sendContinue: () => {
      continues += 1
    },
  })
  const sendAs = async (
    authorization: string | undefined,
    method: string,
    target: string,
    { headers = {}, body }: Sent = {},
  ): Promise<Response> => {
    const all = { ...headers, ...(authorization === undefined ? {} : { authorization }) }
    const init = { method, headers: all, ...(body === undefined ? {} : { body }) }
    return api.fetch(new Request('http://node.test/', init), env(target))
  }
  return {
    ...{ ...world, service, lines, sendAs },
    send: (method: string, target: string, sent?: Sent) =>
      sendAs(token.authorization, method, target, sent),
    /** How often a client was told to send its body. */
    continues: () => continues,
  }
}

const all: Scope = { dataset: '*', verbs: ['read', 'write', 'list', 'watch', 'admin'] }
const json = { 'content-type': 'application/json' }

interface Asked {
  readonly verb: Verb
  readonly method: string
  readonly target: string
  readonly body?: string
}

/** One request of each kind, and the verb that it needs. */
const requests: readonly Asked[] = [
  { verb: 'read', method: 'GET', target: '/v1/kv/profiles/eu/a' },
  { verb: 'read', method: 'HEAD', target: '/v1/kv/profiles/eu/a' },
  { verb: 'read', method: 'GET', target: '/v1/explain/profiles/eu/a' },
  { verb: 'write', method: 'PUT', target: '/v1/kv/profiles/eu/a', body: '1' },
  { verb: 'write', method: 'POST', target: '/v1/kv/profiles?prefix=eu/', body: '1' },
  { verb: 'write', method: 'DELETE', target: '/v1/kv/profiles/eu/a' },
  { verb: 'list', method: 'GET', target: '/v1/kv/profiles?prefix=eu/' },
  { verb: 'watch', method: 'GET', target: '/v1/watch/profiles?prefix=eu/' },
  { verb: 'admin', method: 'GET', target: '/v1/cluster' },
]

const isServed = ({ status }: Response): boolean => status < 300 || status === 404

test('each route takes its own verb, and no other', async () => {
  for (const { verb, method, target, ...sent } of requests) {
    const has = await bearerOf([{ dataset: '*', verbs: [verb] }])
    assert.ok(isServed(await has.send(method, target, sent)), `${method} ${target}`)
    const others = all.verbs.filter(other => other !== verb)
    const lacks = await bearerOf([{ dataset: '*', verbs: others }])
    const refused = await lacks.send(method, target, sent)
    assert.is(refused.status, 403, `${method} ${target}`)
    if (method !== 'HEAD') assert.is((await jsonOf(refused)).verb, verb)
  }
})

test('a watch ends with the right to watch', async () => {
  const world = await bearerOf([{ dataset: 'profiles', verbs: ['watch'] }])
  const watch = new ScriptedWatch()
  world.service.nextWatch = watch.open
  const reply = await world.send('GET', '/v1/watch/profiles')
  world.clock.advance(timing.watchHeartbeatMs)
  await new Promise(resolve => setImmediate(resolve))
  assert.not(watch.hasEnded)
  world.access.replace(stateOf({}, undefined))
  world.clock.advance(timing.watchHeartbeatMs)
  assert.match(await reply.text(), /event: end\ndata: \{"code":"unauthenticated"/)
  assert.ok(watch.hasEnded)
})

test('without credentials nothing but health and the document is answered', async () => {
  const { sendAs } = await bearerOf([all])
  for (const { method, target, ...sent } of requests) {
    const reply = await sendAs(undefined, method, target, sent)
    assert.is(reply.status, 401, `${method} ${target}`)
    assert.is(reply.headers.get('WWW-Authenticate'), 'Bearer realm="denizen"')
  }
  const wrong = await sendAs('Bearer nonsense', 'GET', '/v1/kv/profiles/eu/a')
  assert.is(wrong.headers.get('WWW-Authenticate'), 'Bearer realm="denizen", error="invalid_token"')
  assert.is(await problemOf(wrong), '401 unauthenticated')
  for (const open of ['/healthz', '/readyz', '/openapi.json']) {
    assert.is((await sendAs(undefined, 'GET', open)).status, 200, open)
  }
})

test('it is decided before the body: no continue, and no word of what the region serves', async () => {
  const { send, sendAs, continues } = await bearerOf([{ dataset: 'profiles', verbs: ['read'] }])
  const headers = { expect: '100-continue' }
  const sent = { headers, body: 'x'.repeat(10_000) }
  for (const dataset of ['profiles', 'far', 'closed', 'none']) {
    const target = `/v1/kv/${dataset}/a`
    assert.is(await problemOf(await sendAs(undefined, 'PUT', target, sent)), '401 unauthenticated')
    assert.is(await problemOf(await send('PUT', target, sent)), '403 forbidden')
  }
  const batch = { headers: { ...headers, ...json }, body: '{"ops":[]}' }
  assert.is(await problemOf(await send('POST', '/v1/batch/far', batch)), '403 forbidden')
  assert.is(continues(), 0)
  await send('POST', '/v1/batch/profiles', batch)
  assert.is(continues(), 1)
})

test('a prefix holds for keys, lists and new keys', async () => {
  const { send } = await bearerOf([{ ...all, dataset: 'profiles', prefix: 'eu/' }])
  for (const { method, target, verb, ...sent } of requests) {
    if (verb === 'admin') continue
    assert.ok(isServed(await send(method, target, sent)), target)
    const outside = target.replace('eu/', 'us/')
    assert.is((await send(method, outside, sent)).status, 403, outside)
  }
  assert.is((await send('GET', '/v1/kv/profiles')).status, 403)
  assert.is((await send('GET', '/v1/kv/profiles?prefix=eu')).status, 403)
  assert.is((await send('GET', '/v1/kv/profiles/eu%2Fa%2fb')).status, 404, 'decoded first')
})

test('refusals name verb and dataset, and neither they nor the log the key', async () => {
  const { send, lines } = await bearerOf([{ dataset: 'cities', verbs: ['read'] }])
  const body = await jsonOf(await send('GET', '/v1/kv/profiles/secret-key'))
  assert.is(body.code, 'forbidden')
  assert.match(String(body.detail), 'read on dataset profiles')
  assert.equal([body.verb, body.dataset], ['read', 'profiles'])
  const said = JSON.stringify([body, lines])
  for (const never of ['secret-key', 'Bearer', 'dz_']) assert.not.match(said, never)
  assert.ok(lines.length > 0)
})

test('operations of a batch are judged one by one', async () => {
  const { send, service } = await bearerOf([
    { dataset: 'profiles', verbs: ['read'] },
    { dataset: 'profiles', verbs: ['write'], prefix: 'eu/' },
  ])
  const ops = [
    { op: 'put', key: 'eu/a', value: 1 },
    { op: 'put', key: 'us/a', value: 1 },
    { op: 'get', key: 'us/a' },
    { op: 'delete', key: 'us/a' },
    { op: 'delete', key: 'eu/a' },
  ]
  const sent = { headers: json, body: JSON.stringify({ ops }) }
  const { results } = await jsonOf(await send('POST', '/v1/batch/profiles', sent))
  assert.equal(
    (results as { status: number }[]).map(({ status }) => status),
    [201, 403, 404, 403, 204],
  )
  assert.is(service.contexts.length, 1)
  assert.not.match(JSON.stringify(results), 'us/a')
})

test('operations of a sequence are judged one by one too', async () => {
  const { send, sendAs } = await bearerOf([{ ...all, dataset: 'profiles', prefix: 'eu/' }])
  const lines = ['eu/a', 'us/a'].map(key => JSON.stringify({ op: 'put', key, value: 1 }))
  const sent = {
    headers: { 'content-type': 'application/x-ndjson', accept: 'application/x-ndjson' },
    body: `${lines.join('\n')}\n`,
  }
  assert.is((await sendAs(undefined, 'POST', '/v1/batch/profiles', sent)).status, 401)
  const reply = await send('POST', '/v1/batch/profiles', sent)
  const results = (await reply.text()).trimEnd().split('\n')
  assert.equal(
    results.map(line => JSON.parse(line).status),
    [201, 403],
  )
})

test('a hint of its own needs the right to one', async () => {
  const hinted = { headers: { 'denizen-hint': 'us-east' } }
  const lacks = await bearerOf([all])
  const refused = await lacks.send('PUT', '/v1/kv/profiles/a', { ...hinted, body: '1' })
  assert.match(String((await jsonOf(refused)).detail), 'Denizen-Hint')
  const ops = { ops: [{ op: 'put', key: 'a', value: 1 }] }
  const batch = { headers: { ...hinted.headers, ...json }, body: JSON.stringify(ops) }
  const { results } = await jsonOf(await lacks.send('POST', '/v1/batch/profiles', batch))
  assert.is((results as { status: number }[])[0]?.status, 403)
  assert.is(lacks.service.contexts.length, 0)
  const has = await bearerOf([{ ...all, hint: true }])
  assert.is((await has.send('PUT', '/v1/kv/profiles/a', { ...hinted, body: '1' })).status, 201)
  assert.is(has.service.contexts[0]?.hint, 'us-east')
})

test('above the rate: 429, and when to come again; a batch pays for what is in it', async () => {
  const { send, clock } = await bearerOf([all], { rate: 4 })
  const get = (): Promise<Response> => send('GET', '/v1/cluster')
  for (let n = 0; n < 4; n++) assert.is((await get()).status, 200)
  const refused = await get()
  assert.is(refused.headers.get('Retry-After'), '1')
  assert.is(await problemOf(refused), '429 rate_limited')
  clock.advance(1_000)
  const ops = Array.from({ length: 20 }, (_, n) => ({ op: 'get', key: `k${n}` }))
  const batch = { headers: json, body: JSON.stringify({ ops }) }
  assert.is((await send('POST', '/v1/batch/profiles', batch)).status, 200)
  assert.is((await get()).headers.get('Retry-After'), '5')
  clock.advance(4_600)
  assert.is((await get()).status, 200)
})

test('a dataset over its quota takes only what does not add to it', async () => {
  const file = { quotas: { profiles: { records: 2, bytes: 100 } } }
  const { send, usage } = await bearerOf([all], {}, file)
  const put = (headers: Record<string, string> = {}): Promise<Response> =>
    send('PUT', '/v1/kv/profiles/a', { headers, body: '1' })
  const created = await put()
  const etag = created.headers.get('ETag') ?? ''
  usage.set('profiles', { records: 2, bytes: 50 })
  const refused = await put()
  assert.is(refused.headers.get('Retry-After'), '60')
  assert.is(await problemOf(refused), '429 quota_exceeded')
  assert.is((await send('POST', '/v1/kv/profiles', { body: '1' })).status, 429)
  assert.is((await send('PUT', '/v1/kv/cities/a', { body: '1' })).status, 201)
  const ops = [
    { op: 'put', key: 'b', value: 1 },
    { op: 'put', key: 'a', value: 1, ifMatch: etag },
    { op: 'get', key: 'a' },
  ]
  const batch = { headers: json, body: JSON.stringify({ ops }) }
  const { results } = await jsonOf(await send('POST', '/v1/batch/profiles', batch))
  assert.equal(
    (results as { status: number }[]).map(({ status }) => status),
    [429, 204, 200],
  )
  assert.is((await put({ 'if-match': '*' })).status, 204)
  usage.set('profiles', { records: 1, bytes: 100 })
  assert.is(await problemOf(await put({ 'if-match': '*' })), '429 quota_exceeded')
  assert.is((await send('DELETE', '/v1/kv/profiles/a')).status, 204)
})

test('anonymous callers are told to come with credentials', async () => {
  const file = { anonymous: [{ dataset: 'cities', verbs: ['read' as const] }] }
  const { sendAs } = await bearerOf([], {}, file)
  assert.is((await sendAs(undefined, 'GET', '/v1/kv/cities/a')).status, 404)
  const refused = await sendAs(undefined, 'GET', '/v1/kv/profiles/a')
  assert.ok(refused.headers.has('WWW-Authenticate'))
  assert.is(await problemOf(refused), '401 unauthenticated')
})

test('scripts of other origins may ask with credentials', async () => {
  const { sendAs } = await bearerOf([all])
  const headers = {
    Origin: 'https://app.test',
    'Access-Control-Request-Method': 'PUT',
    'Access-Control-Request-Headers': 'authorization',
  }
  const preflight = await sendAs(undefined, 'OPTIONS', '/v1/kv/profiles/a', { headers })
  assert.is(preflight.status, 204)
  assert.match(preflight.headers.get('Access-Control-Allow-Headers') ?? '', 'Authorization')
})

test('the document says what needs credentials, and how that fails', async () => {
  const { sendAs } = await bearerOf([all])
  const { paths } = await jsonOf(await sendAs(undefined, 'GET', '/openapi.json'))
  for (const [path, item] of Object.entries(Object(paths))) {
    for (const [method, operation] of Object.entries(Object(item))) {
      const { security, responses } = Object(operation)
      const isOpen = ['/healthz', '/readyz', '/openapi.json'].includes(path)
      const place = `${method} ${path}`
      assert.equal(security, isOpen ? undefined : [{ bearer: [] }], place)
      for (const status of ['401', '403', '429']) {
        assert.is(status in responses, !isOpen, `${place} ${status}`)
      }
    }
  }
})

test.run()
