/**
 * The residency promise, on real disks and wires: after thousands of requests whose keys and values
 * hold random markers, sent to the right regions and to the wrong ones, no marker lies where the
 * policy does not permit it. The same search finds them where they belong.
 */
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadHasher } from '../../src/model/hash.ts'
import {
  encodedSample,
  encodings,
  type Finding,
  filesBelow,
  HashSearch,
  MarkerSearch,
  newMarker,
} from '../worlds/marker-search.ts'
import { startWorld, type World } from '../worlds/world.ts'
import {
  allReachable,
  ask,
  clusterView,
  codeOf,
  converged,
  copies,
  inParallel,
  jsonOf,
  kv,
  type Reply,
  seededRandom,
  seedOfRun,
  sendJson,
  sendText,
} from './region-client.ts'

const random = seededRandom(seedOfRun())
const hasher = await loadHasher()
const width = 12

const europe = ['eu-west', 'eu-central']
const everywhere = [...europe, 'us-east', 'ap-northeast']

/** What the sample world rules of a dataset or partition, in the words of the search. */
interface Rule {
  readonly dataset: string
  readonly prefix: string
  readonly stored: readonly string[]
  readonly served: readonly string[]
  readonly outside: 'redirect' | 'refuse'
  /** Whoever answers must get it over the wire; nobody else may. */
  readonly wired: readonly string[]
  readonly marker: string
}

const rule = (dataset: string, stored: readonly string[], options: Partial<Rule> = {}): Rule => {
  const served = options.served ?? stored
  const wired = options.wired ?? served
  const marker = newMarker(random)
  return { dataset, prefix: '', outside: 'redirect', ...options, stored, served, wired, marker }
}

const rules: Readonly<Record<string, Rule>> = {
  profiles: rule('profiles', europe),
  ledger: rule('ledger', ['us-east'], { outside: 'refuse', wired: [] }),
  catalog: rule('catalog', europe, { served: everywhere }),
  'tenants eu': rule('tenants', europe, { prefix: 'eu/' }),
  'tenants us': rule('tenants', ['us-east'], { prefix: 'us/', outside: 'refuse', wired: [] }),
  'tenants jp': rule('tenants', ['ap-northeast'], {
    prefix: 'jp/',
    served: ['ap-northeast', ...europe],
  }),
  cities: rule('cities', everywhere),
}
const markers = Object.fromEntries(Object.entries(rules).map(([name, it]) => [name, it.marker]))
const search = new MarkerSearch(markers)

/** Keys that were written, or asked for, by the name of their rule. */
const keys = new Map<string, string[]>(Object.keys(rules).map(name => [name, []]))
const keysOf = (name: string): string[] => keys.get(name) ?? []
let count = 0

function newKey(name: string): string {
  const { prefix, marker } = rules[name] as Rule
  count += 1
  const key = `${prefix}${count}${marker}/${marker}${count}`
  keysOf(name).push(key)
  return key
}

/** Each value holds the marker in one of the encodings, in turn. */
function newValue(name: string): Buffer {
  const { marker } = rules[name] as Rule
  const encoding = encodings[count % encodings.length] as (typeof encodings)[number]
  const sample = encodedSample(marker, encoding)
  return Buffer.concat([Buffer.from('.'.repeat(Math.floor(random() * 200))), sample])
}

test('each encoding has a searcher that finds it, and nothing else', () => {
  const marker = newMarker(random)
  const alone = new MarkerSearch({ it: marker })
  const noise = Buffer.from(Array.from({ length: 5_000 }, () => Math.floor(random() * 256)))
  assert.equal(alone.bytes('noise', noise), [])
  for (const encoding of encodings) {
    const haystack = Buffer.concat([noise, encodedSample(marker, encoding), noise])
    const found = alone.bytes('a haystack', haystack).map(finding => finding.encoding)
    assert.equal(found, [encoding])
    const broken = Buffer.from(haystack)
    const middle = noise.length + encodedSample(marker, encoding).length / 2
    broken[Math.floor(middle)] = (broken[Math.floor(middle)] ?? 0) ^ 1
    assert.equal(alone.bytes('a broken one', broken), [])
  }
  const hashes = new HashSearch(hasher, [marker])
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(hasher.h64(Buffer.from(marker)))
  assert.is(hashes.count(noise), 0)
  assert.is(hashes.count(Buffer.concat([noise, bytes, noise, bytes.reverse(), noise])), 2)
})

test('markers lie where the policy permits, and nowhere else', async () => {
  const world = await startWorld({ capture: true })
  try {
    await writeEverywhere(world)
    await world.kill('us-east')
    await world.kill('ap-northeast')
    await world.kill('eu-central')
    for (const region of ['eu-central', 'us-east', 'ap-northeast']) await world.start(region)
    await allReachable(world)
    await readEverywhere(world)
    await misdirect(world)
    await missend(world)
    await converged(world)
    const held = await copies(world, 'us-east')
    assert.equal([...held.keys()].sort(), ['cities', 'ledger', 'settings', 'tenants/us/'])
    for (const region of world.regions) {
      assert.is((await clusterView(world, region)).residencyViolations, 0, region)
    }
    for (const region of world.regions) await world.stop(region)
    searchDisks(world)
    searchWires(world)
    searchLogs(world)
    process.stdout.write(`${count} keys written or tried\n`)
  } finally {
    await world.close()
  }
})

/** Through every region that serves, by every request that writes. */
async function writeEverywhere(world: World): Promise<void> {
  const doors = Object.entries(rules).flatMap(([name, { served }]) =>
    served.map(region => ({ name, region })),
  )
  for (const { name, region } of doors) {
    const { dataset, prefix, marker } = rules[name] as Rule
    const many = name === 'profiles' ? 300 : 60
    await inParallel(width, Array(many), async () => {
      const hint = random() < 0.2 ? { 'denizen-hint': pick(everywhere) } : {}
      const put = sendText('PUT', newValue(name), hint)
      expect(await ask(world, region, kv(dataset, newKey(name)), put), 201, `PUT ${name} ${region}`)
    })
    await inParallel(4, Array(name === 'profiles' ? 8 : 2), async () => {
      const ops = Array.from({ length: 150 }, () => ({
        op: 'put',
        key: newKey(name),
        value: { text: newValue(name).toString('latin1') },
      }))
      const reply = await ask(world, region, `/v1/batch/${dataset}`, sendJson('POST', { ops }))
      expect(reply, 200, `batch ${name} ${region}`)
      const { results } = jsonOf(reply) as { results: { status: number }[] }
      assert.ok(results.every(({ status }) => status === 201))
    })
    await inParallel(width, Array(20), async () => {
      const target = `/v1/kv/${dataset}?prefix=${encodeURIComponent(`${prefix}${marker}/`)}`
      const reply = await ask(world, region, target, sendText('POST', newValue(name)))
      expect(reply, 201, `POST ${name} ${region}`)
    })
    const large = Buffer.alloc(700_000, `${marker} in many frames `)
    expect(await ask(world, region, kv(dataset, newKey(name)), sendText('PUT', large)), 201, name)
    const doomed = keysOf(name).slice(-170, -150)
    await inParallel(width, doomed, async key => {
      const reply = await ask(world, region, kv(dataset, key), { method: 'DELETE' })
      expect(reply, 204, `DELETE ${name} ${region}`)
    })
  }
}

/** Through every region that serves, proxies included, at every level. */
async function readEverywhere(world: World): Promise<void> {
  for (const [name, { dataset, prefix, served }] of Object.entries(rules)) {
    for (const region of served) {
      const session: Record<string, string> = {}
      await inParallel(width, keysOf(name).slice(0, 40), async key => {
        const consistency = pick(['strong', 'session', 'eventual'])
        const headers = { 'denizen-consistency': consistency, ...session }
        const reply = await ask(world, region, kv(dataset, key), { headers })
        assert.ok([200, 404].includes(reply.status), `GET ${name} ${region}: ${reply.status}`)
        const token = reply.headers['denizen-session']
        if (typeof token === 'string') session['denizen-session'] = token
      })
      const [key = ''] = keysOf(name)
      const list = `/v1/kv/${dataset}?limit=200&values=true&prefix=${encodeURIComponent(prefix)}`
      expect(await ask(world, region, list), 200, `list ${name} ${region}`)
      const explain = kv(dataset, key).replace('/v1/kv/', '/v1/explain/')
      expect(await ask(world, region, explain), 200, `explain ${name} ${region}`)
      const ops = keysOf(name)
        .slice(0, 100)
        .map(one => ({ op: 'get', key: one }))
      const batch = sendJson('POST', { ops })
      expect(await ask(world, region, `/v1/batch/${dataset}`, batch), 200, `gets ${name} ${region}`)
    }
  }
}

/** Every request, sent to every region that may not serve it: whatever the client says. */
async function misdirect(world: World): Promise<void> {
  for (const [name, { dataset, prefix, served, outside }] of Object.entries(rules)) {
    for (const region of everywhere.filter(it => !served.includes(it))) {
      const what = `${name} through ${region}`
      const refused = outside === 'refuse'
      await inParallel(width, Array(20), async () => {
        const key = newKey(name)
        const put = await ask(world, region, kv(dataset, key), sendText('PUT', newValue(name)))
        expect(put, refused ? 451 : 307, what)
        if (!refused) checkRedirect(world, region, served, put)
        const via = `${kv(dataset, key)}?via=${pick(served)}`
        const again = await ask(world, region, via, sendText('PUT', newValue(name)))
        expect(again, refused ? 451 : 503, what)
        if (!refused) assert.is(codeOf(again), 'no_serving_region')
        const manual = { 'denizen-redirect': 'manual', 'denizen-hint': region }
        const told = await ask(world, region, kv(dataset, key), sendText('PUT', key, manual))
        expect(told, refused ? 451 : 421, what)
      })
      const key = newKey(name)
      const ops = [key, ...keysOf(name).slice(0, 50)].flatMap(one => [
        { op: 'put', key: one, value: newValue(name).toString('latin1') },
        { op: 'get', key: one },
        { op: 'delete', key: one },
      ])
      const explain = kv(dataset, key).replace('/v1/kv/', '/v1/explain/')
      const within = `/v1/kv/${dataset}?prefix=${encodeURIComponent(`${prefix}${key}/`)}`
      for (const [target, request] of [
        [kv(dataset, key), {}],
        [kv(dataset, key), { method: 'HEAD' }],
        [kv(dataset, keysOf(name)[0] ?? ''), { method: 'DELETE' }],
        [kv(dataset, key), { headers: { 'denizen-consistency': 'strong' } }],
        [within, sendText('POST', newValue(name))],
        [within, {}],
        [explain, {}],
        [`/v1/batch/${dataset}`, sendJson('POST', { ops })],
      ] as const) {
        expect(await ask(world, region, target, request), refused ? 451 : 307, `${what}: ${target}`)
      }
    }
  }
  await mixedBatch(world)
}

/** One batch whose operations belong to different places: each is answered for itself. */
async function mixedBatch(world: World): Promise<void> {
  const ops = ['tenants us', 'tenants eu', 'tenants jp'].flatMap(name => {
    const value = newValue(name).toString('latin1')
    return [{ op: 'put', key: newKey(name), value }]
  })
  const reply = await ask(world, 'us-east', '/v1/batch/tenants', sendJson('POST', { ops }))
  const { results } = jsonOf(reply) as { results: { status: number; region?: string }[] }
  assert.equal(
    results.map(({ status }) => status),
    [201, 307, 307],
  )
  assert.ok(europe.includes(results[1]?.region ?? ''))
}

function checkRedirect(
  world: World,
  from: string,
  served: readonly string[],
  { headers, body }: Reply,
): void {
  const location = new URL(`${headers.location}`)
  const target = served.find(region => world.url(region) === location.origin)
  assert.ok(target, 'a redirect leads to a region that may serve')
  assert.is(location.searchParams.get('via'), from)
  assert.is((JSON.parse(body.toString()) as { region: string }).region, target)
  assert.match(`${headers['cache-control']}`, 'no-store')
}

/** Mistakes of clients, with markers in every part: none of them is repeated to anybody else. */
async function missend(world: World): Promise<void> {
  const cbor = { 'content-type': 'application/cbor' }
  for (const [name, { dataset, prefix, marker }] of Object.entries(rules)) {
    const key = newKey(name)
    const target = kv(dataset, key)
    const json = { method: 'PUT', headers: { 'content-type': 'application/json' } }
    const batch = `/v1/batch/${dataset}`
    await inParallel(width, everywhere, async region => {
      for (const [at, request] of [
        [kv(`${marker.replaceAll('~', '')}`, key), {}],
        [`/v1/kv/${dataset}/${prefix}a/../${marker}`, sendText('PUT', marker)],
        [`/v1/kv/${dataset}/${prefix}a//${marker}`, sendText('PUT', marker)],
        [`/v1/kv/${dataset}/${prefix}${marker}%ff`, sendText('PUT', marker)],
        [kv(dataset, `${prefix}${marker.repeat(60)}`), sendText('PUT', marker)],
        [kv(dataset, `${marker}/none`), dataset === 'tenants' ? {} : { method: 'BREW' }],
        [target, { ...json, body: `{"${marker}": ${marker}` }],
        [target, { method: 'PUT', headers: cbor, body: Buffer.from(`\xff${marker}`, 'latin1') }],
        [target, { ...sendText('PUT', marker, { 'if-match': marker }) }],
        [target, { ...sendText('PUT', marker, { 'denizen-session': marker }) }],
        [target, { ...sendText('PUT', marker, { 'idempotency-key': marker.repeat(60) }) }],
        [target, { ...sendText('PUT', marker, { 'content-type': `${marker}` }) }],
        [target, { headers: { 'denizen-consistency': marker } }],
        [`${target}?${marker}=${marker}`, {}],
        [target, { ...sendText('PUT', marker), claimedBytes: 9_000_000 }],
        [batch, { method: 'POST', headers: cbor, body: Buffer.from(`\xa1${marker}`, 'latin1') }],
        [batch, { ...sendText('POST', `{"ops":[{"op":"put","key":"${key}"}]}`) }],
        [batch, { ...sendJson('POST', { ops: [{ op: marker, key }] }) }],
        [`/v1/${marker}/${key}`, { method: 'POST', body: marker }],
      ] as const) {
        const { status } = await ask(world, region, at, request)
        const told = (status >= 400 && status < 500) || status === 307 || status === 503
        assert.ok(told, `${status} for ${request.method ?? 'GET'} ${at} at ${region}`)
      }
    })
  }
}

function searchDisks(world: World): void {
  for (const region of everywhere) {
    const directory = world.dataDirectory(region)
    const findings = search.directory(directory)
    for (const [name, { stored }] of Object.entries(rules)) {
      check(findings, name, stored.includes(region), `${name} on the disk of ${region}`)
    }
    const foreign = Object.entries(rules).filter(([, { stored }]) => !stored.includes(region))
    const hashes = new HashSearch(
      hasher,
      foreign.flatMap(([name]) => keysOf(name).flatMap(beginnings)),
    )
    for (const path of filesBelow(directory)) {
      assert.is(hashes.count(readFileSync(path)), 0, `hashes of keys in ${path}`)
    }
  }
}

/** A key, and the groups that it may belong to. */
const beginnings = (key: string): string[] =>
  key.split('/').map((_, index, segments) => segments.slice(0, index + 1).join('/'))

function searchWires(world: World): void {
  for (const region of everywhere) {
    const chunks = world.captured(region)
    const findings = search.bytes(`what others sent to ${region}`, Buffer.concat([...chunks]))
    for (const [name, { wired }] of Object.entries(rules)) {
      check(findings, name, wired.includes(region), `${name} on its way to ${region}`)
    }
  }
}

function searchLogs(world: World): void {
  for (const region of everywhere) {
    assert.equal(search.file(world.logFile(region)), [], `the log of ${region}`)
    assert.match(readFileSync(world.logFile(region), 'utf8'), 'the node serves')
  }
}

/** All encodings, or nothing at all. */
function check(findings: readonly Finding[], name: string, permitted: boolean, what: string): void {
  const own = findings.filter(finding => finding.name === name)
  const places = own.map(({ place, offset, encoding }) => `${place} +${offset} as ${encoding}`)
  if (permitted) {
    const found = [...new Set(own.map(({ encoding }) => encoding))]
    assert.equal(found.sort(), [...encodings].sort(), what)
  } else assert.equal(places, [], what)
}

function expect({ status, body }: Reply, wanted: number, what: string): void {
  const told = status === wanted ? '' : body.subarray(0, 400).toString()
  assert.is(status, wanted, `${what}: ${status} ${told}`)
}

const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T

test.run()
