/**
 * What one caller sees through several regions, over real distances and with two stores a dataset:
 * its own writes, nothing older than it has seen, preconditions that hold wherever the home is,
 * batches and lists over many homes, and the largest values.
 */
import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limits } from '../../src/model/limits.ts'
import { startWorld, type World } from '../worlds/world.ts'
import {
  assertNoErrorLogged,
  assertProblem,
  at,
  batch,
  compareEtags,
  connected,
  converged,
  eachOf,
  eventual,
  get,
  inSession,
  note,
  page,
  put,
  type Reply,
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

/** Every region with every other one. */
const pairs = (): [string, string][] =>
  world.regions.flatMap(a =>
    world.regions.filter(b => b !== a).map((b): [string, string] => [a, b]),
  )

const everywhere = (name: string, etag: string | undefined): Promise<void> =>
  until('all copies have it', async () => {
    const reads = await Promise.all(world.regions.map(region => get(world, region, name, eventual)))
    return reads.every(read => read.etag === etag)
  })

test('a session reads its own writes through any region, at once', async () => {
  let missed = 0
  await eachOf(pairs(), 6, async ([a, b]) => {
    const name = `cities own/${a}/${b}`
    const first = await put(world, a, name, 'first')
    assert.is(first.status, 201, first.text)
    const [blind, own] = await Promise.all([
      get(world, b, name, eventual),
      get(world, b, name, inSession(first.session)),
    ])
    if (blind.status === 404) missed += 1
    assert.is(`${own.status} ${own.text} ${own.etag}`, `200 first ${first.etag}`)
    // The session goes on from what it has just read.
    const second = await put(world, b, name, 'second', inSession(own.session))
    assert.is(`${second.status} ${second.home}`, `204 ${a}`)
    for (const region of world.regions) {
      const read = await get(world, region, name, inSession(second.session))
      assert.is(`${read.status} ${read.text}`, '200 second', region)
    }
  })
  note(`${missed} of 12 eventual reads missed what the session found`)
  assert.ok(missed > 6)
})

test('what a session saw deleted stays deleted, however it learnt of it', async () => {
  const home = 'ap-northeast'
  const elsewhere = world.regions.filter(region => region !== home)
  let stale = 0
  await eachOf(elsewhere, 3, async region => {
    const name = `cities gone/${region}`
    const written = await put(world, home, name, 'a value')
    await everywhere(name, written.etag)
    const deleted = await remove(world, home, name)
    assert.is(deleted.status, 204, deleted.text)
    const ways = {
      'it deleted the key': deleted,
      'it read the absence': await get(world, home, name, strong),
      'it deleted in vain': await remove(world, home, name),
      'its precondition failed': await put(world, home, name, 'x', { 'if-match': '*' }),
    }
    const blind = get(world, region, name, eventual)
    for (const [way, reply] of Object.entries(ways)) {
      const read = await get(world, region, name, inSession(reply.session))
      assert.is(read.status, 404, `${way}: ${read.status} ${read.text}`)
      const unconditional = get(world, region, name, inSession(read.session))
      assert.is((await unconditional).status, 404, `${way}, and again`)
    }
    if ((await blind).status === 200) stale += 1
  })
  note(`${stale} of 3 eventual reads still found it`)
  assert.ok(stale > 0, 'the copies were behind, so that the sessions had something to lose')
})

test('a session that wanders between regions never sees an older state', async () => {
  const name = 'cities wandering'
  let newest: Reply = await put(world, 'ap-northeast', name, '0')
  let stopped = false
  const writing = (async () => {
    for (let count = 1; !stopped; count++) newest = await put(world, 'us-east', name, `${count}`)
  })()
  let seen = newest
  let replicas = 0
  const hops = 60
  for (let hop = 0; hop < hops; hop++) {
    const region = at(world.regions, (hop * 7 + (hop >> 2)) % world.regions.length)
    const read = await get(world, region, name, inSession(seen.session))
    assert.is(read.status, 200, read.text)
    assert.ok(compareEtags(read, seen) >= 0, `${region}: ${read.etag} after ${seen.etag}`)
    if (read.servedBy?.includes('role=replica')) replicas += 1
    seen = read
  }
  stopped = true
  await writing
  note(
    `${replicas} of ${hops} reads were answered by replicas; ${newest.etag} was the last version`,
  )
  assert.ok(replicas > 5, 'replicas that are good enough answer')
})

test('a session that has outgrown its token reads at the homes', async () => {
  const write = (region: string, token: string | undefined): Promise<Reply> => {
    const keys = Array.from({ length: 150 }, (_, index) => `many/${region}/${index}`)
    return send(world, region, 'POST', '/v1/batch/cities', {
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : inSession(token)),
      },
      body: JSON.stringify({ ops: keys.map(key => ({ op: 'put', key, value: key })) }),
    })
  }
  const first = await write('us-east', undefined)
  assert.is(first.status, 200, first.text)
  const second = await write('eu-central', first.session)
  assert.is(second.status, 200, second.text)
  const sizes = [first, second].map(({ session }) => (session ?? '').length)
  assert.ok(at(sizes, 0) > 500 && at(sizes, 0) <= limits.sessionTokenBytesMax + 2, `${sizes}`)
  assert.ok(at(sizes, 1) < 64, `it has degraded, to ${at(sizes, 1)} characters`)
  const token = inSession(second.session)
  await eachOf(['us-east/0', 'us-east/149', 'eu-central/0', 'eu-central/149'], 4, async name => {
    const read = await get(world, 'ap-northeast', `cities many/${name}`, token)
    assert.is(`${read.status} ${read.text}`, `200 "many/${name}"`)
    assert.match(read.servedBy ?? '', new RegExp(`^${name.split('/')[0]};role=home`))
  })
  // No single copy has all for certain: it is refused, not answered with less.
  const listed = await send(world, 'ap-northeast', 'GET', '/v1/kv/cities?prefix=many/', {
    headers: token,
  })
  assertProblem(listed, 503, 'session_ahead')
})

test('a token that no region gave is refused, and nothing is done', async () => {
  const written = await put(world, 'eu-west', 'cities honest', 'a value')
  const token = (written.session ?? '').replaceAll('"', '')
  const flipped = `${token.slice(0, 30)}${token[30] === 'A' ? 'B' : 'A'}${token.slice(31)}`
  const forgeries = [flipped, token.slice(0, -4), `${token}AAAA`, 'home', 'AAAA', '!']
  for (const forgery of forgeries) {
    const session = { 'denizen-session': forgery }
    assertProblem(await get(world, 'us-east', 'cities honest', session), 400, 'bad_session')
    assertProblem(await put(world, 'us-east', 'cities honest', 'x', session), 400, 'bad_session')
    assertProblem(await remove(world, 'us-east', 'cities honest', session), 400, 'bad_session')
    const listed = await send(world, 'us-east', 'GET', '/v1/kv/cities', { headers: session })
    assertProblem(listed, 400, 'bad_session')
  }
  const read = await get(world, 'us-east', 'cities honest', strong)
  assert.is(`${read.text} ${read.etag}`, `a value ${written.etag}`)
})

const ifMatch = (reply: Reply) => ({ 'if-match': reply.etag ?? '' })
const ifNone = { 'if-none-match': '*' }

test('preconditions hold wherever the home is', async () => {
  const name = 'cities guarded'
  const first = await put(world, 'ap-northeast', name, 'first', ifNone)
  assert.is(first.status, 201, first.text)
  const second = await put(world, 'eu-west', name, 'second', ifMatch(first))
  assert.is(second.status, 204, second.text)
  for (const region of world.regions) {
    const late = await put(world, region, name, 'late', ifMatch(first))
    assertProblem(late, 412, 'version_mismatch')
    assert.is(late.etag, second.etag, 'the version to compare with next time')
    assertProblem(await put(world, region, name, 'x', ifNone), 412, 'version_mismatch')
    assertProblem(await remove(world, region, name, ifMatch(first)), 412, 'version_mismatch')
    const fresh = { ...inSession(second.session), 'if-none-match': second.etag ?? '' }
    assert.is((await get(world, region, name, fresh)).status, 304)
    const missing = await put(world, region, 'cities nobody-wrote', 'x', { 'if-match': '*' })
    assertProblem(missing, 412, 'version_mismatch')
    // Who is told of a version by a refusal does not see an older one afterwards.
    const informed = await get(world, region, name, inSession(late.session))
    assert.is(`${informed.status} ${informed.text}`, '200 second')
  }
  const deleted = await remove(world, 'us-east', name, ifMatch(second))
  assert.is(deleted.status, 204, deleted.text)
  assert.is((await get(world, 'eu-central', name, strong)).status, 404)
})

test('of many who create one key through all regions, one does', async () => {
  const keys = Array.from({ length: 24 }, (_, index) => `created/${index}`)
  await eachOf(keys, 6, async key => {
    const creators = Array.from({ length: 12 }, (_, n) => at(world.regions, n % 4))
    const replies = await Promise.all(
      creators.map((region, n) => put(world, region, `cities ${key}`, `by ${n}`, ifNone)),
    )
    const winners = replies.filter(({ status }) => status === 201)
    assert.is(winners.length, 1, `${key}: ${replies.map(({ status }) => status)}`)
    const [winner] = winners
    for (const reply of replies) {
      if (reply !== winner) assertProblem(reply, 412, 'version_mismatch')
    }
    const expected = `by ${replies.indexOf(winner as Reply)} ${winner?.etag}`
    await eachOf(world.regions, 4, async region => {
      const read = await get(world, region, `cities ${key}`, strong)
      assert.is(`${read.text} ${read.etag}`, expected)
    })
  })
})

test('increments through all regions at the same time are never lost', async () => {
  const name = 'cities counter'
  assert.is((await put(world, 'us-east', name, '0')).status, 201)
  let refused = 0
  const incrementEach = 3
  await eachOf(world.regions, 4, async region => {
    for (let done = 0; done < incrementEach; ) {
      const read = await get(world, region, name, strong)
      const written = await put(world, region, name, `${Number(read.text) + 1}`, ifMatch(read))
      if (written.status === 204) done += 1
      else refused += assertProblem(written, 412, 'version_mismatch') ? 1 : 0
    }
  })
  assert.is((await get(world, 'ap-northeast', name, strong)).text, `${4 * incrementEach}`)
  note(`${4 * incrementEach} increments, ${refused} refused and tried again`)
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
  const letters = ['', '/', 'a', 'ab', 'b', 'é', '東京', '\u{fffd}', '\u{10ffff}']
  const names = Array.from({ length: 300 }, (_, n) => `sorted/${n}${at(letters, n % 9)}x`)
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

  let stopped = false
  let disturbances = 0
  const disturb = async (lane: number): Promise<void> => {
    for (let n = 0; !stopped; n++) {
      const name = `cities sorted/${(n * 31 + lane * 7) % 300}-between-${lane}`
      await put(world, 'eu-west', name, 'in between')
      if (n % 2 === 1) await remove(world, 'eu-west', name)
      disturbances += 1
    }
  }
  const disturbing = Promise.all([0, 1, 2].map(disturb))
  try {
    for (let round = 0; round < 5 || disturbances < 30; round++) {
      const listed = await listAll('eu-west', 'sorted/', 23)
      assert.equal(listed, [...listed].sort(byBytes), 'in order')
      const old = listed.filter(key => !key.includes('-between-'))
      assert.equal(old, expected, 'what was there before is there once')
    }
  } finally {
    stopped = true
    await disturbing
  }
  note(`at least 5 lists of 14 pages and more, ${disturbances} writes meanwhile`)

  const written = await put(world, 'ap-northeast', 'cities fresh/key', 'x')
  const query = { prefix: 'fresh/' }
  const own = await page(world, 'us-east', 'cities', query, inSession(written.session))
  assert.is(own.items.length, 1, 'a list shows a session its own writes')
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
