import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exitCodes } from '../../src/cli/exit-codes.ts'
import { loadHasher } from '../../src/model/hash.ts'
import type { Key } from '../../src/model/key.ts'
import { Placement } from '../../src/model/placement.ts'
import { feedNumber } from '../../src/model/position.ts'
import { RegionNumbers } from '../../src/model/slot.ts'
import { datasetDirectory } from '../../src/node/data-directory.ts'
import { storeEngine } from '../../src/node/store-engine.ts'
import { processStart } from '../../src/runtime/pid-file.ts'
import { rowKeys } from '../../src/storage/rows.ts'
import { StoreTransaction } from '../../src/storage/transaction.ts'
import { runDenizen } from './run-denizen.ts'

const dataset = 'tenants/eu/'
const slots = 8
const stores = 2
const hasher = await loadHasher()
const placement = new Placement(
  {
    id: dataset,
    name: 'tenants',
    prefix: 'eu/',
    slots,
    groupBySegments: 2,
    homing: { kind: 'hint' },
    outside: 'redirect',
    anywhere: false,
    law: [],
    home: ['eu-west'],
    store: ['eu-west'],
    serve: ['eu-west'],
    forbidden: {},
  },
  hasher,
)
const context = {
  hasher,
  placement,
  self: 'eu-west',
  ownFeed: feedNumber(1, 1),
  hashOfGroup: String,
  regions: new RegionNumbers({ 'eu-west': 1 }),
}
const slotOf = (key: string): number => placement.slotOf(placement.groupOf(key as Key))

const root = mkdtempSync(join(tmpdir(), 'denizen-doctor-'))
test.after(() => rmSync(root, { recursive: true }))

const secret = 'acme-secret'
const keys = Array.from({ length: 40 }, (_, n) => `eu/${secret}${n}/users/1`)

/** Writes records as a shard does. */
async function makeDirectory(name: string, written: readonly string[]): Promise<string> {
  const directory = join(root, name)
  const folder = datasetDirectory(directory, dataset)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(directory, 'node.json'), JSON.stringify({ format: 1, region: name }))
  const layout = { format: 1, dataset, slots, groupBySegments: 2, stores }
  writeFileSync(join(folder, 'dataset.json'), JSON.stringify(layout))
  for (let store = 0; store < stores; store++) {
    const engine = await storeEngine.open(join(folder, String(store)))
    const transaction = new StoreTransaction(engine, context, new Map())
    for (const key of written) {
      const slot = slotOf(key)
      if (slot % stores !== store) continue
      transaction.writeRecord(
        slot,
        key,
        {
          version: { term: 1, seq: transaction.appendPosition(slot) },
          feed: context.ownFeed,
          ...{ tombstone: key.endsWith('9/users/1'), shared: false, expiresAtMs: 0 },
          mediaType: 'text/plain',
          value: key.endsWith('9/users/1') ? new Uint8Array() : Buffer.from(`value of ${key}`),
        },
        undefined,
      )
    }
    await engine.commit(transaction.changes)
    await engine.close()
  }
  return directory
}

const storeDirectory = (directory: string, key: string): string =>
  join(datasetDirectory(directory, dataset), String(slotOf(key) % stores))

/** Changes rows behind the node's back. */
async function tamper(
  directory: string,
  key: string,
  change: (record: Uint8Array) => Uint8Array | null,
): Promise<void> {
  const engine = await storeEngine.open(storeDirectory(directory, key))
  const rowKey = rowKeys.record(key)
  const before = engine.get(rowKey)
  assert.ok(before)
  await engine.commit([{ key: rowKey, value: change(before ?? new Uint8Array()) }])
  await engine.close()
}

const verify = (...directories: string[]) =>
  runDenizen(['doctor', '--json', '--verify', ...directories])

test('sound directories that agree', async () => {
  const a = await makeDirectory('a', keys)
  const b = await makeDirectory('b', [...keys].reverse())
  // Positions differ by order, and checksums with them: the same order makes the same copies.
  const c = await makeDirectory('c', keys)
  assert.is((await verify(a)).code, exitCodes.ok)
  assert.is((await verify(b)).code, exitCodes.ok)
  const { code, stdout } = await verify(a, c)
  assert.is(code, exitCodes.ok)
  const report = JSON.parse(stdout)
  assert.is(report.sound, true)
  assert.is(report.directories[0].datasets[0].records, 36)
  assert.is(report.directories[0].datasets[0].tombstones, 4)
  const text = await runDenizen(['doctor', '--verify', a, c])
  assert.match(text.stdout, /sound, and in agreement/)
})

test('one changed bit is found, and told without the key', async () => {
  const directory = await makeDirectory('flipped', keys)
  const key = keys[3] ?? ''
  await tamper(directory, key, record => {
    const last = record.length - 1
    record[last] = (record[last] ?? 0) ^ 1
    return record
  })
  const { code, stdout } = await verify(directory)
  assert.is(code, exitCodes.failed)
  const { findings } = JSON.parse(stdout).directories[0].datasets[0]
  assert.is(findings[0].problem, 'a record does not match its checksum')
  assert.is(findings[0].dataset, dataset)
  assert.is(findings[0].slot, slotOf(key))
  assert.not.match(stdout, secret)
  const named = await runDenizen(['doctor', '--json', '--keys', '--scrub', directory])
  assert.is(JSON.parse(named.stdout).directories[0].datasets[0].findings[0].key, key)
})

test('a record that vanished is missing from the digest', async () => {
  const directory = await makeDirectory('vanished', keys)
  const key = keys[5] ?? ''
  await tamper(directory, key, () => null)
  const { code, stdout } = await verify(directory)
  assert.is(code, exitCodes.failed)
  const { findings } = JSON.parse(stdout).directories[0].datasets[0]
  assert.is(findings.length, 2)
  for (const { slot } of findings) assert.is(slot, slotOf(key))
  assert.match(findings[0].problem, /^the node counted \d+ records/)
  assert.is(findings[1].problem, 'an entry of a feed points to nothing')
})

test('a store that can not be opened is damage', async () => {
  const directory = await makeDirectory('torn', keys)
  const file = join(storeDirectory(directory, keys[0] ?? ''), 'data.mdb')
  writeFileSync(file, readFileSync(file).subarray(0, 100))
  const { code, stdout } = await verify(directory)
  assert.is(code, exitCodes.failed)
  assert.match(stdout, 'the store can not be read')
})

test('a lost layout is damage', async () => {
  const directory = await makeDirectory('unlaid', keys)
  writeFileSync(join(datasetDirectory(directory, dataset), 'dataset.json'), '{"format":1')
  const { code, stdout } = await verify(directory)
  assert.is(code, exitCodes.failed)
  assert.match(stdout, 'dataset.json is damaged')
})

test('copies that differ are named by slot', async () => {
  const whole = await makeDirectory('whole', keys)
  const behind = await makeDirectory('behind', keys.slice(0, -2))
  const { code, stdout } = await verify(whole, behind)
  assert.is(code, exitCodes.failed)
  const { disagreements, directories } = JSON.parse(stdout)
  assert.equal(directories[1].datasets[0].findings, [])
  // The last key is a tombstone, which copies drop at different times.
  assert.equal(
    disagreements.map(({ slot }: { slot: number }) => slot),
    [slotOf(keys.at(-2) ?? '')],
  )
})

test('a running node is left alone', async () => {
  const directory = await makeDirectory('running', keys)
  const holder = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  try {
    const pid = holder.pid ?? 0
    const lock = JSON.stringify({ pid, startedAt: processStart(pid) })
    writeFileSync(join(directory, 'node.lock'), lock)
    const { code, stderr } = await verify(directory)
    assert.is(code, exitCodes.usage)
    assert.match(stderr, `is running, as pid ${pid}`)
  } finally {
    holder.kill('SIGKILL')
  }
})

test('a directory of something else is wrong usage', async () => {
  const { code, stderr } = await verify(root)
  assert.is(code, exitCodes.usage)
  assert.match(stderr, 'is no data directory')
})

test.run()
