/**
 * Three hosts, each with the node of a region as deploy/ would run it, talking over addresses of a
 * network: TLS, certificates of regions and tokens included. No systemd runs here; its unit is read
 * and what it starts is started.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../cluster/region-client.ts'
import {
  isInOwnNetwork,
  ownNetworkRefusal,
  plugIn,
  runInOwnNetwork,
  unplug,
} from './own-network.ts'
import { patienceMs, stopMaxMs, UnitWorld } from './unit-world.ts'

const titles = {
  start: 'nodes started as the unit says found a cluster, and each reaches every other one',
  read: 'a key written in one region is read in the others',
  cut: 'a region whose cable is out is told to be unreachable, and is back with its cable',
  rolling: 'a rolling restart under load loses no acknowledged write, each node ending in order',
}

if (isInOwnNetwork) runHere()
else {
  const refusal = ownNetworkRefusal()
  if (refusal === undefined) process.exit(runInOwnNetwork(import.meta.filename))
  process.stdout.write(`skip: hosts in network namespaces: ${refusal}\n`)
  for (const title of Object.values(titles)) test.skip(title, () => {})
  test.run()
}

function runHere(): void {
  const world = new UnitWorld()
  test.after(() => world.close())

  test(titles.start, async () => {
    for (const region of world.regions) await world.start(region)
    await world.whole()
  })
  test(titles.read, async () => {
    for (const region of world.regions)
      assert.is(await world.put(region, `of-${region}`, region), 201)
    await everywhere(world, new Map(world.regions.map(region => [`of-${region}`, region])))
  })
  test(titles.cut, () => cutAndHeal(world))
  test(titles.rolling, () => rollingRestart(world))
  test.run()
}

async function cutAndHeal(world: UnitWorld): Promise<void> {
  const [keeper = '', near = '', far = ''] = world.regions
  const reaches = async (region: string, from = near): Promise<boolean> => {
    const view = await world.view(from)
    return view?.regions.find(peer => peer.region === region)?.reachable ?? false
  }
  assert.is(await world.put(far, 'cut', 'before'), 201)
  // Who has not heard of it would ask the registrar, which may be the far one as well.
  await everywhere(world, new Map([['cut', 'before']]))
  unplug(far)
  try {
    await until(async () => !(await reaches(far)), `${near} misses ${far}`, patienceMs)
    // As long as it does not, a write may go by way of it, and nobody knows what has become of it.
    await until(async () => !(await reaches(far, keeper)), `${keeper} misses ${far}`, patienceMs)
    assert.ok(await reaches(keeper), 'the others go on')
    const reply = await world.ask(near, 'PUT', '/v1/kv/cities/cut', 'during', 'text/plain')
    assert.is(reply?.status, 503)
    assert.match(reply?.text ?? '', '"home_unreachable"')
  } finally {
    plugIn(far)
  }
  await world.whole()
  assert.is(await world.put(near, 'cut', 'after'), 204)
  await everywhere(world, new Map([['cut', 'after']]))
}

async function rollingRestart(world: UnitWorld): Promise<void> {
  const writers = world.regions.map(region => new Writer(world, region))
  const acknowledged = () => new Map(writers.flatMap(writer => [...writer.acknowledged]))
  const more = async (count: number, but?: string): Promise<void> => {
    const going = writers.filter(({ region }) => region !== but)
    const wanted = going.map(({ acknowledged }) => acknowledged.size + count)
    const reached = () => going.every((writer, at) => writer.acknowledged.size >= (wanted[at] ?? 0))
    await until(
      reached,
      `${count} more writes through each of ${going.map(it => it.region)}`,
      patienceMs,
    )
  }
  try {
    for (const region of world.regions) {
      await more(20)
      const { code, signal, tookMs } = await world.stop(region)
      assert.equal({ code, signal }, { code: 0, signal: null }, region)
      assert.ok(tookMs < stopMaxMs, `${region} ended after ${tookMs} ms`)
      await more(5, region)
      await world.start(region)
      await world.whole()
    }
    await more(20)
  } finally {
    await Promise.all(writers.map(writer => writer.stop()))
  }
  await everywhere(world, acknowledged())
}

/** Waits until every region's copy has these values. */
async function everywhere(world: UnitWorld, values: ReadonlyMap<string, string>): Promise<void> {
  const keys = [...values.keys()]
  for (const region of world.regions) {
    for (let at = 0; at < keys.length; at += batchSize) {
      const part = keys.slice(at, at + batchSize)
      await until(
        async () => {
          const held = await world.held(region, part)
          return part.every(key => held.get(key) === values.get(key))
        },
        `${region} has all of ${keys.length} acknowledged writes`,
        patienceMs,
      )
    }
  }
}

const batchSize = 500

/** Writes one new key after the other through a region, which may be away. */
class Writer {
  readonly region: string
  readonly acknowledged = new Map<string, string>()
  readonly #running: Promise<void>
  #stopped = false

  constructor(world: UnitWorld, region: string) {
    this.region = region
    this.#running = this.#write(world)
  }

  async #write(world: UnitWorld): Promise<void> {
    for (let n = 0; !this.#stopped; n++) {
      const key = `${this.region}-${n}`
      const status = await world.put(this.region, key, `value ${n}`)
      if (status === 201) this.acknowledged.set(key, `value ${n}`)
      await new Promise(look => setTimeout(look, pauseMs))
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }
}

/** Light load: some twenty writes a second through each region. */
const pauseMs = 50
