/**
 * What one caller sees through several regions, over real distances and with two stores a dataset:
 * its own writes, nothing older than it has seen, and preconditions that hold wherever the home is.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limits } from '../../src/model/limits.ts'
import { startWorld, type World } from '../worlds/world.ts'
import {
  assertNoErrorLogged,
  assertProblem,
  at,
  compareEtags,
  connected,
  converged,
  eachOf,
  eventual,
  get,
  inSession,
  meanwhile,
  note,
  put,
  type Reply,
  remove,
  send,
  strong,
  until,
} from './client.ts'

let world: World
test.before(async () => {
  world = await startWorld({
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
  assert.ok(missed > 0, 'the sessions had something to miss')
})

test('what a session saw deleted stays deleted, however it learnt of it', async () => {
  const home = 'ap-northeast'
  const elsewhere = world.regions.filter(region => region !== home)
  const names = Array.from({ length: 9 }, (_, index) => `cities gone/${index}`)
  let stale = 0
  let sessions = 0
  await eachOf(names, 3, async (name, index) => {
    const region = at(elsewhere, index % elsewhere.length)
    const written = await put(world, home, name, 'a value')
    await everywhere(name, written.etag)
    const deleted = await remove(world, home, name)
    assert.is(deleted.status, 204, deleted.text)
    const blind = get(world, region, name, eventual)
    const ways = {
      'it deleted the key': deleted,
      'it read the absence': get(world, home, name, strong),
      'it deleted in vain': remove(world, home, name),
      'its precondition failed': put(world, home, name, 'x', { 'if-match': '*' }),
    }
    await eachOf(Object.entries(ways), 4, async ([way, reply]) => {
      const read = await get(world, region, name, inSession((await reply).session))
      assert.is(read.status, 404, `${way}: ${read.status} ${read.text}`)
      const again = await get(world, region, name, inSession(read.session))
      assert.is(again.status, 404, `${way}, and again`)
      sessions += 1
    })
    if ((await blind).status === 200) stale += 1
  })
  note(`${sessions} sessions; ${stale} of 9 eventual reads still found the key`)
  assert.ok(stale > 0, 'copies were behind, so that the sessions had something to lose')
})

test('a session that wanders between regions never sees an older state', async () => {
  const name = 'cities wandering'
  let newest: Reply = await put(world, 'ap-northeast', name, '0')
  let seen = newest
  let replicas = 0
  const hops = 60
  await meanwhile(
    async count => {
      newest = await put(world, 'us-east', name, `${count}`)
    },
    async () => {
      for (let hop = 0; hop < hops; hop++) {
        const region = at(world.regions, (hop * 7 + (hop >> 2)) % world.regions.length)
        const read = await get(world, region, name, inSession(seen.session))
        assert.is(read.status, 200, read.text)
        assert.ok(compareEtags(read, seen) >= 0, `${region}: ${read.etag} after ${seen.etag}`)
        if (read.servedBy?.includes('role=replica')) replicas += 1
        seen = read
      }
    },
  )
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

test('in the end all copies are equal, and no region met an error', async () => {
  note(`${await converged(world)} copies compared`)
  assertNoErrorLogged(world)
})

test.run()
