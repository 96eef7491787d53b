/**
 * Bounded reads over real distances, while cables are cut and mended: nothing that was acknowledged
 * longer before a request than its bound is missing from the answer. One clock, that of the test,
 * measures what the regions can only measure each by its own.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startWorld, type World } from '../worlds/world.ts'
import {
  assertNoErrorLogged,
  assertProblem,
  at,
  batch,
  connected,
  eachOf,
  eventual,
  get,
  type Headers,
  meanwhile,
  note,
  page,
  put,
  type Reply,
  send,
  until,
} from './client.ts'

let world: World
test.before(async () => {
  world = await startWorld({ latency: 'real', threads: 2 })
  await connected(world)
})
test.after(() => world.close())

const within = (bound: string): Headers => ({ 'denizen-consistency': `bounded=${bound}` })

const stalenessOf = ({ servedBy }: Reply): number => {
  const ms = /;staleness-ms=(\d+)/.exec(servedBy ?? '')?.[1]
  return ms === undefined ? Number.POSITIVE_INFINITY : Number(ms)
}

const [near, far] = ['eu-west', 'ap-northeast'] as const

/** What a writer has had acknowledged, and when, by this process' clock. */
class Counter {
  readonly #acknowledgedMs: number[] = []
  readonly #name: string
  readonly #region: string

  constructor(name: string, region: string) {
    this.#name = name
    this.#region = region
  }

  async write(): Promise<void> {
    const reply = await put(world, this.#region, this.#name, `${this.#acknowledgedMs.length}`)
    assert.ok([201, 204].includes(reply.status), reply.text)
    this.#acknowledgedMs.push(performance.now())
  }

  get last(): number {
    return this.#acknowledgedMs.length - 1
  }

  /** The least that a read may find that began then, and may be so old. */
  leastAt(startedMs: number, boundMs: number): number {
    return this.#acknowledgedMs.findLastIndex(ackedMs => ackedMs < startedMs - boundMs)
  }
}

const bounds = [0, 50, 400, 1_000, 2_500, 6_000] as const

test('no answer is older than its bound, whatever becomes of the cables', async () => {
  const counter = new Counter('cities counter', far)
  await counter.write()
  const tally = { home: 0, replica: 0, old: 0, refused: 0, relayed: 0 }
  const readers = ['eu-west', 'eu-central', 'us-east'].flatMap(region =>
    bounds.map(boundMs => ({ region, boundMs })),
  )
  let isOver = false
  const reading = eachOf(readers, readers.length, async ({ region, boundMs }) => {
    while (!isOver) {
      const startedMs = performance.now()
      const reply = await get(world, region, 'cities counter', within(`${boundMs}ms`))
      if (reply.status === 503) {
        assertProblem(reply, 503, 'copies_too_old')
        tally.refused += 1
        continue
      }
      const least = counter.leastAt(startedMs, boundMs)
      if (reply.status === 404) assert.is(least, -1, `${region} finds nothing`)
      else assert.is(reply.status, 200, reply.text)
      const found = Number(reply.status === 404 ? -1 : reply.text)
      assert.ok(found >= least, `${region}, ${boundMs} ms: ${found} is older than ${least}`)
      // The home was 0 old when it was asked by way of a relay: what is told is the way.
      if (/;role=home;relay=/.test(reply.servedBy ?? '')) tally.relayed += 1
      else assert.ok(stalenessOf(reply) <= boundMs, `${reply.servedBy} within ${boundMs} ms`)
      if (reply.servedBy?.includes('role=home')) tally.home += 1
      else tally.replica += 1
      if (found < counter.last) tally.old += 1
    }
  })
  const phase = async (): Promise<void> => {
    const from = counter.last
    const seen = { ...tally }
    await until('writes and reads go on', async () => {
      const reads = tally.home + tally.replica - seen.home - seen.replica
      return counter.last > from + 30 && reads > 200
    })
  }
  try {
    await meanwhile(
      () => counter.write(),
      async () => {
        await phase()
        world.cut(near, far)
        await phase()
        await until('the copy grows old', async () => {
          return stalenessOf(await get(world, near, 'cities counter', eventual)) > 4_000
        })
        await phase()
        world.heal()
        await phase()
      },
    )
  } finally {
    isOver = true
    await reading
  }
  note(`answers of ${counter.last} writes: ${JSON.stringify(tally)}`)
  assert.ok(tally.home > 20 && tally.replica > 20, JSON.stringify(tally))
  assert.ok(tally.relayed > 0, 'where the line was cut, the home was asked around it')
  assert.ok(tally.old > 0, 'where the bound permits it, copies answer before they have the newest')
})

test('cut off from the home, a copy answers as long as it is young enough', async () => {
  const name = 'cities kyoto'
  const written = await put(world, far, name, 'before')
  assert.is(written.home, far)
  await until(
    'the copy arrives',
    async () => (await get(world, near, name, eventual)).status === 200,
  )
  await connected(world)
  const isOlderThan = async (region: string, ms: number): Promise<boolean> => {
    const reply = await get(world, region, name, eventual)
    assert.is(reply.status, 200, reply.text)
    assert.match(reply.servedBy ?? '', new RegExp(`^${region};role=replica;staleness-ms=`))
    return stalenessOf(reply) > ms
  }
  // A copy says nothing of its age before it has once caught up.
  await until('the copy is young', async () => {
    const { servedBy = '' } = await get(world, near, name, eventual)
    return servedBy.includes('staleness-ms=') && !(await isOlderThan(near, 2_000))
  })
  world.cut(near, far)
  await until('it grows old', () => isOlderThan(near, 3_000))
  const newer = await put(world, 'us-east', name, 'during')
  assert.is(newer.status, 204, newer.text)

  const local = await get(world, near, name, within('1h'))
  assert.match(local.servedBy ?? '', /^eu-west;role=replica;staleness-ms=/)
  assert.is(`${local.status} ${local.text}`, '200 before')
  await until('a neighbour that reaches the home answers with what is new', async () => {
    const reply = await get(world, near, name, within('3s'))
    if (reply.status === 503) return false
    const { servedBy = '' } = reply
    if (servedBy.includes(';relay=')) return false
    assert.match(servedBy, /^(eu-central|us-east);role=replica;staleness-ms=/)
    return reply.text === 'during'
  })
  const results = await batch(world, near, 'cities', [{ op: 'get', key: 'kyoto' }], within('3s'))
  const bytes = Buffer.from(`${at(results, 0).bytes}`, 'base64url')
  assert.is(bytes.toString(), 'during')
  const listed = await send(world, near, 'GET', '/v1/kv/cities?prefix=kyo', {
    headers: within('3s'),
  })
  assert.is(listed.status, 200, listed.text)
  assert.not.match(listed.servedBy ?? '', /^eu-west/)

  for (const region of ['eu-central', 'us-east']) world.cut(region, far)
  await until('nobody is young enough', async () => {
    const reply = await get(world, near, name, within('1s'))
    return reply.status === 503
  })
  await until('they grow old', () => isOlderThan('us-east', 4_000))
  const refused = await get(world, near, name, within('2s'))
  const problem = assertProblem(refused, 503, 'copies_too_old')
  assert.equal([problem.applied, problem.retry], ['no', 'safe'])
  assert.ok(['eu-central', 'us-east'].includes(`${problem.region}`), refused.text)
  let stalenessMs = Number(problem.stalenessMs)
  assert.ok(stalenessMs > 2_000, refused.text)
  // The copy here was cut off 3 s before the others: it does not fit a bound that just fits them.
  await until('the bound that was told is large enough', async () => {
    const larger = await get(world, near, name, within(`${stalenessMs + 500}ms`))
    if (larger.status === 200) return larger.text === 'during'
    stalenessMs = Number(assertProblem(larger, 503, 'copies_too_old').stalenessMs)
    return false
  })
  assert.is((await page(world, near, 'cities', { prefix: 'kyo' }, within('1h'))).items.length, 1)
  const lists = await send(world, near, 'GET', '/v1/kv/cities?prefix=kyo', {
    headers: within('2s'),
  })
  assertProblem(lists, 503, 'copies_too_old')

  world.heal()
  await connected(world)
  await until('the copy is young again', async () => {
    const reply = await get(world, near, name, within('2s'))
    return reply.text === 'during' && /^eu-west;role=replica/.test(reply.servedBy ?? '')
  })
  assertNoErrorLogged(world)
})

test.run()
