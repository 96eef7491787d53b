/**
 * Damaged bytes on the disk of a region, in a world of real nodes: reads are answered by others,
 * and a scrub that an operator asks for finds the rest and has it repaired.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { scrubReportSchema } from '../../src/api/routes/scrub.ts'
import { requirePolicy } from '../../src/cli/required-policy.ts'
import { PlacementTable } from '../../src/model/placement.ts'
import { RegionNumbers } from '../../src/model/slot.ts'
import { datasetDirectory } from '../../src/node/data-directory.ts'
import { storeEngine } from '../../src/node/store-engine.ts'
import type { ScrubReport } from '../../src/routing/scrub-report.ts'
import type { Engine } from '../../src/storage/engine.ts'
import { StoreReader } from '../../src/storage/store.ts'
import { runDenizen } from '../cli/run-denizen.ts'
import { damageRecord } from '../support/damage.ts'
import { loseRecord } from '../support/divergence.ts'
import { hasher } from '../support/policies.ts'
import { startWorld, type World } from '../worlds/world.ts'
import { connected, converged, get, put, strong, until } from './client.ts'

const [sound, damaged] = ['eu-central', 'eu-west']
const names = Array.from({ length: 12 }, (_, n) => `secret-${n}`)

let world: World
test.before(async () => {
  world = await startWorld({ regions: [sound, damaged] })
  await connected(world)
})
test.after(() => world.close())

const report = async (): Promise<ScrubReport> => {
  const reply = await fetch(`${world.url(damaged)}/v1/admin/scrub`)
  return scrubReportSchema.parse(await reply.json())
}

/** What lies on the disk of the region that is to be damaged, while its node is stopped. */
async function atRest(task: (engine: Engine) => Promise<void>): Promise<void> {
  await world.stop(damaged)
  const directory = join(datasetDirectory(world.dataDirectory(damaged), 'cities'), '0')
  const engine = await storeEngine.open(directory)
  await task(engine)
  await engine.close()
  await world.start(damaged)
  await connected(world)
}

test('reads go elsewhere, a scrub finds the rest, and all is repaired', async () => {
  // Half of them are homed in the region that will be damaged.
  for (const [index, name] of names.entries()) {
    const at = index % 2 === 0 ? sound : damaged
    assert.is((await put(world, at, `cities ${name}`, name)).status, 201)
  }
  await converged(world)
  await atRest(async engine => {
    for (const name of names) await damageRecord(engine, name)
  })

  const read = await get(world, damaged, 'cities secret-0')
  assert.is(read.text, 'secret-0')
  assert.match(read.servedBy ?? '', sound)
  await until('a strong read at the damaged home is answered', async () => {
    return (await get(world, damaged, 'cities secret-1', strong)).text === 'secret-1'
  })

  const scrub = ['doctor', '--scrub', '--json', '--url', world.url(damaged)]
  const { datasets } = scrubReportSchema.parse(JSON.parse((await runDenizen(scrub)).stdout))
  const cities = datasets.find(({ dataset }) => dataset === 'cities')
  assert.is(cities?.records, names.length)
  assert.ok(cities?.damage.length, 'the scrub has found what nobody has read')
  await until('all is repaired', async () => (await report()).repairs.waiting === 0)
  assert.equal((await report()).repairs, { found: 12, repaired: 12, waiting: 0 })
  for (const name of names) {
    const { text, servedBy } = await get(world, damaged, `cities ${name}`)
    assert.is(text, name)
    assert.match(servedBy ?? '', damaged)
  }
  await converged(world)
  assert.not.match(readFileSync(world.logFile(damaged), 'utf8'), 'secret-')
})

test('records that a copy has lost, and does not know of, come again', async () => {
  const policy = requirePolicy(fileURLToPath(new URL('../../denizen.yaml', import.meta.url)))
  const placement = new PlacementTable(policy, 1, hasher).byId('cities')
  assert.ok(placement)
  const of = { hasher, placement, self: damaged, ownFeed: 1, regions: new RegionNumbers({}) }
  const context = { ...of, hashOfGroup: () => '' }
  // One that another region homes, and one that it homes itself and whose index still names it.
  await atRest(async engine => {
    await loseRecord(new StoreReader(engine, context), 'secret-2')
    await loseRecord(new StoreReader(engine, context), 'secret-3', false)
  })
  await until('both are there again', async () => (await report()).comparisons.repaired === 2)
  for (const name of ['secret-2', 'secret-3']) {
    const { text, servedBy } = await get(world, damaged, `cities ${name}`)
    assert.is(text, name)
    assert.match(servedBy ?? '', damaged)
  }
  await converged(world)
  const metrics = await (await fetch(`${world.url(damaged)}/metrics`)).text()
  assert.match(metrics, /denizen_differing_records_total{[^}]*outcome="repaired"[^}]*} 2/)
  assert.not.match(readFileSync(world.logFile(damaged), 'utf8'), 'secret-')
})

test.run()
