/** Plans and reports of a living world: their figures are those of what was written. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { PolicyPlan } from '../../src/policy/plan.ts'
import type { PlanCosts } from '../../src/policy/plan-costs.ts'
import type { ResidencyReport } from '../../src/policy/residency-report.ts'
import { type Run, runDenizen } from '../cli/run-denizen.ts'
import { startWorld, type World } from '../worlds/world.ts'
import { connected, converged, put } from './client.ts'

const [near, middle, far] = ['eu-west', 'eu-central', 'us-east']

const policyWith = (cities: string, partitions: string): string => `
cluster: test
regions: [${near}, ${middle}, ${far}]
coordination: { static: ${near} }
datasets:
  cities: { residency: ${cities} }
  tenants:
    groupBy: { segments: 2 }
    partitions: { ${partitions} }
`
const inForce = policyWith('anywhere', '"eu/": { residency: { store: [eea], law: [gdpr] } }')

/** Keys of `cities` that are written, and so homed, in each region. */
const written: Readonly<Record<string, readonly string[]>> = {
  [near]: ['secret-a', 'secret-b', 'secret-c', 'secret-d'],
  [middle]: ['secret-e'],
  [far]: ['secret-f', 'secret-g', 'secret-h'],
}
const value = 'twelve bytes'
const bytesOf = (region: string): number =>
  (written[region] ?? []).reduce((sum, key) => sum + key.length + value.length, 0)
const allBytes = [near, middle, far].reduce((sum, region) => sum + bytesOf(region), 0)

let world: World
const directory = mkdtempSync(join(tmpdir(), 'denizen-plan-'))
test.before(async () => {
  world = await startWorld({ config: inForce })
  await connected(world)
  for (const [region, keys] of Object.entries(written)) {
    for (const key of keys)
      assert.is((await put(world, region, `cities ${key}`, value)).status, 201)
  }
  for (const key of ['eu/secret-x/1', 'eu/secret-x/2', 'eu/secret-y/1']) {
    assert.is((await put(world, near, `tenants ${key}`, value)).status, 201)
  }
  await converged(world)
})
test.after(async () => {
  await world.close()
  rmSync(directory, { recursive: true })
})

interface Planned {
  readonly ok: boolean
  readonly policyEpoch: number
  readonly plan: PolicyPlan
  readonly costs: PlanCosts
  readonly unasked: readonly { readonly region: string }[]
}

function runPlan(text: string, ...args: readonly string[]): Promise<Run> {
  const config = join(directory, 'next.yaml')
  writeFileSync(config, text)
  const at = ['--config', config, '--url', world.url(near)]
  return runDenizen(['policy', 'plan', ...at, ...args])
}

const withoutFar = inForce.replace('anywhere', `{ store: [eea] }`)

test('a region is taken out of a dataset: its homes move, its copy is erased', async () => {
  const { code, stdout, stderr } = await runPlan(withoutFar, '--json')
  assert.is(code, 0, stderr)
  const planned: Planned = JSON.parse(stdout)
  assert.equal([planned.ok, planned.policyEpoch, planned.unasked], [true, 1, []])
  assert.equal(
    planned.plan.datasets.map(({ id, lost }) => [id, lost]),
    [['cities', { home: [far], store: [far], serve: [far] }]],
  )
  const moving = { groups: 3, records: 3, bytes: bytesOf(far) }
  assert.equal(planned.costs.datasets, [
    {
      id: 'cities',
      copies: [],
      homes: [{ from: far, to: near, ...moving }],
      erasures: [{ region: far, records: 8, bytes: allBytes }],
      unsatisfiable: { groups: 0, records: 0, bytes: 0 },
    },
  ])
  assert.equal(planned.costs.total, { bytes: 0, groups: 3, unsatisfiable: 0 })
})

test('the same as text, and nothing has changed by it', async () => {
  const { code, stdout } = await runPlan(withoutFar)
  assert.is(code, 0)
  assert.match(stdout, /^cities +homes +us-east +eu-west +3 +3 +\d+ B$/m)
  assert.match(stdout, /^cities +erase +us-east +8 +\d+ B$/m)
  assert.match(stdout, 'Nothing was changed')
  assert.match((await runPlan(inForce)).stdout, 'there is nothing to do')
})

test('a region that gets a copy gets it from the homes', async () => {
  const wider = inForce.replace('store: [eea], law: [gdpr]', 'store: [eea, us]')
  const { code, stdout } = await runPlan(wider, '--json')
  assert.is(code, 0)
  const { costs }: Planned = JSON.parse(stdout)
  const amount = { records: 3, bytes: 'eu/secret-x/1'.length * 3 + value.length * 3 }
  assert.equal(costs.datasets[0]?.copies, [
    { region: far, ...amount, from: [{ region: near, ...amount }] },
  ])
  assert.is(costs.total.bytes, amount.bytes)
})

test('keys without a partition make a plan that can not be satisfied', async () => {
  const narrower = inForce.replace('"eu/"', '"eu/secret-x/"')
  const { code, stdout } = await runPlan(narrower, '--json')
  assert.is(code, 2)
  const planned: Planned = JSON.parse(stdout)
  assert.is(planned.ok, false)
  assert.is(planned.costs.total.unsatisfiable, 1)
  assert.not.match(stdout.replaceAll('secret-x/', ''), 'secret-')
})

test('what is fixed is refused, and a file with errors has no plan', async () => {
  const refused = await runPlan(inForce.replace('segments: 2', 'segments: 1'))
  assert.is(refused.code, 2)
  assert.match(refused.stdout, 'fixed when the dataset is made')
  const broken = await runPlan(inForce.replace('anywhere', '{ store: [eeaa] }'))
  assert.is(broken.code, 2)
  assert.match(broken.stdout, 'did you mean "eea"?')
})

test('the report says which dataset is where, since when, and under which law', async () => {
  const { code, stdout } = await runDenizen([
    ...['policy', 'report', '--json', '--url', world.url(middle)],
  ])
  assert.is(code, 0)
  const report: ResidencyReport = JSON.parse(stdout)
  assert.is(report.policyEpoch, 1)
  const ageMs = Date.now() - Date.parse(report.inForceSince ?? '')
  assert.ok(ageMs > 0 && ageMs < 600_000, `in force for ${ageMs} ms`)
  const [cities, tenants] = report.datasets
  assert.equal(
    cities?.regions.map(({ region, copy }) => [region, copy]),
    [near, middle, far].map(region => [region, { records: 8, bytes: allBytes }]),
  )
  assert.equal([tenants?.id, tenants?.store], ['tenants/eu/', [near, middle]])
  assert.is(tenants?.law[0]?.pack, 'gdpr')
  assert.is(tenants?.regions[2]?.copy, undefined)
  assert.match(stdout, 'not legal advice')
})

test('a region that is away: the plan says so, and counts its homes elsewhere', async () => {
  await world.stop(far)
  const { code, stdout } = await runPlan(withoutFar, '--json')
  assert.is(code, 3)
  const { costs, unasked }: Planned = JSON.parse(stdout)
  assert.equal(
    unasked.map(({ region }) => region),
    [far],
  )
  assert.equal(costs.secondHand, [far])
  assert.is(costs.datasets[0]?.homes[0]?.groups, 3)
  assert.equal(costs.datasets[0]?.erasures, [{ region: far }])
  const { code: ofReport, stdout: text } = await runDenizen([
    ...['policy', 'report', '--url', world.url(near)],
  ])
  assert.is(ofReport, 3)
  assert.match(text, `not asked: ${far}`)
})

test('no key is in a log, and the counts are in the audit logs', () => {
  for (const region of world.regions) {
    assert.not.match(readFileSync(world.logFile(region), 'utf8'), 'secret-')
    const audit = readFileSync(join(world.dataDirectory(region), 'audit.log'), 'utf8')
    assert.match(audit, '"policy.census"')
    assert.not.match(audit, 'secret-')
  }
})

test.run()
