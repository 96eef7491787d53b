/**
 * Damaged bytes on the disk of a region, in a world of real nodes: reads are answered by others,
 * and a scrub that an operator asks for finds the rest and has it repaired.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { scrubReportSchema } from '../../src/api/routes/scrub.ts'
import { datasetDirectory } from '../../src/node/data-directory.ts'
import { storeEngine } from '../../src/node/store-engine.ts'
import type { ScrubReport } from '../../src/routing/scrub-report.ts'
import { runDenizen } from '../cli/run-denizen.ts'
import { damageRecord } from '../support/damage.ts'
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

const repairs = async (): Promise<ScrubReport['repairs']> => {
  const report = await fetch(`${world.url(damaged)}/v1/admin/scrub`)
  return scrubReportSchema.parse(await report.json()).repairs
}

test('reads go elsewhere, a scrub finds the rest, and all is repaired', async () => {
  // Half of them are homed in the region that will be damaged.
  for (const [index, name] of names.entries()) {
    const at = index % 2 === 0 ? sound : damaged
    assert.is((await put(world, at, `cities ${name}`, name)).status, 201)
  }
  await converged(world)
  await world.stop(damaged)
  const store = join(datasetDirectory(world.dataDirectory(damaged), 'cities'), '0')
  const engine = await storeEngine.open(store)
  for (const name of names) await damageRecord(engine, name)
  await engine.close()
  await world.start(damaged)
  await connected(world)

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
  await until('all is repaired', async () => (await repairs()).waiting === 0)
  assert.equal(await repairs(), { found: 12, repaired: 12, waiting: 0 })
  for (const name of names) {
    const { text, servedBy } = await get(world, damaged, `cities ${name}`)
    assert.is(text, name)
    assert.match(servedBy ?? '', damaged)
  }
  await converged(world)
  assert.not.match(readFileSync(world.logFile(damaged), 'utf8'), 'secret-')
})

test.run()
