/**
 * Erasure of a group, on real disks: before it a marker of its keys and values lies in every region
 * that stores the dataset, afterwards in none, in no form; other groups stay as they are. With a
 * region killed amid it, and with one that was restored from a backup that still had the group.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Receipt } from '../../src/receipts/receipt.ts'
import { runDenizen } from '../cli/run-denizen.ts'
import { encodedSample, encodings, MarkerSearch, newMarker } from '../worlds/marker-search.ts'
import { startWorld, type World } from '../worlds/world.ts'
import {
  allReachable,
  ask,
  converged,
  jsonOf,
  kv,
  seededRandom,
  seedOfRun,
  sendJson,
  sendText,
  until,
} from './region-client.ts'

const random = seededRandom(seedOfRun())
const regions = ['eu-west', 'us-east', 'ap-northeast']
const [home = '', away = '', third = ''] = regions
const strong = { 'denizen-consistency': 'strong' }
const policy = `
cluster: test
regions: [${regions.join(', ')}]
coordination: { static: ${home} }
datasets:
  profiles: { residency: anywhere, homing: hint, groupBy: { segments: 1 } }
  flags: { residency: anywhere, homing: hash }
  ledger: { residency: { store: [us] } }
`

const scratch = mkdtempSync(join(tmpdir(), 'denizen-erase-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))
let files = 0
const newFile = (kind: string): string => join(scratch, `${++files}.${kind}`)

async function denizen(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runDenizen(args)
  assert.is(code, 0, `${stderr}${stdout}`)
  return stdout
}

const eraseAt = (world: World, at: string, dataset: string, group: string) =>
  ask(world, at, `/v1/admin/erase/${dataset}/${encodeURIComponent(group)}`, { method: 'POST' })

async function erase(world: World, at: string, dataset: string, group: string): Promise<Receipt> {
  const reply = await eraseAt(world, at, dataset, group)
  assert.is(reply.status, 200, reply.body.toString())
  return jsonOf(reply) as Receipt
}

/** What has become of it by now. */
async function newer(world: World, at: string, { what }: Receipt): Promise<Receipt> {
  const query = new URLSearchParams({ dataset: String(what.dataset), group: String(what.group) })
  return jsonOf(await ask(world, at, `/v1/admin/erasures?${query}`)) as Receipt
}

const confirmed = ({ regions }: Receipt): string[] => regions.map(({ region }) => region).sort()

/** Regions in whose directories the marker is found; of a region that runs, too. */
const holders = (world: World, search: MarkerSearch, of = regions): string[] =>
  of.filter(region => holds(search, world.dataDirectory(region)))

function holds(search: MarkerSearch, directory: string): boolean {
  try {
    return search.directory(directory).length > 0
  } catch {
    // A file has changed places meanwhile: it is not over yet.
    return true
  }
}

/** Writes a group in every way that leaves bytes of it somewhere. */
async function writeGroup(world: World, group: string, marker: string): Promise<void> {
  const target = (key: string) => kv('profiles', key)
  for (const [n, encoding] of encodings.entries()) {
    const region = regions[n % regions.length] as string
    const key = `${group}/${n}${marker}`
    const value = Buffer.concat([encodedSample(marker, encoding), Buffer.alloc(n * 997, '.')])
    const headers = { 'idempotency-key': `${n}`, 'denizen-ttl': n % 2 ? '1h' : '2h' }
    const put = await ask(world, region, target(key), sendText('PUT', value, headers))
    assert.is(put.status, 201)
  }
  const steps = [0, 1].map(n => ({ op: 'put', key: `${group}/tx${n}${marker}`, value: marker }))
  const tx = await ask(
    world,
    away,
    `/v1/tx/profiles/${group}`,
    // biome-ignore lint/suspicious/noThenProperty: the API's own name
    sendJson('POST', { if: [], then: steps, else: [] }),
  )
  assert.is(tx.status, 200)
  assert.is(
    (await ask(world, home, target(`${group}/0${marker}`), { method: 'DELETE' })).status,
    204,
  )
  const large = sendText('PUT', Buffer.alloc(400_000, marker))
  assert.is((await ask(world, third, target(`${group}/large`), large)).status, 201)
}

const statusOf = async (world: World, region: string, dataset: string, key: string) =>
  (await ask(world, region, kv(dataset, key), { headers: strong })).status

test('nothing of an erased group is left in any region, and nothing else is lost', async () => {
  const world = await startWorld({ config: policy, threads: 2 })
  const marker = newMarker(random)
  const search = new MarkerSearch({ it: marker })
  try {
    await allReachable(world)
    const kept = await ask(world, away, kv('profiles', 'kept/a'), sendText('PUT', 'kept'))
    assert.is(kept.status, 201)
    await writeGroup(world, `g${marker}`, marker)
    // It has homes, and feeds that name it, in two regions.
    const to = `/v1/admin/rehome/profiles/${encodeURIComponent(`g${marker}`)}?to=${third}`
    assert.is((await ask(world, home, to, { method: 'POST' })).status, 200)
    const more = sendText('PUT', marker)
    assert.is((await ask(world, home, kv('profiles', `g${marker}/more`), more)).status, 201)
    await converged(world)
    assert.equal(holders(world, search), regions, 'the control')

    const within = await eraseAt(world, away, 'profiles', 'kept/a')
    assert.is(within.status, 400, 'one key of a group is not erased alone, nor all for its sake')
    const file = newFile('json')
    await denizen('erase', 'profiles', `g${marker}`, '--url', world.url(away), '--out', file)
    const receipt: Receipt = JSON.parse(readFileSync(file, 'utf8'))
    assert.equal(receipt.open, [])
    assert.equal(confirmed(receipt), [...regions].sort())
    for (const { evidence } of receipt.regions)
      assert.ok(Number(evidence.keys) >= 13, `${evidence.keys}`)
    assert.equal(holders(world, search), [])
    assert.not.match(JSON.stringify(receipt), marker)
    for (const region of regions) {
      assert.is(await statusOf(world, region, 'profiles', `g${marker}/more`), 404)
      assert.is(await statusOf(world, region, 'profiles', 'kept/a'), 200)
    }
    await denizen('receipt', 'verify', file, '--url', world.url(third))
    const keys = newFile('json')
    writeFileSync(keys, await denizen('receipt', 'keys', '--json', '--url', world.url(away)))
    await denizen('receipt', 'rotate', '--url', world.url(third))
    await denizen('receipt', 'verify', file, '--key', keys)
    const again = await newer(world, third, receipt)
    assert.equal([again.what, confirmed(again)], [receipt.what, confirmed(receipt)])
    assert.is.not(again.keyId, receipt.keyId)

    // Another life of the same group, begun anywhere, is a group like any other.
    const born = await ask(world, away, kv('profiles', `g${marker}/new`), sendText('PUT', 'new'))
    assert.is(born.status, 201, born.body.toString())
    for (const region of regions) {
      assert.is(await statusOf(world, region, 'profiles', `g${marker}/new`), 200)
      assert.is(await statusOf(world, region, 'profiles', `g${marker}/more`), 404)
    }
    await converged(world)
    for (const region of regions) await world.stop(region)
    assert.match(
      readFileSync(join(world.dataDirectory(away), 'audit.log'), 'utf8'),
      /"what":"erase"/,
    )
    await denizen('doctor', '--verify', ...regions.map(region => world.dataDirectory(region)))
  } finally {
    await world.close()
  }
})

test('it goes on through kills, reaches who was silent, and outlives a restore', async () => {
  const world = await startWorld({ config: policy })
  const marker = newMarker(random)
  const search = new MarkerSearch({ it: marker })
  const group = `g${marker}`
  try {
    await allReachable(world)
    await writeGroup(world, group, marker)
    const flag = await ask(world, home, kv('flags', `f${marker}`), sendText('PUT', marker))
    assert.is(flag.status, 201)
    const only = await ask(world, away, kv('ledger', `l${marker}`), sendText('PUT', marker))
    assert.is(only.status, 201)
    assert.is((await ask(world, away, kv('ledger', 'kept'), sendText('PUT', 'kept'))).status, 201)
    await converged(world)
    const backup = newFile('backup')
    await denizen('backup', '--url', world.url(away), '--place', away, '--out', backup)
    assert.ok(
      (await ask(world, home, kv('profiles', 'late/a'), sendText('PUT', '1'))).status === 201,
    )
    const ledgerReceipt = newFile('json')
    writeFileSync(ledgerReceipt, JSON.stringify(await erase(world, away, 'ledger', `l${marker}`)))

    await erase(world, home, 'flags', `f${marker}`)

    await world.kill(third)
    // Whatever the kill meets: before the commit, after it, amid the writing anew.
    const lost = eraseAt(world, home, 'profiles', group).catch(() => undefined)
    await until(async () => {
      const reply = await ask(world, home, kv('profiles', `${group}/large`), { headers: strong })
      return reply.status === 404
    }, 'the home has erased it')
    await world.kill(home)
    await lost
    await world.start(home)
    await allReachable(world, [home, away])
    let receipt = await erase(world, away, 'profiles', group)
    assert.equal(confirmed(receipt), [home, away].sort())
    assert.equal(
      receipt.open.map(({ region }) => region),
      [third],
    )
    assert.equal(holders(world, search), [third], 'the silent region has it still')
    await world.start(third)
    await until(async () => {
      receipt = await newer(world, home, receipt)
      return receipt.open.length === 0
    }, 'the region that was silent confirms')
    await until(() => holders(world, search).length === 0, 'its files are written anew')

    const data = world.dataDirectory(away)
    await world.kill(away)
    rmSync(data, { recursive: true })
    const config = newFile('yaml')
    writeFileSync(config, policy)
    const args = ['--region', away, '--data', data, '--config', config]
    await denizen('restore', backup, ...args, '--erased', ledgerReceipt)
    assert.equal(holders(world, search), [away], 'the backup has what was erased since')
    await world.start(away)
    for (const [dataset, key] of [
      ['profiles', `${group}/large`],
      ['flags', `f${marker}`],
      ['ledger', `l${marker}`],
    ] as const) {
      const options = { headers: { 'denizen-consistency': 'eventual' } }
      assert.is((await ask(world, away, kv(dataset, key), options)).status, 404, dataset)
    }
    assert.is(await statusOf(world, away, 'ledger', 'kept'), 200)
    await allReachable(world)
    assert.is(await statusOf(world, away, 'profiles', 'late/a'), 200)
    await until(() => holders(world, search).length === 0, 'the restored files are written anew')
    await converged(world)
    for (const region of regions) await world.stop(region)
    assert.equal(holders(world, search), [])
    await denizen('doctor', '--verify', ...regions.map(region => world.dataDirectory(region)))
  } finally {
    await world.close()
  }
})

test.run()
