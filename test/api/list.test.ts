import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limits } from '../../src/model/limits.ts'
import { decodeCbor, encodeCbor } from '../../src/protocol/cbor.ts'
import { createWorld, jsonOf, problemOf, type World } from './world.ts'

async function page(
  { send }: World,
  query: string,
): Promise<{ keys: string[]; next: unknown; items: Record<string, unknown>[] }> {
  const reply = await send('GET', `/v1/kv/profiles${query}`)
  assert.is(reply.status, 200)
  const body = await jsonOf(reply)
  if (!Array.isArray(body.items)) throw new Error('items')
  const items = body.items.map((item: unknown) => ({ ...Object(item) }))
  return { items, keys: items.map(({ key }) => String(key)), next: body.next }
}

async function fill({ send }: World, ...keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    const headers = { 'Content-Type': 'application/json' }
    await send('PUT', `/v1/kv/profiles/${key}`, { body: '{"a":1}', headers })
  }
}

test('keys in byte order, with ETag and type, without values', async () => {
  const world = createWorld()
  await fill(world, 'b', 'a/2', 'a/1')
  const { items, keys, next } = await page(world, '')
  assert.equal(keys, ['a/1', 'a/2', 'b'])
  assert.is(next, undefined)
  assert.equal(Object.keys(items[0] ?? {}), ['key', 'etag', 'type'])
  assert.is(items[0]?.type, 'application/json')
  const read = await world.send('GET', '/v1/kv/profiles/a/1')
  assert.is(items[0]?.etag, read.headers.get('ETag'))
})

test('pages follow each other by next', async () => {
  const world = createWorld()
  await fill(world, 'a+b', 'a/1', 'a/2', 'a/3', 'b')
  const first = await page(world, '?prefix=a/&limit=2')
  assert.equal(first.keys, ['a/1', 'a/2'])
  assert.is(first.next, 'a/2')
  const second = await page(world, `?prefix=a%2F&limit=2&after=${encodeURIComponent('a/2')}`)
  assert.equal(second.keys, ['a/3'])
  assert.is(second.next, undefined)
  assert.equal((await page(world, '?prefix=a%2Bb&after=')).keys, ['a+b'])
})

test('values come as data items, or as type and bytes', async () => {
  const world = createWorld()
  await fill(world, 'a')
  await world.send('PUT', '/v1/kv/profiles/b', { body: Buffer.of(255) })
  const { items } = await page(world, '?values=true')
  assert.equal(items[0]?.value, { a: 1 })
  assert.is(items[1]?.bytes, '_w')
  assert.is(items[1]?.type, 'application/octet-stream')
  const reply = await world.send('GET', '/v1/kv/profiles?values=true', {
    headers: { Accept: 'application/cbor' },
  })
  assert.is(reply.headers.get('Content-Type'), 'application/cbor')
  const bytes = new Uint8Array(await reply.arrayBuffer())
  assert.equal(
    decodeCbor(bytes),
    decodeCbor(
      encodeCbor({
        items: [
          { key: 'a', etag: items[0]?.etag, type: 'application/json', value: { a: 1 } },
          {
            key: 'b',
            etag: items[1]?.etag,
            type: 'application/octet-stream',
            bytes: Uint8Array.of(255),
          },
        ],
      }),
    ),
  )
})

test('a page has 100 items unless it is told otherwise', async () => {
  const world = createWorld()
  await fill(world, ...Array.from({ length: limits.listItemsDefault + 1 }, (_, n) => `k${n}`))
  assert.is((await page(world, '')).keys.length, limits.listItemsDefault)
  assert.is((await page(world, `?limit=${limits.listItemsMax}`)).next, undefined)
})

test('a list says who answered', async () => {
  const { send, service } = createWorld()
  service.readReceipt = { servedBy: 'eu-west', role: 'replica', stalenessMs: 12 }
  const bound = await send('GET', '/v1/kv/profiles')
  assert.is(bound.headers.get('Denizen-Served-By'), 'eu-west;role=replica;staleness-ms=12')
  assert.is(bound.headers.get('Cache-Control'), 'private, no-store, no-transform')
  const free = await send('GET', '/v1/kv/cities')
  assert.is(free.headers.get('Cache-Control'), 'no-cache, no-transform')
})

test('a list of a dataset that is served elsewhere is sent there', async () => {
  const { send } = createWorld()
  assert.is(await problemOf(await send('GET', '/v1/kv/far?limit=3')), '307 redirect')
  assert.is(await problemOf(await send('GET', '/v1/kv/tenants?prefix=cn/')), '451 refused_region')
  assert.is((await send('GET', '/v1/kv/tenants?prefix=eu/')).status, 200)
})

test.run()
