/**
 * What was acknowledged stays: regions are killed with SIGKILL again and again while clients write
 * through all of them, and afterwards each key holds its last acknowledged write, or one that came
 * after it. Readers who share no code path with the nodes agree, and damage on a disk is found.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadHasher } from '../../src/model/hash.ts'
import { slotOf } from '../../src/model/slot.ts'
import { runDenizen } from '../cli/run-denizen.ts'
import { filesBelow } from '../worlds/marker-search.ts'
import { smallPolicy, startWorld, type World } from '../worlds/world.ts'
import {
  allReachable,
  ask,
  codeOf,
  converged,
  inParallel,
  kv,
  type Reply,
  seededRandom,
  seedOfRun,
  sendText,
  until,
} from './region-client.ts'
import { checkKey, versionOf, Writers } from './writers.ts'

const seed = seedOfRun()
const hasher = await loadHasher()
const regions = ['eu-west', 'us-east', 'ap-northeast']
const strong = { 'denizen-consistency': 'strong' }
const eventual = { 'denizen-consistency': 'eventual' }

interface DoctorReport {
  readonly sound: boolean
  readonly disagreements: readonly object[]
  readonly directories: readonly {
    readonly datasets: readonly {
      readonly dataset: string
      readonly records: number
      readonly findings: readonly { dataset: string; slot?: number; problem: string }[]
    }[]
  }[]
}

async function doctor(world: World, of: readonly string[] = regions) {
  const directories = of.map(region => world.dataDirectory(region))
  const { code, stdout } = await runDenizen(['doctor', '--json', '--verify', ...directories])
  return { code, report: JSON.parse(stdout) as DoctorReport }
}

test('acknowledged writes survive kill -9 of any region, and all copies agree', async () => {
  const random = seededRandom(seed)
  const world = await startWorld({ config: smallPolicy(regions) })
  try {
    const datasets = ['cities', 'settings']
    const writers = new Writers({ world, datasets, writers: 9, keysPerWriter: 12, random })
    const kills = new Map(regions.map(region => [region, 0]))
    await writers.more(100)
    for (const region of victims(random)) {
      // The moment is some acknowledgement, in the middle of what all others do.
      await writers.more(10 + Math.floor(random() * 40), region)
      await world.kill(region)
      kills.set(region, (kills.get(region) ?? 0) + 1)
      await writers.more(5 + Math.floor(random() * 20))
      await world.start(region)
    }
    await allReachable(world)
    await writers.more(50)
    await writers.stop()
    const { acknowledged, unknown, refused } = writers.counts
    process.stdout.write(
      `${acknowledged} acknowledged, ${unknown} unknown, ${refused} refused; kills: ${[...kills].join(' ')}\n`,
    )
    assert.ok([...kills.values()].every(count => count >= 3))
    await converged(world)
    await checkAll(world, writers, random)
    const live = await checkCopies(world, writers)
    for (const region of regions) await world.stop(region)
    const { code, report } = await doctor(world)
    assert.is(code, 0, JSON.stringify(report))
    assert.equal(report.disagreements, [])
    for (const { datasets: verified } of report.directories) {
      const counts = verified.map(({ dataset, records }) => [dataset, records])
      assert.equal(counts.sort(), [...live].sort())
    }
  } finally {
    await world.close()
  }
})

/** Each region three times, and one of them once more, in any order. */
function victims(random: () => number): string[] {
  const rest = [...regions, ...regions, ...regions]
  rest.push(regions[Math.floor(random() * regions.length)] as string)
  const order: string[] = []
  while (rest.length > 0) order.push(...rest.splice(Math.floor(random() * rest.length), 1))
  return order
}

const heldBy = (reply: Reply) =>
  reply.status === 200
    ? { value: reply.body.toString(), version: versionOf(`${reply.headers.etag}`) }
    : undefined

/** Strong reads, through any region. */
async function checkAll(world: World, { keys }: Writers, random: () => number): Promise<void> {
  await inParallel(12, keys, async own => {
    const region = regions[Math.floor(random() * regions.length)] as string
    const reply = await ask(world, region, kv(own.dataset, own.key), { headers: strong })
    assert.ok([200, 404].includes(reply.status), `${reply.status} ${codeOf(reply)}`)
    checkKey(own, heldBy(reply))
  })
}

/** Each region's own copy holds the same; returns the number of live keys by dataset. */
async function checkCopies(world: World, { keys }: Writers): Promise<Map<string, number>> {
  const live = new Map<string, number>()
  await inParallel(12, keys, async own => {
    const replies = await Promise.all(
      regions.map(region => ask(world, region, kv(own.dataset, own.key), { headers: eventual })),
    )
    const [first, ...others] = replies.map(heldBy)
    for (const other of others) assert.equal(other, first)
    checkKey(own, first)
    if (first) live.set(own.dataset, (live.get(own.dataset) ?? 0) + 1)
  })
  return live
}

/** Changes one byte in the one place of the region's files where the value lies. */
/** Where the values lie in a region's LMDB files; those that are only in the logs are left out. */
function placesOf(world: World, region: string, value: Buffer) {
  return filesBelow(world.dataDirectory(region))
    .filter(path => path.endsWith('data.mdb'))
    .flatMap(path => {
      const offset = readFileSync(path).indexOf(value)
      return offset < 0 ? [] : [{ path, offset }]
    })
}

/** Values come to the LMDB files with the next checkpoint. */
async function checkpointed(world: World, region: string, values: readonly Buffer[]) {
  const isThere = (value: Buffer) => placesOf(world, region, value).length > 0
  await until(() => values.every(isThere), 'a checkpoint has been made')
}

function flipByte(world: World, region: string, value: Buffer): void {
  const places = placesOf(world, region, value)
  assert.is(places.length, 1, 'a value of many pages is written once')
  const [{ path, offset } = { path: '', offset: 0 }] = places
  const bytes = readFileSync(path)
  const at = offset + Math.floor(value.length / 2)
  bytes[at] = (bytes[at] ?? 0) ^ 0x10
  writeFileSync(path, bytes)
}

test('a flipped byte is found, never served, and mended from another copy', async () => {
  const random = seededRandom(seed + 1)
  const world = await startWorld({ config: smallPolicy(regions) })
  const newValue = () =>
    Buffer.from(Array.from({ length: 20_000 }, () => Math.floor(random() * 256)))
  const [damaged, elsewhere] = ['us-east', 'eu-west'] as const
  // The key's home is where it was written first: the damaged region, or another.
  const own = { key: `own-${seed}`, value: newValue(), home: damaged }
  const replica = { key: `replica-${seed}`, value: newValue(), home: elsewhere }
  const sound = { key: `sound-${seed}`, value: newValue(), home: damaged }
  const get = (region: string, key: string, headers: Record<string, string>) =>
    ask(world, region, kv('cities', key), { headers })
  try {
    for (const { key, value, home } of [own, replica, sound]) {
      const reply = await ask(world, home, kv('cities', key), sendText('PUT', value))
      assert.is(reply.headers['denizen-home'], home)
    }
    await converged(world)
    await checkpointed(world, damaged, [own.value, replica.value])
    for (const region of regions) await world.stop(region)
    assert.is((await doctor(world)).code, 0)
    for (const { value } of [own, replica]) flipByte(world, damaged, value)
    await checkFound(world, damaged, [own.key, replica.key])

    await Promise.all(regions.map(region => world.start(region)))
    await allReachable(world)
    for (const { key, value } of [own, replica, sound]) {
      for (const region of regions) {
        await expectSound(() => get(region, key, eventual), value)
        await expectSound(() => get(region, key, strong), value)
      }
    }
    for (const region of regions) await world.stop(region)
    assert.is((await doctor(world)).code, 0, 'what was read has been fetched again')
  } finally {
    await world.close()
  }
})

/** Refused until it has been fetched from another copy; never served damaged. */
async function expectSound(asked: () => Promise<Reply>, value: Buffer): Promise<void> {
  await until(async () => {
    const reply = await asked()
    if (reply.status === 200) {
      assert.ok(reply.body.equals(value), 'as it was written')
      return true
    }
    assert.is(codeOf(reply), 'damaged_record')
    assert.not(reply.body.includes(value.subarray(0, 32)), 'no bytes of a damaged value')
    return false
  }, 'the value is served')
}

/** The doctor names dataset and slot of each damaged key, in that region alone. */
async function checkFound(world: World, damaged: string, keys: readonly string[]): Promise<void> {
  const { code, report } = await doctor(world)
  assert.is(code, 1)
  assert.is(report.sound, false)
  const slots = [...new Set(keys.map(key => slotOf(hasher, key, 64)))].sort((a, b) => a - b)
  for (const [index, region] of regions.entries()) {
    const findings = report.directories[index]?.datasets.flatMap(it => it.findings) ?? []
    if (region !== damaged) {
      assert.equal(findings, [], region)
      continue
    }
    const found = findings.filter(({ problem }) => /checksum/.test(problem))
    assert.is(found.length, keys.length)
    assert.ok(found.every(({ dataset }) => dataset === 'cities'))
    const named = [...new Set(found.map(({ slot }) => slot ?? -1))].sort((a, b) => a - b)
    assert.equal(named, slots)
  }
}

test.run()
