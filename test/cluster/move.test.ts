/**
 * A tenant moves to another partition of its dataset, on real disks, from regions that may store
 * only the one to a region that may store only the other. Writers write it all the while, whatever
 * dies: what they were told is written is in the copy when they are told that the group has moved.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Receipt } from '../../src/receipts/receipt.ts'
import { denizenScript } from '../cli/run-denizen.ts'
import { runHere } from '../cli/run-here.ts'
import { encodedSample, encodings, MarkerSearch, newMarker } from '../worlds/marker-search.ts'
import { startWorld, type World } from '../worlds/world.ts'
import {
  allReachable,
  ask,
  codeOf,
  converged,
  inParallel,
  jsonOf,
  kv,
  type Reply,
  seededRandom,
  seedOfRun,
  sendText,
  until,
} from './region-client.ts'

const random = seededRandom(seedOfRun())
const [home, other, abroad] = ['eu-west', 'eu-central', 'us-east']
const europe = [home, other]
const strong = { headers: { 'denizen-consistency': 'strong' } }
const policy = `
cluster: test
regions: [${[home, other, abroad].join(', ')}]
coordination: { static: ${home} }
datasets:
  tenants:
    groupBy: { segments: 2 }
    partitions:
      "eu/": { residency: { store: [eea] } }
      "us/": { residency: { store: [us] }, outside: refuse }
`

const scratch = mkdtempSync(join(tmpdir(), 'denizen-move-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))
let files = 0
const newFile = (): string => join(scratch, `${++files}.json`)

let world: World
test.before(async () => {
  world = await startWorld({ config: policy })
  await allReachable(world)
})
test.after(() => world.close())

interface Move {
  readonly tenant: string
  readonly state: string
  readonly out: string
}

const newMove = (tenant: string): Move => ({ tenant, state: newFile(), out: newFile() })

const argsOf = ({ tenant, state, out }: Move): string[] => [
  ...['move', 'tenants', `eu/${tenant}`, '--to', 'us/', '--yes', '--state', state, '--out', out],
  ...['--url', world.url(other), '--to-url', world.url(abroad)],
]

/** Moves a tenant, and says how that ended; killed as soon as `until` holds. */
async function move(it: Move, untilKilled?: () => Promise<boolean>) {
  if (!untilKilled) return await runHere(argsOf(it))
  const child = spawn(process.execPath, [denizenScript, ...argsOf(it)], { stdio: 'ignore' })
  const ended = new Promise<number | null>(resolve => child.once('exit', code => resolve(code)))
  await until(untilKilled, 'it is time to kill the mover')
  child.kill('SIGKILL')
  assert.is(await ended, null, 'it was killed before its end')
  return undefined
}

async function moved(it: Move): Promise<Receipt> {
  const run = await move(it)
  assert.is(run?.code, 0, `${run?.stderr}${run?.stdout}`)
  return JSON.parse(readFileSync(it.out, 'utf8')) as Receipt
}

const put = async (region: string, key: string, value: string | Uint8Array, headers = {}) => {
  const reply = await ask(world, region, kv('tenants', key), sendText('PUT', value, headers))
  assert.is(reply.status, 201, reply.body.toString())
}

const get = (region: string, key: string): Promise<Reply> =>
  ask(world, region, kv('tenants', key), strong)

async function keysOf(region: string, group: string): Promise<number> {
  const query = new URLSearchParams({ group, limit: '1000' })
  const reply = await ask(world, region, `/v1/kv/tenants?${query}`, strong)
  return reply.status === 200 ? (jsonOf(reply) as { items: unknown[] }).items.length : 0
}

/**
 * Writers of one tenant, each of a key of its own, without a pause, through both regions. Told that
 * it has moved, each looks what its key has there, and writes on there.
 */
class Tenant {
  readonly name: string
  acknowledged = 0
  movedOn = 0
  readonly refusals = new Map<string, number>()
  readonly #running: readonly Promise<void>[]
  #stopped = false

  constructor(name: string, writers = 4) {
    this.name = name
    this.#running = Array.from({ length: writers }, (_, n) => this.#run(`w${n}`))
  }

  async more(count: number): Promise<void> {
    const wanted = this.acknowledged + count
    await until(() => this.acknowledged >= wanted, `${count} more writes are acknowledged`)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#running)
  }

  async #run(own: string): Promise<void> {
    let last: string | undefined
    let unknown: string[] = []
    let prefix = 'eu/'
    for (let n = 0; !this.#stopped; n++) {
      const region = prefix === 'us/' ? abroad : (europe[Math.floor(random() * 2)] as string)
      const target = kv('tenants', `${prefix}${this.name}/${own}`)
      const reply = await ask(world, region, target, sendText('PUT', `${n}`)).catch(() => undefined)
      if (reply && reply.status < 300) {
        last = `${n}`
        unknown = []
        this.acknowledged += 1
        continue
      }
      const code = reply ? codeOf(reply) : 'no reply'
      this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1)
      if (code === 'group_moved') {
        assert.is(reply?.status, 410)
        assert.is((jsonOf(reply as Reply) as { movedTo: string }).movedTo, 'us/')
        prefix = 'us/'
        const there = await get(abroad, `${prefix}${this.name}/${own}`)
        const value = there.status === 200 ? there.body.toString() : undefined
        assert.ok([last, ...unknown].includes(value), `${own}: ${value} is not ${last}, ${unknown}`)
        this.movedOn += 1
      } else if (code === 'no reply' || code === 'outcome_unknown') unknown.push(`${n}`)
      else assert.is(reply?.status, 503, `${code} ${reply?.body}`)
    }
  }
}

const holds = (search: MarkerSearch, region: string): boolean => {
  try {
    return search.directory(world.dataDirectory(region)).length > 0
  } catch {
    // A file has changed places meanwhile: it is not over yet.
    return true
  }
}

test('a tenant moves while it is written; nothing of it stays, and no write is lost', async () => {
  const marker = newMarker(random)
  const search = new MarkerSearch({ it: marker })
  const it = newMove(`t${marker}`)
  const [from, to] = [`eu/${it.tenant}`, `us/${it.tenant}`]
  for (const [n, encoding] of encodings.entries()) {
    await put(europe[n % 2] as string, `${from}/${n}${marker}`, encodedSample(marker, encoding))
  }
  await put(home, `${from}/json`, '{"a": 1}', { 'content-type': 'application/json' })
  await put(home, `${from}/life`, marker, { 'denizen-ttl': '1h', 'idempotency-key': marker })
  await put(home, 'eu/neighbour/a', 'stays')
  await inParallel(
    16,
    Array.from({ length: 400 }, (_, n) => n),
    n => put(home, `${from}/many/${n}`, `${n} ${marker} ${'.'.repeat(600)}`),
  )
  await converged(world)
  assert.equal(
    [home, other, abroad].map(region => holds(search, region)),
    [true, true, false],
  )

  const writers = new Tenant(it.tenant)
  await writers.more(50)
  // The mover dies amid its copying, and is said to go on.
  await move(it, async () => (await keysOf(abroad, to)) > 0)
  assert.is((await get(home, `${from}/json`)).status, 200, 'the group is whole')
  await writers.more(50)
  const receipt = await moved(it)
  await until(() => writers.movedOn === 4, 'all writers have heard of it')
  await writers.more(50)
  await writers.stop()
  // No region was away: writes waited, or were told that they had waited too long.
  const refusals = [...writers.refusals.keys()].filter(code => code !== 'home_moving')
  assert.equal(refusals, ['group_moved'])

  assert.is((await get(abroad, `${to}/json`)).body.toString(), '{"a": 1}')
  assert.is((await get(abroad, `${to}/json`)).headers['content-type'], 'application/json')
  assert.is(await keysOf(abroad, to), 400 + encodings.length + 2 + 4)
  const list = await ask(world, abroad, `/v1/kv/tenants?group=${encodeURIComponent(to)}`, strong)
  const items = (jsonOf(list) as { items: { key: string; expiresAt?: string }[] }).items
  const life = items.find(({ key }) => key === `${to}/life`)
  const leftMs = Date.parse(life?.expiresAt ?? '') - Date.now()
  assert.ok(leftMs > 3_500_000 && leftMs < 3_605_000, `${leftMs}`)

  for (const region of europe) {
    assert.is((await get(region, `${from}/json`)).status, 404)
    assert.is((await get(region, 'eu/neighbour/a')).status, 200)
    await until(() => !holds(search, region), `no byte of it is left in ${region}`)
  }
  assert.ok(holds(search, abroad))

  const { what } = receipt
  assert.is(what.kind, 'move')
  assert.equal(
    [what.dataset, (what.to as { dataset: string }).dataset],
    ['tenants/eu/', 'tenants/us/'],
  )
  assert.is((what.copied as { records: number }).records, 400 + encodings.length + 2 + 4)
  assert.equal(receipt.open, [])
  assert.equal(receipt.regions.map(({ region }) => region).sort(), [...europe].sort())
  assert.not.match(JSON.stringify(receipt), marker)
  const verified = await runHere(['receipt', 'verify', it.out, '--url', world.url(abroad)])
  assert.is(verified.code, 0, verified.stderr)
  assert.not.ok(existsSync(it.state), 'nothing is left to be done')
  const again = await move({ ...it, out: newFile() })
  assert.is(again?.code, 1)
  assert.match(again?.stderr ?? '', 'was moved to us/ before')
  const audit = readFileSync(join(world.dataDirectory(other), 'audit.log'), 'utf8')
  assert.match(audit, /"what":"erase".*"movedTo":"us\/"/)
  assert.not.match(audit, marker)
})

test('it outlives the death of the home', async () => {
  const it = newMove('acme')
  await inParallel(
    16,
    Array.from({ length: 300 }, (_, n) => n),
    n => put(home, `eu/acme/many/${n}`, `${n}`),
  )
  const writers = new Tenant('acme')
  await writers.more(20)
  const first = move(it)
  await until(async () => (await keysOf(abroad, 'us/acme')) > 0, 'the copying has begun')
  await world.kill(home)
  await world.start(home)
  const run = await first
  assert.is(run?.code, 0, `${run?.stderr}`)
  await until(() => writers.movedOn === 4, 'all writers have heard of it')
  await writers.stop()
  assert.is(await keysOf(abroad, 'us/acme'), 304)
})

test('a region that is away leaves the receipt open, though the mover dies before it', async () => {
  await allReachable(world)
  await put(home, 'eu/late/a', 'v')
  await converged(world)
  await world.kill(other)
  const late = newMove('late')
  const args = argsOf(late).map(arg => (arg === world.url(other) ? world.url(home) : arg))
  const child = spawn(process.execPath, [denizenScript, ...args], { stdio: 'ignore' })
  const ended = new Promise(resolve => child.once('exit', resolve))
  await until(async () => (await get(home, 'eu/late/a')).status === 404, 'its home has erased it')
  child.kill('SIGKILL')
  await ended
  assert.not.ok(existsSync(late.out), 'it had no receipt yet')
  const open = await runHere(args)
  assert.is(open.code, 1, open.stderr)
  const receipt: Receipt = JSON.parse(readFileSync(late.out, 'utf8'))
  assert.equal(
    receipt.open.map(({ region }) => region),
    [other],
  )
  const refused = await ask(world, home, kv('tenants', 'eu/late/b'), sendText('PUT', 'v'))
  assert.is(codeOf(refused), 'group_moved')
  await world.start(other)
  await allReachable(world)
  const { dataset, group } = receipt.what
  const query = new URLSearchParams({ dataset: `${dataset}`, group: `${group}` })
  await until(async () => {
    const reply = await ask(world, home, `/v1/admin/erasures?${query}`)
    return reply.status === 200 && (jsonOf(reply) as Receipt).open.length === 0
  }, 'all have confirmed')
  assert.equal((await moved({ ...late, out: newFile() })).open, [])
  assert.is((await get(abroad, 'us/late/a')).body.toString(), 'v')

  // And back again: the name is free for who comes home.
  const back = newFile()
  const home2 = ['move', 'tenants', 'us/late', '--to', 'eu/', '--yes', '--state', newFile()]
  const urls = ['--url', world.url(abroad), '--to-url', world.url(other), '--out', back]
  const returned = await runHere([...home2, ...urls])
  assert.is(returned.code, 0, returned.stderr)
  assert.is((await get(home, 'eu/late/a')).body.toString(), 'v')
  await put(other, 'eu/late/b', 'w')
})

test('what can not be moved is refused, with nothing changed', async () => {
  await put(home, 'eu/both/a', 'eu')
  await put(abroad, 'us/both/a', 'us')
  await put(home, 'eu/one/a', 'v')
  const refused = async (tenant: string, ...more: string[]): Promise<string> => {
    const it = newMove(tenant)
    const args = argsOf(it).filter(arg => arg !== '--yes' || more.length > 0)
    const run = await runHere([...args, ...more])
    assert.is.not(run.code, 0, tenant)
    assert.not.ok(existsSync(it.state) || existsSync(it.out), tenant)
    return run.stderr
  }
  assert.match(await refused('nobody', '--hold', '9s'), 'eu/nobody has no keys')
  assert.match(await refused('both', '--hold', '9s'), 'us/both has 1 key already')
  assert.match(await refused('one/a', '--hold', '9s'), 'a key within the group eu/one')
  assert.match(await refused('one'), 'nothing was changed')
  assert.match(await refused('one', '--to', 'eu/'), 'is in eu/ already')
  assert.match(await refused('one', '--to-url', world.url(home)), '--to-url of the new')
  assert.is((await get(home, 'eu/one/a')).body.toString(), 'v')
  assert.is((await get(abroad, 'us/both/a')).body.toString(), 'us')
  assert.is((await get(abroad, 'us/one/a')).status, 404)
})

test.run()
