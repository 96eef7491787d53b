/**
 * Acknowledgement levels, in a world with the latency of real distances: what was acknowledged at
 * level n is in n regions, so that n - 1 may lose their disks; what was not acknowledged in time
 * says that it stands, and with which version.
 */
import { rmSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startWorld, type World } from '../worlds/world.ts'
import {
  type Ask,
  allReachable,
  ask,
  codeOf,
  converged,
  inParallel,
  jsonOf,
  kv,
  type Reply,
  sendJson,
  sendText,
  until,
} from './region-client.ts'

const [home, near, far] = ['us-east', 'eu-west', 'ap-northeast'] as const
const regions = [near, home, far]
const levels = { one: 1, two: 2, most: 2, every: 3 } as const
type Dataset = keyof typeof levels

/** Every group is homed in one region, so that it is known who has to have what. */
const config = `
cluster: test
regions: [${regions.join(', ')}]
coordination: { static: ${near} }
datasets:
  one: { residency: anywhere, homing: { pinned: ${home} } }
  two: { residency: anywhere, homing: { pinned: ${home} }, acks: 2 }
  most: { residency: anywhere, homing: { pinned: ${home} }, acks: quorum }
  every: { residency: anywhere, homing: { pinned: ${home} }, acks: all, groupBy: { segments: 1 } }
`

const eventual = { 'denizen-consistency': 'eventual' }
const strong = { 'denizen-consistency': 'strong' }

interface Problem {
  readonly code: string
  readonly applied: string
  readonly retry: string
  readonly asked: number
  readonly reached: number
}

const problemOf = (reply: Reply): Problem => jsonOf(reply) as Problem
const isWritten = ({ status }: Reply): boolean => status === 200 || status === 201 || status === 204

async function start(threads: number): Promise<World> {
  const world = await startWorld({ config, latency: 'real', threads })
  await allReachable(world)
  await until(
    async () => isWritten(await put(world, home, 'every', 'warm', 'warm')),
    'every region follows',
  )
  return world
}

const put = (
  world: World,
  region: string,
  dataset: string,
  key: string,
  value: string,
  more = {},
) => ask(world, region, kv(dataset, key), sendText('PUT', value, more))

interface Written {
  readonly dataset: Dataset
  readonly key: string
  readonly value: string | undefined
}

/** The regions left whose own copy has a write. */
async function holders(world: World, write: Written): Promise<string[]> {
  const held: string[] = []
  for (const region of [near, far]) {
    const reply = await ask(world, region, kv(write.dataset, write.key), { headers: eventual })
    const isValue = reply.status === 200 && reply.body.toString() === write.value
    const isGone = reply.status === 404 && write.value === undefined
    if (isValue || isGone) held.push(region)
  }
  return held
}

test('a home is lost with its disk: what was acknowledged at level n is in n - 1 others', async () => {
  const world = await start(2)
  try {
    const acknowledged: Written[] = []
    const tooLate: string[] = []
    let running = true
    const note = (write: Written, reply: Reply): void => {
      if (isWritten(reply)) acknowledged.push(write)
      else tooLate.push(`${reply.status} ${codeOf(reply)}`)
    }
    /** Each key is written once, and those of some lanes deleted. */
    const lane = async (dataset: Dataset, entry: string, n: number): Promise<void> => {
      for (let at = 0; running; at++) {
        const key = `${entry}-${n}-${at}`
        const value = `value of ${key}`
        const reply = await put(world, entry, dataset, key, value).catch(() => undefined)
        if (!reply) return
        if (n !== 0 || !isWritten(reply)) {
          note({ dataset, key, value }, reply)
          continue
        }
        const deleted = await ask(world, entry, kv(dataset, key), { method: 'DELETE' }).catch(
          () => undefined,
        )
        if (!deleted) return
        note({ dataset, key, value: undefined }, deleted)
      }
    }
    const entries = [home, near, far].flatMap(entry => [0, 1, 2].map(n => ({ entry, n })))
    const datasets = Object.keys(levels) as Dataset[]
    const lanes = datasets.flatMap(dataset =>
      entries.map(({ entry, n }) => lane(dataset, entry, n)),
    )
    await until(() => datasets.every(it => countOf(acknowledged, it) > 60), 'writes flow')
    // What is on its way from now on arrives nowhere.
    for (const other of [near, far]) world.cut(home, other)
    const flowed = countOf(acknowledged, 'one')
    await until(() => countOf(acknowledged, 'one') > flowed + 20, 'level 1 is acknowledged still')
    await world.kill(home)
    running = false
    await Promise.all(lanes)
    rmSync(world.dataDirectory(home), { recursive: true })

    const lost = new Map(datasets.map(dataset => [dataset, 0]))
    await inParallel(16, acknowledged, async write => {
      const held = await holders(world, write)
      // Level 1 promises nothing here: that some of it is gone shows what the others are worth.
      if (held.length >= Math.max(1, levels[write.dataset] - 1)) return
      lost.set(write.dataset, (lost.get(write.dataset) ?? 0) + 1)
    })
    const counts = datasets.map(it => `${it} ${countOf(acknowledged, it)}, lost ${lost.get(it)}`)
    process.stdout.write(`acknowledged: ${counts.join('; ')}; others: ${tooLate.length}\n`)
    assert.ok((lost.get('one') ?? 0) > 0, 'the home alone had some of what level 1 acknowledged')
    assert.equal([lost.get('two'), lost.get('most'), lost.get('every')], [0, 0, 0])
  } finally {
    await world.close()
  }
})

const countOf = (writes: readonly Written[], dataset: Dataset): number =>
  writes.filter(write => write.dataset === dataset).length

/** 500, applied, with the version and a token to go on with. Returns the version's ETag. */
function assertTooFew(reply: Reply, asked: number, reached: number): string {
  assert.is(`${reply.status} ${codeOf(reply)}`, '500 acks_timeout')
  const { applied, ...problem } = problemOf(reply)
  assert.equal([applied, problem.asked, problem.reached], ['yes', asked, reached])
  assert.ok(reply.headers['denizen-session'])
  assert.match(`${reply.headers.etag}`, /^"\d+\.\d+"$/)
  return `${reply.headers.etag}`
}

async function expectAt(world: World, region: string, path: string, etag: string, more: Ask) {
  const reply = await ask(world, region, path, more)
  assert.is(`${reply.status} ${reply.headers.etag}`, `200 ${etag}`)
}

test('cut off, a home says what stands; repeats wait again; level 1 goes on', async () => {
  const world = await start(1)
  try {
    for (const other of [near, far]) world.cut(home, other)
    const once = { 'idempotency-key': 'once' }
    const first = await put(world, home, 'two', 'a', 'stands', once)
    const etag = assertTooFew(first, 2, 1)
    assert.is(problemOf(first).retry, 'with-idempotency-key')
    // Visible at its home all the same, and to its session.
    await expectAt(world, home, kv('two', 'a'), etag, { headers: strong })
    const session = { 'denizen-session': `${first.headers['denizen-session']}` }
    await expectAt(world, home, kv('two', 'a'), etag, { headers: session })
    assert.is((await ask(world, near, kv('two', 'a'), { headers: eventual })).status, 404)
    assert.is(assertTooFew(await put(world, home, 'two', 'a', 'stands', once), 2, 1), etag)

    const plain = await put(world, home, 'one', 'a', 'at once')
    assert.is(plain.status, 201)
    assert.not.match(`${plain.headers['server-timing']}`, /replicate/)
    const lowered = await put(world, home, 'every', 'b/low', 'x', { 'denizen-acks': '1' })
    assertTooFew(lowered, 3, 1)
    assert.is(problemOf(lowered).retry, 'no')
    assertTooFew(await put(world, home, 'one', 'b', 'x', { 'denizen-acks': 'quorum' }), 2, 1)

    const created = await ask(world, home, '/v1/kv/two?prefix=new/', sendText('POST', 'created'))
    const createdEtag = assertTooFew(created, 2, 1)
    const path = `${created.headers.location}`
    await expectAt(world, home, path, createdEtag, { headers: strong })
    const removed = await ask(world, home, path, { method: 'DELETE' })
    assertTooFew(removed, 2, 1)
    const transaction = '{"if":[],"then":[{"op":"put","key":"g/1","value":1}],"else":[]}'
    const changed = await ask(world, home, '/v1/tx/every/g', {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: transaction },
    })
    const changedEtag = assertTooFew(changed, 3, 1)
    await expectAt(world, home, kv('every', 'g/1'), changedEtag, { headers: strong })
    const ops = [
      { op: 'put', key: 'c', value: 1 },
      { op: 'get', key: 'a' },
    ]
    const batch = await ask(world, home, '/v1/batch/two', sendJson('POST', { ops }))
    const [written, read] = (jsonOf(batch) as { results: { status: number; etag: string }[] })
      .results
    assert.is(written?.status, 500)
    assert.equal([read?.status, read?.etag], [200, etag])

    world.heal(home, near)
    await until(async () => {
      const repeated = await put(world, home, 'two', 'a', 'stands', once)
      if (!isWritten(repeated)) assertTooFew(repeated, 2, 1)
      return isWritten(repeated) && repeated.headers.etag === etag
    }, 'the repeat is acknowledged with its first version')
    await expectAt(world, near, kv('two', 'a'), etag, { headers: eventual })
    await expectAt(world, near, kv('two', 'c'), `${written?.etag}`, { headers: eventual })
    await expectAt(world, near, kv('every', 'g/1'), changedEtag, { headers: eventual })
    // Two of three: enough for a quorum, through any region; not for all.
    await allReachable(world, [home, near])
    for (const entry of [home, near]) {
      const most = await put(world, entry, 'most', entry, 'two have it')
      assert.is(most.status, 201)
      if (entry === home) assert.match(`${most.headers['server-timing']}`, /replicate;dur=/)
      assertTooFew(await put(world, entry, 'every', entry, 'one lacks it'), 3, 2)
    }
    const tooMany = await put(world, near, 'one', 'c', 'x', { 'denizen-acks': '4' })
    assert.is(`${tooMany.status} ${codeOf(tooMany)}`, '400 acks_above_regions')
    assert.is((await ask(world, home, kv('one', 'c'), { headers: strong })).status, 404)

    world.heal()
    await until(
      async () => isWritten(await put(world, home, 'every', 'd', 'all have it')),
      'all regions follow again',
    )
    await converged(world)
    await expectAt(world, far, kv('two', 'a'), etag, { headers: eventual })
  } finally {
    await world.close()
  }
})

test.run()
