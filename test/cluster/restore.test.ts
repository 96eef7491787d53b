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

test('a restored node waits for every region, unless it is called lost', async () => {
  const world = await startWorld({ config: smallPolicy(regions) })
  try {
    assert.is((await ask(world, 'us-east', kv('cities', 'a'), sendText('PUT', '1'))).status, 201)
    await converged(world)
    const backup = await backUp(world, 'us-east')
    await world.kill('us-east')
    await world.stop('ap-northeast')
    const data = world.dataDirectory('us-east')
    rmSync(data, { recursive: true })
    await denizen(...restoreArgs(backup, 'us-east', data))
    await world.start('us-east', { ready: false })
    let reason = ''
    while (!reason.includes('ap-northeast')) {
      const reply = await ask(world, 'us-east', '/readyz').catch(() => undefined)
      assert.is.not(reply?.status, 200, 'it must not serve yet')
      reason = reply?.body.toString() ?? ''
    }
    assert.match(reason, /--lost/)
    await world.start('ap-northeast')
    await world.ready(['us-east'])
    assert.is((await ask(world, 'us-east', kv('cities', 'a'), { headers: strong })).status, 200)
  } finally {
    await world.close()
  }
})

test.run()
