/** Denizen-TTL, Idempotency-Key and transactions over HTTP. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/model/bytes.ts'
import { limits } from '../../src/model/limits.ts'
import { encodeCbor } from '../../src/protocol/cbor.ts'
import { createWorld, jsonOf, problemOf } from './world.ts'

const headers = suite('headers of mutations')

headers('a TTL is a duration, and reaches the service in ms', async () => {
  const { send, service } = createWorld()
  const withTtl = (ttl: string) => ({ body: 'x', headers: { 'Denizen-TTL': ttl } })
  assert.is((await send('PUT', '/v1/kv/profiles/a', withTtl('30d'))).status, 201)
  assert.is((await send('POST', '/v1/kv/profiles', withTtl('500ms'))).status, 201)
  const [put] = service.operations
  assert.ok(put?.kind === 'put')
  assert.equal([put.ttlMs, service.created[0]?.ttlMs], [30 * 86_400_000, 500])
  for (const bad of ['0s', '3 days', '-1s', '', '40000d', '1.5h']) {
    const refused = await send('PUT', '/v1/kv/profiles/a', withTtl(bad))
    assert.is(await problemOf(refused), '400 bad_request', bad)
  }
  const removal = await send('DELETE', '/v1/kv/profiles/a', { headers: { 'Denizen-TTL': '1s' } })
  assert.is(await problemOf(removal), '400 not_supported')
})

headers('an Idempotency-Key comes quoted or bare, with the name of its sender', async () => {
  const { send, service } = createWorld()
  for (const key of ['"8e03 \\"97"', '8e03 "97']) {
    const sent = { body: 'x', headers: { 'Idempotency-Key': key } }
    await send('PUT', '/v1/kv/profiles/a', sent)
    await send('POST', '/v1/kv/profiles', sent)
  }
  await send('DELETE', '/v1/kv/profiles/a', { headers: { 'Idempotency-Key': 'k' } })
  const keys = service.operations.map(one => one.kind !== 'get' && one.idempotencyKey)
  assert.equal(keys, ['8e03 "97', '8e03 "97', 'k'])
  assert.equal(
    service.created.map(({ idempotencyKey }) => idempotencyKey),
    ['8e03 "97', '8e03 "97'],
  )
  assert.ok(service.contexts.every(({ principal }) => principal === 'anybody'))
  const long = 'k'.repeat(limits.idempotencyKeyBytesMax + 1)
  for (const bad of ['""', long, 'kéy']) {
    const sent = { body: 'x', headers: { 'Idempotency-Key': bad } }
    const refused = await send('PUT', '/v1/kv/profiles/a', sent)
    assert.is(await problemOf(refused), '400 bad_request', bad)
  }
})

headers.run()

const transactions = suite('transactions')

const json = (body: unknown, more = {}) => ({
  body: JSON.stringify(body),
  headers: { 'Content-Type': 'application/json', ...more },
})

transactions('conditions and operations in the words of the port', async () => {
  const { send, service } = createWorld()
  const reply = await send(
    'POST',
    '/v1/tx/profiles/g%2Fh?via=us-east',
    json(
      {
        if: [
          { key: 'g/h/a', exists: true, ifMatch: '"3.5-j"' },
          { key: 'g/h/b', value: { n: 1 } },
          { key: 'g/h/c', type: 'text/plain', bytes: 'eA' },
        ],
        // biome-ignore lint/suspicious/noThenProperty: the word of the contract
        then: [
          { op: 'put', key: 'g/h/a', value: [1], ttl: '5s' },
          { op: 'put', key: 'g/h/b', type: 'text/plain', bytes: 'eA' },
          { op: 'delete', key: 'g/h/c' },
        ],
        else: [{ op: 'get', key: 'g/h/a' }],
      },
      { 'Idempotency-Key': 'k' },
    ),
  )
  assert.is(reply.status, 200)
  const [x, type] = [utf8('x'), { mediaType: 'application/json' }]
  assert.equal(service.transactions, [
    {
      kind: 'transaction',
      key: 'g/h',
      conditions: [
        { key: 'g/h/a', exists: true, ifMatch: { term: 3, seq: 5 } },
        { key: 'g/h/b', value: { ...type, bytes: utf8('{"n":1}') } },
        { key: 'g/h/c', value: { mediaType: 'text/plain', bytes: x } },
      ],
      success: [
        { kind: 'put', key: 'g/h/a', value: utf8('[1]'), ...type, ttlMs: 5_000 },
        { kind: 'put', key: 'g/h/b', value: x, mediaType: 'text/plain' },
        { kind: 'delete', key: 'g/h/c' },
      ],
      failure: [{ kind: 'get', key: 'g/h/a' }],
      idempotencyKey: 'k',
    },
  ])
})

transactions('results are those of the same requests by themselves, with the receipt', async () => {
  const { send, service } = createWorld()
  const version = { term: 0, seq: 7 }
  service.nextTransacted = {
    succeeded: false,
    results: [
      { kind: 'found', version, mediaType: 'application/json', value: utf8('{"n":1}') },
      { kind: 'absent' },
      { kind: 'written', version, created: true },
      { kind: 'deleted', version },
    ],
  }
  const reply = await send('POST', '/v1/tx/profiles/g', json({}))
  assert.is(reply.headers.get('Denizen-Served-By'), 'eu-west;role=home;staleness-ms=0')
  assert.is(reply.headers.get('Denizen-Session'), '"s/1+2"')
  const { succeeded, results } = await jsonOf(reply)
  assert.ok(succeeded === false && Array.isArray(results))
  const [found, absent, ...changed] = results
  assert.equal(found, { status: 200, etag: '"0.7"', type: 'application/json', value: { n: 1 } })
  assert.equal([absent.status, absent.error.code], [404, 'not_found'])
  assert.equal(changed, [{ status: 201, etag: '"0.7"' }, { status: 204 }])
})

transactions('a body in CBOR holds byte strings', async () => {
  const { send, service } = createWorld()
  const bytes = Uint8Array.of(0, 255)
  const body = encodeCbor({
    // biome-ignore lint/suspicious/noThenProperty: the word of the contract
    then: [{ op: 'put', key: 'g', type: 'image/png', bytes }],
  })
  const cbor = { 'Content-Type': 'application/cbor' }
  assert.is((await send('POST', '/v1/tx/profiles/g', { body, headers: cbor })).status, 200)
  const [step] = service.transactions[0]?.success ?? []
  assert.ok(step?.kind === 'put')
  assert.equal([step.mediaType, [...step.value]], ['image/png', [0, 255]])
})

for (const [title, body, problem] of [
  ['an unknown member', { when: [] }, '400 bad_request'],
  ['an unknown operation', { else: [{ op: 'list', key: 'g' }] }, '400 bad_request'],
  ['a put without a value', { else: [{ op: 'put', key: 'g' }] }, '400 bad_request'],
  ['bytes without a type', { if: [{ key: 'g', bytes: 'eA' }] }, '400 bad_request'],
  [
    'a condition of an operation',
    { else: [{ op: 'delete', key: 'g', ifMatch: '*' }] },
    '400 bad_request',
  ],
  ['any version', { if: [{ key: 'g', ifMatch: '*' }] }, '400 bad_precondition'],
  ['a bad key', { if: [{ key: 'g//h' }] }, '400 bad_key'],
  ['a TTL of nothing', { else: [{ op: 'put', key: 'g', value: 1, ttl: '0s' }] }, '400 bad_request'],
] as const) {
  transactions(`${title} is refused`, async () => {
    const { send, service } = createWorld()
    assert.is(await problemOf(await send('POST', '/v1/tx/profiles/g', json(body))), problem)
    assert.equal(service.transactions, [])
  })
}

transactions('a region that may not answer says so before the body', async () => {
  const { send } = createWorld()
  const reply = await send('POST', '/v1/tx/far/g/h', json({}))
  assert.is(reply.headers.get('Location'), 'https://us-east.example/v1/tx/far/g/h?via=eu-west')
  assert.is(await problemOf(await send('POST', '/v1/tx/closed/g', json({}))), '451 refused_region')
  assert.is(await problemOf(await send('GET', '/v1/tx/profiles/g')), '405 method_not_allowed')
})

transactions.run()
