/**
 * Many keys at once and the largest values, over real distances and with two stores a dataset:
 * batches over all homes, lists that merge the stores, and 8 MiB through a region that keeps none.
 */
import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startWorld, type World } from '../worlds/world.ts'
import {
  assertNoErrorLogged,
  at,
  batch,
  connected,
  converged,
  eachOf,
  eventual,
  get,
  inSession,
  meanwhile,
  note,
  type Page,
  page,
  put,
  remove,
  samplePolicyWith,
  send,
  strong,
  until,
} from './client.ts'

let world: World
test.before(async () => {
  world = await startWorld({
    config: samplePolicyWith('  teams: { residency: anywhere, groupBy: { segments: 1 } }\n'),
    latency: 'real',
    threads: 2,
  })
  await connected(world)
})
test.after(() => world.close())

const everywhere = (name: string, etag: string | undefined): Promise<void> =>
  until('all copies have it', async () => {
    const reads = await Promise.all(world.regions.map(region => get(world, region, name, eventual)))
    return reads.every(read => read.etag === etag)
  })

test('one batch over keys of all homes', async () => {
  const keys = world.regions.map(region => `mixed/${region}`)
  await eachOf(world.regions, 4, (region, index) =>
    put(world, region, `cities ${keys[index]}`, `from ${region}`),
  )
  const ops = [
    ...keys.map(key => ({ op: 'get', key })),
    ...keys.map(key => ({ op: 'put', key: `${key}/more`, value: { for: key } })),
    { op: 'put', key: at(keys, 0), value: 1, ifMatch: '"1.1"' },
    { op: 'delete', key: at(keys, 1) },
    { op: 'get', key: 'mixed/nothing' },
    { op: 'put', key: '..', value: 1 },
  ]
  const results = await batch(world, 'us-east', 'cities', ops, strong)
  const statuses = results.map(({ status }) => status)
  assert.equal(statuses, [200, 200, 200, 200, 201, 201, 201, 201, 412, 204, 404, 400])
  keys.forEach((_, index) => {
    const region = at(world.regions, index)
    const { home, bytes } = at(results, index)
    assert.is(home, region)
    assert.is(Buffer.from(bytes ?? '', 'base64url').toString(), `from ${region}`)
    assert.is(at(results, index + 4).home, 'us-east', 'new keys live where they came in')
  })
  // The token of a batch speaks for all of its operations.
  const reply = await send(world, 'eu-west', 'POST', '/v1/batch/cities', {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ops: keys.map((key, n) => ({ op: 'put', key, value: n + 10 })) }),
  })
  assert.is(reply.status, 200, reply.text)
  await eachOf(keys, 4, async (key, index) => {
    const read = await get(world, 'ap-northeast', `cities ${key}`, inSession(reply.session))
    assert.is(read.text, `${index + 10}`)
  })
})

/** All keys under a prefix, page by page. */
async function listAll(region: string, prefix: string, limit: number): Promise<string[]> {
  const keys: string[] = []
  let after: string | undefined
  do {
    const query = { prefix, limit: `${limit}`, ...(after === undefined ? {} : { after }) }
    const { items, next } = await page(world, region, 'cities', query)
    assert.ok(items.length <= limit)
    keys.push(...items.map(({ key }) => key))
    after = next
  } while (after !== undefined)
  return keys
}

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

test('lists merge the stores in byte order, and pages hold while writes go on', async () => {
  // UTF-16 would order the last two the other way round.
  const letters = ['', 'a', 'a/', 'ab', 'b', 'é', '東京', '\u{fffd}', '\u{10ffff}']
  const names = Array.from({ length: 300 }, (_, n) => `sorted/${at(letters, n % 9)}${n}`)
  const ops = names.map(key => ({ op: 'put', key, value: key }))
  await batch(world, 'eu-central', 'cities', ops.slice(0, 150))
  await batch(world, 'ap-northeast', 'cities', ops.slice(150))
  const expected = [...names].sort(byBytes)
  await until('all have come', async () => {
    return (await listAll('eu-west', 'sorted/', 1_000)).length === names.length
  })
  for (const limit of [1_000, 37, 300, 299]) {
    assert.equal(await listAll('eu-west', 'sorted/', limit), expected, `pages of ${limit}`)
  }
  assert.equal(
    await listAll('eu-west', 'sorted/1', 7),
    expected.filter(key => key.startsWith('sorted/1')),
  )

  let disturbances = 0
  const disturb = async (): Promise<void> => {
    await eachOf([0, 1, 2], 3, async lane => {
      const name = `cities sorted/${(disturbances * 31 + lane * 7) % 300}-between-${lane}`
      await put(world, 'eu-west', name, 'in between')
      if (lane === 1) await remove(world, 'eu-west', name)
      disturbances += 1
    })
  }
  await meanwhile(disturb, async () => {
    for (let round = 0; round < 5 || disturbances < 30; round++) {
      const listed = await listAll('eu-west', 'sorted/', 23)
      assert.equal(listed, [...listed].sort(byBytes), 'in order')
      const old = listed.filter(key => !key.includes('-between-'))
      assert.equal(old, expected, 'what was there before is there once')
    }
  })
  note(`at least 5 lists of 14 pages and more, ${disturbances} writes meanwhile`)

  const written = await put(world, 'ap-northeast', 'cities fresh/key', 'x')
  const query = { prefix: 'fresh/' }
  const own = await page(world, 'us-east', 'cities', query, inSession(written.session))
  assert.is(own.items.length, 1, 'a list shows a session its own writes')
})

test('a page of large values ends early, and the next one goes on', async () => {
  const names = Array.from({ length: 30 }, (_, index) => `large/${index}`)
  const written = await eachOf(names, 6, (name, index) =>
    put(world, 'us-east', `cities ${name}`, `${index}`.repeat(200_000)),
  )
  for (const { status, text } of written) assert.is(status, 201, text)
  await converged(world)
  const items: Page['items'][number][] = []
  let after: string | undefined
  let pages = 0
  do {
    const query = { prefix: 'large/', values: 'true', ...(after === undefined ? {} : { after }) }
    const { items: more, next } = await page(world, 'eu-west', 'cities', query)
    items.push(...more)
    pages += 1
    after = next
  } while (after !== undefined)
  assert.equal(
    items.map(({ key }) => key),
    [...names].sort(byBytes),
  )
  for (const { key, bytes } of items) {
    const value = Buffer.from(bytes ?? '', 'base64url').toString()
    assert.is(value, key.slice('large/'.length).repeat(200_000))
  }
  assert.ok(pages > 2, `${pages} pages`)
})

test('strong lists inside a group come from its home', async () => {
  const written = await put(world, 'ap-northeast', 'teams red/b', 'x')
  await put(world, 'us-east', 'teams red/a', 'x')
  for (const region of world.regions) {
    const reply = await send(world, region, 'GET', '/v1/kv/teams?prefix=red/', { headers: strong })
    assert.is(reply.status, 200, reply.text)
    assert.match(reply.servedBy ?? '', /^ap-northeast;role=home/)
    const { items } = JSON.parse(reply.text)
    assert.equal(
      items.map(({ key }: { key: string }) => key),
      ['red/a', 'red/b'],
    )
  }
  assert.is(written.home, 'ap-northeast')
})

test('the largest values, through a region that keeps none, and in every copy', async () => {
  const value = randomBytes(8 * 1024 * 1024)
  const type = { 'content-type': 'application/octet-stream' }
  const proxied = await put(world, 'us-east', 'catalog film', value, type)
  assert.is(proxied.status, 201, proxied.text)
  assert.match(proxied.servedBy ?? '', /^us-east;role=proxy/)
  const far = await put(world, 'ap-northeast', 'cities film', value, type)
  assert.is(far.status, 201, far.text)
  for (const region of world.regions) {
    const read = await get(world, region, 'catalog film', strong)
    assert.is(read.status, 200, read.text.slice(0, 500))
    assert.is(Buffer.compare(read.body, value), 0, `catalog through ${region}`)
    const own = await get(world, region, 'cities film', inSession(far.session))
    assert.is(own.status, 200, own.text.slice(0, 500))
    assert.is(Buffer.compare(own.body, value), 0, `cities through ${region}`)
  }
  await everywhere('cities film', far.etag)
  for (const region of world.regions) {
    const copy = await get(world, region, 'cities film', eventual)
    assert.match(copy.servedBy ?? '', new RegExp(`^${region};role=(home|replica)`))
    assert.is(Buffer.compare(copy.body, value), 0, `the copy of ${region}`)
  }
  note(`8 MiB: ${Math.round(proxied.tookMs)} ms through the proxying region`)
})

test('in the end all copies are equal, and no region met an error', async () => {
  note(`${await converged(world)} copies compared`)
  assertNoErrorLogged(world)
})

test.run()
