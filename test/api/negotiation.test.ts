import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { preferredFormat, problemFormat, represent } from '../../src/api/negotiation.ts'
import { utf8 } from '../../src/model/bytes.ts'
import { decodeCbor, encodeCbor } from '../../src/protocol/cbor.ts'
import { createWorld, problemOf } from './world.ts'

const jsonType = 'application/json'
const cborType = 'application/cbor'

test('structured replies are JSON unless CBOR is more welcome', () => {
  const rows: [string | undefined, string][] = [
    [undefined, 'json'],
    ['*/*', 'json'],
    ['application/json, application/cbor', 'json'],
    ['application/cbor', 'cbor'],
    ['Application/CBOR', 'cbor'],
    ['application/cbor;q=0.5, application/json;q=0.4', 'cbor'],
    ['application/json;q=0, */*', 'cbor'],
    ['application/*;q=0.9, application/json;q=0.1', 'cbor'],
    ['text/html', 'json'],
    ['application/cbor;q=0', 'json'],
    ['', 'json'],
    [';;,q=,', 'json'],
  ]
  for (const [accept, format] of rows) assert.is(preferredFormat(accept), format, accept)
})

test('problems follow the same preference, under their own names too', () => {
  assert.is(problemFormat('application/cbor'), 'cbor')
  assert.is(problemFormat('application/problem+cbor'), 'cbor')
  assert.is(problemFormat('application/problem+json, application/problem+cbor;q=0.5'), 'json')
  assert.is(problemFormat('text/html'), 'json')
})

test('a value is sent as it was put wherever that is welcome', () => {
  const rows: [string, string | undefined][] = [
    [jsonType, undefined],
    [jsonType, '*/*'],
    [jsonType, 'application/cbor, application/json'],
    ['application/json; charset=utf-8', 'application/json'],
    ['text/plain', 'text/*'],
    ['image/png', 'application/cbor, */*;q=0.1'],
    [cborType, 'application/*'],
  ]
  for (const [mediaType, accept] of rows) {
    const bytes = mediaType === cborType ? encodeCbor({ a: 1 }) : utf8('{"a": 1}')
    assert.equal(represent(mediaType, bytes, accept), { bytes, mediaType, suffix: '' }, accept)
  }
})

test('JSON and CBOR values are transcoded, and their ETags differ', async () => {
  const { send } = createWorld()
  const value = { text: 'é', list: [1, 2.5, -3, null, true], nested: { a: {} } }
  const bodies: [string, string | Uint8Array, string, string][] = [
    [jsonType, JSON.stringify(value), cborType, 'c'],
    [cborType, encodeCbor(value), jsonType, 'j'],
  ]
  for (const [type, body, other, suffix] of bodies) {
    const put = await send('PUT', '/v1/kv/profiles/a', { body, headers: { 'Content-Type': type } })
    const etag = put.headers.get('ETag') ?? ''
    const headers = { Accept: other }
    const read = await send('GET', '/v1/kv/profiles/a', { headers })
    assert.is(read.headers.get('Content-Type'), other)
    assert.is(read.headers.get('Vary'), 'Accept, Origin')
    const transcoded = etag.replace(/"$/, `-${suffix}"`)
    assert.is(read.headers.get('ETag'), transcoded)
    const bytes = new Uint8Array(await read.arrayBuffer())
    const decoded: unknown =
      other === cborType ? decodeCbor(bytes) : JSON.parse(Buffer.from(bytes).toString())
    assert.equal(decoded, value)

    const conditional = (tag: string): Promise<Response> =>
      send('GET', '/v1/kv/profiles/a', { headers: { ...headers, 'If-None-Match': tag } })
    assert.is((await conditional(transcoded)).status, 304)
    assert.is((await conditional(etag)).status, 200, 'the caller holds the other form')
    const match = { 'If-Match': transcoded, 'Content-Type': type }
    assert.is((await send('PUT', '/v1/kv/profiles/a', { body, headers: match })).status, 204)
    await send('DELETE', '/v1/kv/profiles/a')
  }
})

test('what the other form can not hold is 406, or sent as it is if welcome', async () => {
  const { send } = createWorld()
  const rows: [string, string | Uint8Array, string][] = [
    [cborType, encodeCbor({ b: Uint8Array.of(1) }), jsonType],
    [cborType, encodeCbor(2n ** 60n), jsonType],
    [cborType, encodeCbor(Number.NaN), jsonType],
    [cborType, Uint8Array.of(0xf7), jsonType],
    [jsonType, '12345678901234567890', cborType],
    [jsonType, '[1e999]', cborType],
    ['text/plain', 'plain', jsonType],
    ['image/png', 'png', 'image/webp'],
  ]
  for (const [type, body, accept] of rows) {
    await send('PUT', '/v1/kv/profiles/a', { body, headers: { 'Content-Type': type } })
    const refused = await send('GET', '/v1/kv/profiles/a', { headers: { Accept: accept } })
    assert.ok(refused.headers.has('Denizen-Served-By'))
    assert.is(await problemOf(refused), '406 not_acceptable', `${type} as ${accept}`)
    const lenient = { Accept: `${accept}, */*;q=0.1` }
    const taken = await send('GET', '/v1/kv/profiles/a', { headers: lenient })
    assert.is(taken.status, 200)
    assert.is(taken.headers.get('Content-Type'), type)
  }
})

test('dates become text in JSON', async () => {
  const { send } = createWorld()
  const headers = { 'Content-Type': cborType }
  const body = encodeCbor({ at: new Date(0) })
  await send('PUT', '/v1/kv/profiles/a', { body, headers })
  const read = await send('GET', '/v1/kv/profiles/a', { headers: { Accept: jsonType } })
  assert.is(await read.text(), '{"at":"1970-01-01T00:00:00.000Z"}')
})

test.run()
