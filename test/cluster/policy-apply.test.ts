/**
 * The policy of a running world changes: a region loses `cities` while clients write there and
 * everywhere, erases it, and gets it again; the same while the region is killed and comes back with
 * its old file. No write is lost or, without faults, refused.
 */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runDenizen } from '../cli/run-denizen.ts'
import { MarkerSearch, newMarker } from '../worlds/marker-search.ts'
import { startWorld, type World } from '../worlds/world.ts'
import { assertNoErrorLogged, compareEtags, connected, note } from './client.ts'
import {
  ask,
  codeOf,
  converged,
  copies,
  inParallel,
  jsonOf,
  kv,
  type Reply,
  seededRandom,
  seedOfRun,
  sendText,
  until,
} from './region-client.ts'

const WRITERS = 50
const sample = readFileSync(new URL('../../denizen.yaml', import.meta.url), 'utf8')
const withoutUs = sample.replace(
  'residency: anywhere\n    homing: hint',
  'residency: { store: { any: [eea, jp] } }\n    homing: hint',
)
const folder = mkdtempSync(join(tmpdir(), 'denizen-policies-'))
const [before, after] = [join(folder, 'before.yaml'), join(folder, 'after.yaml')]
writeFileSync(before, sample)
writeFileSync(after, withoutUs)

const random = seededRandom(seedOfRun())
const marker = newMarker(random)
const search = new MarkerSearch({ marker })
const inUsEast = (): number => search.directory(world.dataDirectory('us-east')).length

let world: World
test.before(async () => {
  world = await startWorld({ config: sample, latency: 'real' })
  await connected(world)
})
test.after(() => world.close())

interface OwnKey {
  readonly key: string
  /** The value of its last write that was acknowledged, and how it was answered. */
  last: { readonly value: string; readonly etag: string } | undefined
  /** Values of unknown outcome since. */
  unknown: string[]
}

/** Write their own keys, old and new ones, through all regions; they follow redirects. */
class FollowingWriters {
  readonly keys: OwnKey[] = []
  readonly failures: string[] = []
  acknowledged = 0
  #stopped = false
  readonly #running: readonly Promise<void>[]

  constructor() {
    this.#running = Array.from({ length: WRITERS }, (_, writer) => this.#write(writer))
  }

  async more(count: number): Promise<void> {
    const wanted = this.acknowledged + count
    await until(() => this.acknowledged >= wanted, `${count} more writes are acknowledged`)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#running)
  }

  async #write(writer: number): Promise<void> {
    const own: OwnKey[] = []
    for (let n = 0; !this.#stopped; n++) {
      const isNew = own.length < 3 || random() < 0.05
      const key = isNew ? `${marker}/${writer}-${n}` : undefined
      const chosen: OwnKey = key
        ? { key, last: undefined, unknown: [] }
        : (own[Math.floor(random() * own.length)] as OwnKey)
      if (key) {
        own.push(chosen)
        this.keys.push(chosen)
      }
      await this.#put(chosen, `${n} ${marker}`)
    }
  }

  async #put(own: OwnKey, value: string): Promise<void> {
    const region = world.regions[Math.floor(random() * world.regions.length)] as string
    try {
      const reply = await this.#follow(region, own.key, value)
      if (reply.status < 300) {
        const etag = String(reply.headers.etag)
        const isLater = !own.last || compareEtags({ etag } as never, own.last as never) > 0
        if (!isLater) this.failures.push(`${etag} is not after ${own.last?.etag}`)
        own.last = { value, etag }
        own.unknown = []
        this.acknowledged += 1
        return
      }
      if (codeOf(reply) === 'outcome_unknown') own.unknown.push(value)
      this.failures.push(`${region}: ${reply.status} ${codeOf(reply)} ${detailOf(reply)}`)
    } catch (error) {
      own.unknown.push(value)
      this.failures.push(`${region}: ${(error as Error).message}`)
    }
  }

  async #follow(region: string, key: string, value: string): Promise<Reply> {
    const reply = await ask(world, region, kv('cities', key), sendText('PUT', value))
    if (reply.status !== 307) return reply
    const { pathname, search: query, origin } = new URL(String(reply.headers.location))
    return await ask({ url: () => origin }, region, pathname + query, sendText('PUT', value))
  }

  /** Every key is as it was last written. */
  async check(region: string): Promise<void> {
    await inParallel(32, this.keys, async ({ key, last, unknown }) => {
      const headers = { 'denizen-consistency': 'strong' }
      const reply = await ask(world, region, kv('cities', key), { headers })
      const held = reply.status === 200 ? reply.body.toString() : undefined
      const permitted = [last?.value, ...unknown]
      assert.ok(permitted.includes(held), `${key}: ${held} of ${permitted} (${reply.status})`)
    })
  }
}

const detailOf = (reply: Reply): string => (jsonOf(reply) as { detail?: string }).detail ?? ''

const apply = (config: string, ...more: string[]) => {
  const url = ['--url', world.url('eu-central')]
  return runDenizen(['policy', 'apply', '--config', config, ...url, '--yes', ...more])
}

async function phaseOf(region: string): Promise<string> {
  const reply = await ask(world, region, '/v1/admin/policy/change')
  if (reply.status !== 200) return 'unknown'
  const { next } = jsonOf(reply) as { next?: { phase: string } }
  return next?.phase ?? 'in force'
}

test('us-east loses the cities while clients write: none fails, none is lost', async () => {
  const writers = new FollowingWriters()
  await writers.more(300)
  await until(() => inUsEast() > 0, 'the marker is in us-east')
  const receipt = join(folder, 'receipt.json')
  const applied = await apply(after, '--out', receipt)
  assert.is(applied.code, 0, applied.stderr + applied.stdout)
  const url = ['--url', world.url('ap-northeast')]
  const verified = await runDenizen(['receipt', 'verify', receipt, ...url])
  assert.is(verified.code, 0, verified.stderr + verified.stdout)
  const { what, regions, open } = JSON.parse(readFileSync(receipt, 'utf8'))
  assert.is(what.phase, 'in force')
  assert.is(regions[0].region, 'us-east')
  assert.is(regions[0].evidence.cities.what, 'erased')
  assert.equal(open, [])
  assert.match(applied.stdout, /us-east erased \d+ records/)
  await writers.more(100)
  await writers.stop()
  note(`${writers.acknowledged} writes while the policy changed; ${applied.stdout.slice(-20)}`)
  assert.equal(writers.failures.slice(0, 5), [], `${writers.failures.length} failed`)
  await writers.check('eu-west')
  assert.is(inUsEast(), 0, 'nothing of it is left in us-east')
  assert.not((await copies(world, 'us-east')).has('cities'))
  await converged(world)
  assertNoErrorLogged(world)
})

test('it is allowed again, and the copy returns', async () => {
  const writers = new FollowingWriters()
  const applied = await apply(before)
  assert.is(applied.code, 0, applied.stderr + applied.stdout)
  await writers.more(100)
  await writers.stop()
  assert.equal(writers.failures.slice(0, 5), [], `${writers.failures.length} failed`)
  await writers.check('us-east')
  await converged(world)
  assert.ok((await copies(world, 'us-east')).has('cities'))
  assert.ok(inUsEast() > 0, 'the marker is in us-east again')
  assertNoErrorLogged(world)
})

test('the region is killed amid the change, and comes back with its old file', async () => {
  const writers = new FollowingWriters()
  await writers.more(200)
  const applying = apply(after)
  await until(async () => (await phaseOf('eu-west')) === 'transfer', 'homes are being moved')
  await world.kill('us-east')
  await writers.more(50)
  assert.not((await phaseOf('eu-west')).includes('force'), 'nothing is skipped')
  const waiting = await runDenizen(['status', '--url', world.url('eu-west')])
  assert.match(waiting.stdout, /changing \(transfer\)/)
  const metrics = await ask(world, 'eu-west', '/metrics')
  assert.match(metrics.body.toString(), /^denizen_policy_changing\{.*\} 1$/m)
  const reply = await ask(world, 'eu-west', '/v1/admin/policy/receipt')
  const { regions, open } = jsonOf(reply) as { regions: unknown[]; open: { region: string }[] }
  assert.equal(regions, [], 'nothing is called erased')
  assert.ok(open.some(({ region }) => region === 'us-east'))
  await world.start('us-east')
  const applied = await applying
  assert.is(applied.code, 0, applied.stderr + applied.stdout)
  await writers.more(100)
  await writers.stop()
  await writers.check('eu-central')
  assert.is(inUsEast(), 0, 'nothing of it is left in us-east')
  await converged(world)
  const status = await runDenizen(['status', '--url', world.url('us-east'), '--json'])
  assert.match(status.stdout, /us-east may/, 'its file differs, and it says so')
})

test.run()
