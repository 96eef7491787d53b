/**
 * Backup and restore of one node into a living world: the region's disk is lost, its node returns
 * from a backup that is older than what it told others, and nothing that was acknowledged and had
 * reached another region is lost, or goes back.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runDenizen } from '../cli/run-denizen.ts'
import { smallPolicy, startWorld, type World } from '../worlds/world.ts'
import {
  allReachable,
  ask,
  codeOf,
  converged,
  inParallel,
  kv,
  seededRandom,
  seedOfRun,
  sendText,
} from './region-client.ts'
import { checkKey, versionOf, Writers } from './writers.ts'

const regions = ['eu-west', 'us-east', 'ap-northeast']
const datasets = ['cities', 'settings']
const strong = { 'denizen-consistency': 'strong' }

const scratch = mkdtempSync(join(tmpdir(), 'denizen-restore-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))

let files = 0
const newFile = (): string => join(scratch, `${++files}.backup`)

/** Fails unless the command does what it should. */
async function denizen(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runDenizen(args)
  assert.is(code, 0, stderr)
  return stdout
}

async function backUp(world: World, region: string): Promise<string> {
  const out = newFile()
  await denizen('backup', '--url', world.url(region), '--place', region, '--out', out)
  return out
}

/** The policy file of the world, as `serve` has it. */
function policyFile(): string {
  const path = join(scratch, 'denizen.yaml')
  writeFileSync(path, smallPolicy(regions))
  return path
}

const restoreArgs = (file: string, region: string, data: string): string[] => [
  ...['restore', file, '--region', region, '--data', data, '--config', policyFile()],
]

/** What was written together is in it together, though clients wrote meanwhile. */
async function checkUntorn(backup: string): Promise<void> {
  const data = join(scratch, 'untorn')
  await denizen(...restoreArgs(backup, 'eu-west', data))
  await denizen('doctor', '--verify', data)
}

/** Every key holds its last acknowledged write, or one after it, whichever region is asked. */
async function checkAll(world: World, { keys }: Writers): Promise<void> {
  await inParallel(12, keys, async own => {
    for (const region of regions) {
      const reply = await ask(world, region, kv(own.dataset, own.key), { headers: strong })
      assert.ok([200, 404].includes(reply.status), `${reply.status} ${codeOf(reply)}`)
      const version = versionOf(`${reply.headers.etag ?? '"0.0"'}`)
      const value = reply.body.toString()
      checkKey(own, reply.status === 200 ? { value, version } : undefined)
    }
  })
}

test('a lost keeper returns from a backup; what came after it comes back from others', async () => {
  const random = seededRandom(seedOfRun())
  const world = await startWorld({ config: smallPolicy(regions) })
  try {
    const options = { world, datasets, writers: 6, keysPerWriter: 10, random }
    const before = new Writers(options)
    await before.more(150)
    const backup = await backUp(world, 'eu-west')
    await checkUntorn(backup)
    // A start opens generations that the backup knows nothing of.
    await world.kill('eu-west')
    await world.start('eu-west')
    await before.more(150)
    await before.more(20, 'eu-west')
    await before.stop()
    await converged(world)

    await world.kill('eu-west')
    const data = world.dataDirectory('eu-west')
    rmSync(data, { recursive: true })
    const others = { url: (region: string) => world.url(region), regions: regions.slice(1) }
    const meanwhile = new Writers({ ...options, world: others, continues: before })
    await meanwhile.more(50)
    await denizen(...restoreArgs(backup, 'eu-west', data))
    await world.start('eu-west')
    await allReachable(world)
    await meanwhile.stop()
    const after = new Writers({ ...options, continues: meanwhile })
    await after.more(100)
    await after.more(20, 'eu-west')
    await after.stop()
    await converged(world)
    await checkAll(world, after)

    for (const region of regions) await world.stop(region)
    await denizen('doctor', '--verify', ...regions.map(region => world.dataDirectory(region)))
  } finally {
    await world.close()
  }
})

test('a restored node waits for every region; two of them answer each other', async () => {
  const world = await startWorld({ config: smallPolicy(regions) })
  const lost = ['us-east', 'ap-northeast'] as const
  try {
    for (const region of lost) {
      assert.is((await ask(world, region, kv('cities', region), sendText('PUT', '1'))).status, 201)
    }
    await converged(world)
    const backups = await Promise.all(lost.map(region => backUp(world, region)))
    for (const region of lost) {
      assert.is((await ask(world, region, kv('cities', region), sendText('PUT', '2'))).status, 204)
    }
    await converged(world)
    for (const [index, region] of lost.entries()) {
      await world.kill(region)
      const data = world.dataDirectory(region)
      rmSync(data, { recursive: true })
      await denizen(...restoreArgs(backups[index] as string, region, data))
    }
    const [first, second] = lost
    await world.start(first, { ready: false })
    let reason = ''
    while (!reason.includes(second)) {
      const reply = await ask(world, first, '/readyz').catch(() => undefined)
      assert.is.not(reply?.status, 200, 'it must not serve yet')
      reason = reply?.body.toString() ?? ''
    }
    assert.match(reason, /--lost/)
    await world.start(second)
    await world.ready(lost)
    await converged(world)
    for (const region of lost) {
      const reply = await ask(world, region, kv('cities', region), { headers: strong })
      assert.is(reply.body.toString(), '2')
    }
  } finally {
    await world.close()
  }
})

test.run()
