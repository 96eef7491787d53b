/**
 * Lives of values, transactions and repeated mutations in a world of processes: through regions
 * that are not the home, with the home killed and back, and what its copies make of it.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startWorld, type World } from '../worlds/world.ts'
import {
  assertNoErrorLogged,
  assertProblem,
  clusterView,
  connected,
  eventual,
  get,
  page,
  put,
  type Reply,
  remove,
  send,
  strong,
  until,
} from './client.ts'

const regions = ['eu-west', 'us-east', 'ap-northeast']
const [home, other, third] = regions as [string, string, string]
const config = `
cluster: test
regions: [${regions.join(', ')}]
coordination: { static: ${home} }
datasets:
  groups: { residency: anywhere, homing: { pinned: ${home} }, groupBy: { segments: 1 } }
  brief: { residency: anywhere, homing: { pinned: ${home} }, ttl: 1s }
`

let world: World
test.before(async () => {
  world = await startWorld({ config, threads: 2 })
  await connected(world)
})
test.after(() => world.close())

const transact = (
  region: string,
  group: string,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> =>
  send(world, region, 'POST', `/v1/tx/groups/${group}`, {
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })

const once = (key: string) => ({ 'idempotency-key': key })

test('what expires is gone for every reader, and then for good in every copy', async () => {
  for (const region of regions) {
    assert.is((await put(world, region, `brief of/${region}`, 'x')).status, 201)
    const lasting = { 'denizen-ttl': '1d' }
    assert.is((await put(world, region, `brief day/${region}`, 'x', lasting)).status, 201)
  }
  await until('all have expired everywhere', async () => {
    const reads = regions.flatMap(region =>
      regions.map(of => get(world, region, `brief of/${of}`, strong)),
    )
    return (await Promise.all(reads)).every(({ status }) => status === 404)
  })
  for (const region of regions) {
    const { items } = await page(world, region, 'brief', { prefix: 'of/' })
    assert.equal(items, [])
    assert.is((await get(world, region, `brief day/${region}`, strong)).status, 200)
  }
  await until('every copy has the tombstones', async () => {
    const views = await Promise.all(regions.map(region => clusterView(world, region)))
    return views.every(({ datasets }) => {
      const copy = datasets.find(({ name }) => name === 'brief')?.copy
      return copy?.tombstones === 3 && copy.records === 3
    })
  })
})

test('a transaction is whole in every copy at every moment', async () => {
  let stop = false
  const torn: string[] = []
  const watch = async (region: string): Promise<void> => {
    while (!stop) {
      const { items } = await page(world, region, 'groups', { prefix: 'whole/', values: 'true' })
      const values = new Set(items.map(({ value }) => value))
      if (values.size > 1 || items.length % 2 === 1) torn.push(region)
    }
  }
  const watching = regions.map(watch)
  for (let n = 0; n < 60; n++) {
    const puts = ['a', 'b'].map(name => ({ op: 'put', key: `whole/${name}`, value: n }))
    const region = regions[n % regions.length] ?? home
    const reply = await transact(region, 'whole', {
      else: puts,
      if: [{ key: 'whole/none', exists: true }],
    })
    assert.is(reply.status, 200, reply.text)
    const { succeeded, results } = JSON.parse(reply.text)
    assert.equal([succeeded, results[0].etag], [false, results[1].etag])
  }
  stop = true
  await Promise.all(watching)
  assert.equal(torn, [])
})

test('of many who compare and swap through all regions each step has one winner', async () => {
  const first = await put(world, other, 'groups swap/n', '0')
  let etag = first.etag
  for (let n = 1; n <= 5; n++) {
    const body = {
      if: [{ key: 'swap/n', ifMatch: etag }],
      // biome-ignore lint/suspicious/noThenProperty: the word of the contract
      then: [{ op: 'put', key: 'swap/n', value: n }],
      else: [{ op: 'get', key: 'swap/n' }],
    }
    const replies = await Promise.all(regions.map(region => transact(region, 'swap', body)))
    const parsed = replies.map(({ text }) => JSON.parse(text))
    const winners = parsed.filter(({ succeeded }) => succeeded)
    assert.is(winners.length, 1)
    etag = winners[0].results[0].etag
    assert.ok(parsed.every(({ results }) => results[0].etag === etag))
  }
})

test('a key of another group is refused, wherever it is asked for', async () => {
  for (const region of regions) {
    const body = { else: [{ op: 'put', key: 'elsewhere/a', value: 1 }] }
    assertProblem(await transact(region, 'here', body), 422, 'outside_group')
    assertProblem(await transact(region, 'here/deeper', {}), 422, 'outside_group')
  }
})

test('a home that dies between a mutation and its repeats does not apply it twice', async () => {
  const headers = once('before-the-kill')
  const first = await put(world, other, 'groups once/a', 'x', headers)
  assert.is(first.status, 201, first.text)
  const create = (region: string): Promise<Reply> =>
    send(world, region, 'POST', '/v1/kv/groups?prefix=once/', {
      headers: once('creation'),
      body: 'y',
    })
  const created = await create(third)
  assert.is(created.status, 201, created.text)
  await world.kill(home)
  const away = await put(world, third, 'groups once/a', 'x', headers)
  assert.ok(away.status === 503 || away.status === 500, away.text)
  await world.start(home)
  await connected(world)
  for (const region of regions) {
    const again = await put(world, region, 'groups once/a', 'x', headers)
    assert.equal([again.status, again.etag], [201, first.etag], again.text)
    const { location, etag } = await create(region)
    assert.equal([location, etag], [created.location, created.etag])
    const mismatch = await put(world, region, 'groups once/a', 'z', headers)
    assertProblem(mismatch, 422, 'idempotency_mismatch')
  }
  const removal = once('removal')
  assert.is((await remove(world, other, 'groups once/a', removal)).status, 204)
  assert.is((await put(world, third, 'groups once/a', 'again')).status, 201)
  assert.is((await remove(world, third, 'groups once/a', removal)).status, 204)
  assert.is((await get(world, home, 'groups once/a', strong)).text, 'again')
  await until('the copies agree', async () => {
    const reads = await Promise.all(
      regions.map(region => get(world, region, 'groups once/a', eventual)),
    )
    return reads.every(({ text }) => text === 'again')
  })
})

test('no region has logged an error', () => assertNoErrorLogged(world))

test.run()
