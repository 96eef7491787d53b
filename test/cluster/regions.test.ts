/**
 * Regions come to a running cluster, and retire from it, by the policy: the same operation as any
 * other change. Each has a process of its own, with a file of its own that it was started with.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePorts, loopback } from '../../src/cli/dev/ports.ts'
import { RegionProcess } from '../../src/cli/dev/region-process.ts'
import { runDenizen } from '../cli/run-denizen.ts'
import { codeOf, kv, type Reply, ask as request, sendText, until } from './region-client.ts'

const all = ['eu-west', 'eu-central', 'us-east']
const folder = mkdtempSync(join(tmpdir(), 'denizen-regions-'))
const ports = await freePorts(2 * all.length)
const portOf = (region: string, peer: 0 | 1): number =>
  ports[2 * all.indexOf(region) + peer] as number

function policyOf(regions: readonly string[]): string {
  const path = join(folder, `${regions.join()}.yaml`)
  const lines = [
    'cluster: growing',
    `regions: [${regions.join(', ')}]`,
    'coordination: { static: eu-west }',
    'datasets:',
    '  cities: { residency: anywhere, homing: hint }',
    '  settings: { residency: anywhere, homing: hash }',
    '  teams: { residency: anywhere, groupBy: { segments: 1 } }',
  ]
  writeFileSync(path, `${lines.join('\n')}\n`)
  return path
}

const world = { url: (region: string) => `http://${loopback}:${portOf(region, 0)}` }
const processes = new Map<string, RegionProcess>()

async function start(region: string, config: string): Promise<void> {
  const peers = all.map(peer => `--peer=${peer}=${loopback}:${portOf(peer, 1)}`)
  const started = new RegionProcess({
    args: [
      ...['--region', region, '--data', join(folder, region), '--config', config],
      ...['--listen', `${loopback}:${portOf(region, 0)}`, '--threads', '1'],
      ...['--peer-listen', `${loopback}:${portOf(region, 1)}`, ...peers],
    ],
    workingDirectory: folder,
    logFile: join(folder, `${region}.log`),
    onDeath: ({ code }) => process.stderr.write(`${region} ended by itself (${code})\n`),
  })
  processes.set(region, started)
  await started.start()
}

const ready = (region: string): Promise<void> =>
  until(
    async () => (await request(world, region, '/readyz').catch(() => undefined))?.status === 200,
    `${region} is ready`,
  )

test.after(async () => {
  await Promise.all([...processes.values()].map(one => one.stop()))
  await rm(folder, { recursive: true, force: true })
})

const ask = (region: string, name: string, options = {}): Promise<Reply> => {
  const [dataset = '', key = ''] = name.split(' ')
  return request(world, region, kv(dataset, key), options)
}
const names = ['cities', 'settings', 'teams'].flatMap(dataset =>
  Array.from({ length: 12 }, (_, n) => `${dataset} ${n % 4}/${n}`),
)

async function writeAll(regions: readonly string[], value: string): Promise<void> {
  for (const [index, name] of names.entries()) {
    const region = regions[index % regions.length] as string
    const reply = await ask(region, name, sendText('PUT', value))
    assert.ok(reply.status < 300, `${name} in ${region}: ${reply.status} ${codeOf(reply)}`)
  }
}

async function assertAll(region: string, value: string): Promise<void> {
  for (const name of names) {
    const reply = await ask(region, name, { headers: { 'denizen-consistency': 'strong' } })
    assert.is(reply.body.toString(), value, `${name} in ${region}: ${reply.status}`)
  }
}

const apply = (config: string) =>
  runDenizen(['policy', 'apply', '--yes', '--config', config, '--url', world.url('eu-west')])

const two = policyOf(['eu-west', 'eu-central'])
const three = policyOf(all)
const without = policyOf(['eu-west', 'us-east'])

test('a region joins a running cluster, and has all that there is', async () => {
  await Promise.all([start('eu-west', two), start('eu-central', two)])
  await Promise.all([ready('eu-west'), ready('eu-central')])
  await writeAll(['eu-west', 'eu-central'], 'first')
  const applying = apply(three)
  await until(async () => {
    const reply = await request(world, 'eu-central', '/v1/admin/policy/change')
    return reply.body.includes('us-east can not be reached')
  }, 'the change waits for the new region')
  await writeAll(['eu-central', 'eu-west'], 'second')
  await start('us-east', three)
  const applied = await applying
  assert.is(applied.code, 0, applied.stderr + applied.stdout)
  assert.match(applied.stdout, /us-east now has a copy/)
  await ready('us-east')
  await assertAll('us-east', 'second')
  await writeAll(all, 'third')
  await assertAll('us-east', 'third')
})

test('a region retires, keeps nothing, and sends everybody elsewhere', async () => {
  const applied = await apply(without)
  assert.is(applied.code, 0, applied.stderr + applied.stdout)
  assert.equal(readdirSync(join(folder, 'eu-central', 'datasets')), [])
  await assertAll('us-east', 'third')
  const reply = await ask('eu-central', 'cities 0/0')
  assert.is(reply.status, 307)
  await writeAll(['us-east', 'eu-west'], 'fourth')
  await processes.get('eu-central')?.stop()
  await assertAll('eu-west', 'fourth')
})

test('it comes back, with the feeds that it had', async () => {
  await start('eu-central', two)
  const applied = await apply(three)
  assert.is(applied.code, 0, applied.stderr + applied.stdout)
  await ready('eu-central')
  await assertAll('eu-central', 'fourth')
  await writeAll(['eu-central'], 'fifth')
  await assertAll('us-east', 'fifth')
  assert.ok(existsSync(join(folder, 'eu-central', 'datasets', 'cities')))
  for (const region of all) {
    const log = readFileSync(join(folder, `${region}.log`), 'utf8')
    assert.not.match(log, '"level":"error"', region)
  }
})

test.run()
