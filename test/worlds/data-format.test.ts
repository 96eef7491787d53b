/**
 * An upgrade of a world to a build with a newer data format: old and new work side by side, the new
 * one can be taken back, and once the format is in force the old build refuses the directory. There
 * is one format as yet: the newer build is this one with another number in it.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ClusterView } from '../../src/routing/service.ts'
import { denizenScript as old, runDenizen } from '../cli/run-denizen.ts'
import { allReachable, ask, jsonOf, kv, sendText, until } from '../cluster/region-client.ts'
import { brokenBuild } from './broken-build.ts'
import { Builds } from './builds.ts'

const [keeper, other] = ['eu-west', 'us-east'] as const
const newer = brokenBuild([
  { file: 'src/node/build.ts', from: 'newest: 3', to: 'newest: 4' },
  { file: 'package.json', from: '"version": "0.1.0"', to: '"version": "0.2.0"' },
])
const world = await Builds.of([keeper, other])

test.after(async () => {
  await world.close()
  newer.remove()
})

const view = async (region: string): Promise<ClusterView> =>
  jsonOf(await ask(world, region, '/v1/cluster')) as ClusterView

const finalize = (region: string) =>
  runDenizen(['upgrade', 'finalize', '--url', world.url(region), '--json'])

/** Both write, and each reads what the other wrote. */
async function work(name: string): Promise<void> {
  // Who has just started may not be known to the others yet.
  await allReachable(world)
  for (const region of world.regions) {
    const written = await ask(
      world,
      region,
      kv('settings', `${name}-${region}`),
      sendText('PUT', name),
    )
    assert.is(written.status, 201)
  }
  for (const region of world.regions) {
    for (const writer of world.regions) {
      const read = (): Promise<{ body: Buffer }> =>
        ask(world, region, kv('settings', `${name}-${writer}`), {
          headers: { 'denizen-consistency': 'eventual' },
        })
      await until(async () => (await read()).body.toString() === name, 'what was written travels')
    }
  }
}

async function restart(region: string, script: string): Promise<string | undefined> {
  await world.stop(region)
  return await world.start(region, script)
}

test('nodes of both builds work together, and the newer one can be taken back', async () => {
  await world.startAll(old)
  assert.is(await restart(other, newer.script), undefined)
  await work('mixed')
  assert.is((await view(other)).version, '0.2.0')
  assert.is((await view(other)).dataFormat, 3)
  for (const region of world.regions) {
    const { code, stderr } = await finalize(region)
    assert.is(code, 1)
    assert.match(stderr, /upgrade_refused/)
    assert.match(stderr, /eu-west runs denizen 0.1.0, which knows formats 1 to 3/)
  }
  assert.is(await restart(other, old), undefined)
  await work('taken-back')
})

test('once all are new the format comes into force, and the old build refuses it', async () => {
  for (const region of world.regions) assert.is(await restart(region, newer.script), undefined)
  const known = (await view(keeper)).regions.map(({ build }) => build)
  assert.equal(
    known,
    world.regions.map(() => ({ version: '0.2.0', newest: 4 })),
  )
  const { code, stdout, stderr } = await finalize(other)
  assert.is(code, 0, stderr)
  assert.equal(JSON.parse(stdout), { dataFormat: 4 })
  for (const region of world.regions) {
    await until(async () => (await view(region)).dataFormat === 4, 'all learn the format')
  }
  await work('finalized')
  const said = (await restart(other, old)) ?? 'it serves'
  assert.match(said, /has data format 4, and denizen 0.1.0 knows formats 1 to 3/)
  assert.match(said, /Use denizen 0.2.0/)
  assert.is(await world.start(other, newer.script), undefined)
  await work('again')
})

test.run()
