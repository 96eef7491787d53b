/**
 * A rolling upgrade and the way back, as docs/OPERATIONS.md has it, while clients write: one region
 * after the other ends in order and starts with the other build. The newer build is this checkout
 * under the next minor version's name, which also knows a newer data format.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { version as olderVersion } from '../../src/node/version.ts'
import { denizenScript } from '../cli/run-denizen.ts'
import { checkKeys } from '../crash/kills/check-keys.ts'
import { keepCompiledCode } from '../crash/kills/quick-starts.ts'
import { brokenBuild } from '../worlds/broken-build.ts'
import {
  allReachable,
  ask,
  converged,
  inParallel,
  jsonOf,
  seededRandom,
  seedOfRun,
} from './region-client.ts'
import { UpgradeWorld } from './upgrade-world.ts'
import { Writers } from './writers.ts'

const random = seededRandom(seedOfRun())
/** The first is the keeper, which goes last. */
const regions = ['eu-west', 'us-east', 'ap-northeast']
const newerVersion = olderVersion.replace(/\.(\d+)\./, (_, minor) => `.${Number(minor) + 1}.`)

const newer = brokenBuild([
  {
    file: 'package.json',
    from: `"version": "${olderVersion}"`,
    to: `"version": "${newerVersion}"`,
  },
  { file: 'src/node/build.ts', from: 'newest: 3', to: 'newest: 4' },
])
test.after(() => newer.remove())

/** Wherever the requests enter, and whatever runs there. */
const shape = { datasets: ['cities', 'settings'], writers: 9, keysPerWriter: 8, random }

test('an upgrade and a roll-back, region by region, lose nothing', async () => {
  keepCompiledCode()
  const world = await UpgradeWorld.plan(regions)
  try {
    await inParallel(3, regions, region => world.start(region, denizenScript))
    await inParallel(3, regions, region => world.ready(region))
    let writers = await writeInCalm(world, undefined)
    for (const [script, version] of [
      [newer.script, newerVersion],
      [denizenScript, olderVersion],
    ] as const) {
      for (const region of regions.toReversed()) {
        writers = await replace(world, region, script, writers)
        assert.is(await versionOf(world, region), version)
        // Old and new stand side by side now.
        writers = await writeInCalm(world, writers)
        await checkKeys(world, writers, random)
      }
    }
    await converged(world)
  } finally {
    await world.close()
  }
})

/** While nobody is away, every write has an outcome. */
async function writeInCalm(world: UpgradeWorld, before: Writers | undefined): Promise<Writers> {
  await allReachable(world)
  const writers = new Writers({ world, ...shape, ...(before && { continues: before }) })
  await writers.more(60)
  await writers.stop()
  assert.is(writers.counts.unknown, 0)
  return writers
}

/** Clients write all the while, and go on elsewhere when the region ends. */
async function replace(
  world: UpgradeWorld,
  region: string,
  script: string,
  before: Writers,
): Promise<Writers> {
  const writers = new Writers({ world, ...shape, continues: before })
  await writers.more(20)
  assert.is(await world.stop(region), 0, `it ends in order:\n${world.logEnd(region)}`)
  await writers.more(20)
  await world.start(region, script)
  await world.ready(region)
  await allReachable(world)
  await writers.stop()
  const { acknowledged, unknown, refused } = writers.counts
  process.stdout.write(
    `${region}: ${acknowledged} acknowledged, ${unknown} unknown, ${refused} refused meanwhile\n`,
  )
  return writers
}

async function versionOf(world: UpgradeWorld, region: string): Promise<string> {
  const { info } = jsonOf(await ask(world, region, '/openapi.json')) as {
    info: { version: string }
  }
  return info.version
}

test.run()
