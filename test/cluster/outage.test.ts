/**
 * Outages, in a world with the latency of real distances: a region that dies, a cable that goes
 * silent. What can go on goes on; what can't is told soon and truthfully, with what to do; and
 * after the return nothing that was promised is missing and nothing that was refused is there.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startWorld, type World } from '../worlds/world.ts'
import {
  assertNoErrorLogged,
  assertProblem,
  batch,
  clusterView,
  compareEtags,
  connected,
  converged,
  eachOf,
  eventual,
  explain,
  get,
  inSession,
  note,
  page,
  put,
  type Reply,
  send,
  strong,
  until,
} from './client.ts'

/** A caller is told within this, on a machine that is not busy with other things. */
const promisedMs = 2_000
/** The slack of a busy machine, on top of what is promised. */
const slackMs = 1_000

let world: World
test.before(async () => {
  world = await startWorld({ latency: 'real' })
})
test.after(() => world.close())

/** Whatever becomes of a test, its writers end with it. */
const writers: Writer[] = []
test.after.each(async () => {
  for (const writer of writers.splice(0)) await writer.stop()
})

const others = (region: string): string[] => world.regions.filter(other => other !== region)

interface Write {
  readonly key: string
  readonly value: string
  readonly reply: Reply
}

interface Writer {
  readonly writes: readonly Write[]
  /** Ends it and returns what it wrote, in order for each key, and what it was told. */
  readonly stop: () => Promise<readonly Write[]>
}

const isRefusal = ({ reply }: Write): boolean => reply.status === 503
const acknowledged = ({ writes }: Writer): number =>
  writes.filter(({ reply }) => reply.status === 201 || reply.status === 204).length

const lanes = 8
/** Refusals come at once: who goes on asking is slowed down by more than those. */
const writesMax = 4_000

/** Writes on and on to keys homed in `home` through `entry`, each key's writes one by one. */
async function writerInto(home: string, entry: string, prefix: string): Promise<Writer> {
  const keys = Array.from({ length: lanes }, (_, lane) => `${prefix}/${lane}`)
  const writes: Write[] = []
  let stopped = false
  const write = async (region: string, key: string): Promise<Reply> => {
    const value = `${key} ${writes.length} through ${region}`
    const reply = await put(world, region, `cities ${key}`, value)
    writes.push({ key, value, reply })
    return reply
  }
  await eachOf(keys, lanes, async key => assert.is((await write(home, key)).home, home))
  const running = keys.map(async key => {
    while (!stopped && writes.length < writesMax) await write(entry, key)
  })
  const writer = {
    writes,
    stop: async () => {
      stopped = true
      await Promise.all(running)
      return writes
    },
  }
  writers.push(writer)
  return writer
}

interface Tally {
  readonly acknowledged: number
  readonly refused: number
  readonly unknown: number
  readonly slowestMs: number
}

/**
 * What each reply promised against what is there now: the last acknowledged write of a key, or one
 * of unknown outcome that came after it; never one that was refused.
 */
async function checkPromises(writes: readonly Write[]): Promise<Tally> {
  const keys = [...new Set(writes.map(({ key }) => key))]
  const gets = keys.map(key => ({ op: 'get', key }))
  const results = await batch(world, 'eu-central', 'cities', gets, strong)
  const tally = { acknowledged: 0, refused: 0, unknown: 0 }
  keys.forEach((key, index) => {
    const result = results[index]
    assert.ok(result && [200, 404].includes(result.status), JSON.stringify(result))
    let allowed: (string | undefined)[] = [undefined]
    let last: Reply | undefined
    for (const { value, reply } of writes.filter(write => write.key === key)) {
      if (reply.status === 201 || reply.status === 204) {
        tally.acknowledged += 1
        allowed = [value]
        last = reply
      } else if (reply.status === 503) {
        tally.refused += 1
        assert.is(assertProblem(reply, 503, 'home_unreachable').applied, 'no')
      } else {
        tally.unknown += 1
        if (reply.status !== 0) assertUnknown(reply)
        allowed.push(value)
      }
    }
    const value =
      result?.status === 200 ? Buffer.from(result.bytes ?? '', 'base64url').toString() : undefined
    assert.ok(allowed.includes(value), `${key} holds ${value}, not one of ${allowed}`)
    if (last && result) assert.ok(compareEtags(result, last) >= 0, `${key} went back`)
  })
  return { ...tally, slowestMs: Math.round(Math.max(...writes.map(({ reply }) => reply.tookMs))) }
}

function assertUnknown(reply: Reply): void {
  const problem = assertProblem(reply, 500, 'outcome_unknown')
  assert.is(problem.applied, 'unknown')
}

function assertRefused(reply: Reply, code: string): void {
  const problem = assertProblem(reply, 503, code)
  assert.is(problem.applied, 'no')
  assert.is(problem.retry, 'safe')
  assert.ok(reply.tookMs < promisedMs + slackMs, `told after ${Math.round(reply.tookMs)} ms`)
}

/** New keys of `cities`, as many as are asked for, whose registrar is the given region. */
async function keysOfRegistrar(
  prefix: string,
  registrar: string,
  count: number,
): Promise<string[]> {
  const found: string[] = []
  for (let n = 0; found.length < count; n += 20) {
    assert.ok(n < 2_000, `${registrar} is registrar of next to nothing`)
    const names = Array.from({ length: 20 }, (_, index) => `${prefix}/${n + index}`)
    const explanations = await eachOf(names, 20, name =>
      explain(world, 'eu-west', `cities ${name}`),
    )
    found.push(...names.filter((_, index) => explanations[index]?.registrar === registrar))
  }
  return found.slice(0, count)
}

test('a region dies: the rest goes on, and what needs it is refused soon', async () => {
  const victim = 'us-east'
  const rest = others(victim)
  const written = await put(world, victim, 'cities boston', 'before')
  assert.is(`${written.status} ${written.home}`, `201 ${victim}`)
  for (const region of rest) {
    await until('all have the copy', async () => {
      return (await get(world, region, 'cities boston', eventual)).status === 200
    })
  }
  const registered = await keysOfRegistrar('new', victim, 6)
  const elsewhere = await keysOfRegistrar('new', 'eu-central', 4)
  const far = await writerInto(victim, 'eu-west', 'far')
  const near = await writerInto('eu-west', 'eu-central', 'near')
  await until('writes flow', async () => acknowledged(far) > 20 && acknowledged(near) > 20)
  await world.kill(victim)
  await until('it is felt', async () => far.writes.filter(isRefusal).length > 40)
  const flowed = acknowledged(near)

  for (const region of rest) {
    const plain = await get(world, region, 'cities boston', eventual)
    assert.is(`${plain.status} ${plain.text} ${plain.etag}`, `200 before ${written.etag}`)
    assert.match(plain.servedBy ?? '', new RegExp(`^${region};role=replica`))
    const session = await get(world, region, 'cities boston', inSession(written.session))
    assert.is(`${session.status} ${session.text}`, '200 before')
    const listed = await page(world, region, 'cities', { prefix: 'bost' })
    assert.equal(
      listed.items.map(({ key }) => key),
      ['boston'],
    )
    assertRefused(await get(world, region, 'cities boston', strong), 'home_unreachable')
    assertRefused(await put(world, region, 'cities boston', 'never'), 'home_unreachable')
  }
  for (const [index, region] of rest.entries()) {
    const name = `cities ${registered[index]}`
    assertRefused(await put(world, region, name, 'never'), 'registrar_unavailable')
    assertRefused(await get(world, region, name, strong), 'registrar_unavailable')
    assertProblem(await get(world, region, name, eventual), 404, 'not_found')
    const created = await put(world, region, `cities ${elsewhere[index]}`, 'during')
    assert.is(`${created.status} ${created.home}`, `201 ${region}`)
  }
  const hint = { 'denizen-hint': victim }
  const hinted = await put(world, 'eu-west', `cities ${elsewhere[3]}`, 'during', hint)
  assert.is(`${hinted.status} ${hinted.home}`, '201 eu-west', 'a hint is a wish')
  const redirected = await put(world, 'ap-northeast', 'profiles ann/name', 'Ann')
  assert.is(redirected.status, 307, 'who is sent elsewhere still is')
  await until('other writes go on', async () => acknowledged(near) > flowed + 100)

  const [attempts, calm] = [await far.stop(), await near.stop()]
  await world.start(victim)
  await connected(world)
  const felt = await checkPromises(attempts)
  const unfelt = await checkPromises(calm)
  note(`killed: ${JSON.stringify(felt)}; written elsewhere meanwhile: ${JSON.stringify(unfelt)}`)
  assert.ok(felt.slowestMs < promisedMs + slackMs, `a caller waited ${felt.slowestMs} ms`)
  assert.is(unfelt.refused + unfelt.unknown, 0, 'who does not need the region notices nothing')
  for (const [index, key] of registered.entries()) {
    const region = rest[index % rest.length] ?? ''
    assert.is((await get(world, region, `cities ${key}`, strong)).status, 404, 'as was said')
    const created = await put(world, region, `cities ${key}`, 'at last')
    assert.is(`${created.status} ${created.home}`, `201 ${region}`)
  }
  const after = await put(world, 'ap-northeast', 'cities boston', 'after')
  assert.is(`${after.status} ${after.home}`, `204 ${victim}`)
  assert.is((await get(world, 'eu-central', 'cities boston', strong)).text, 'after')
  note(`${await converged(world)} copies are equal`)
})

/** The nearest region to both ends that is not cut off: it is near `eu-west`, and stores all. */
const between = 'eu-central'
const isRelayed = ({ servedBy }: Reply): boolean =>
  servedBy?.includes(`;relay=${between};`) ?? false

test('a cable goes silent: what it carried goes by way of a region between', async () => {
  const [near, far] = ['eu-west', 'ap-northeast'] as const
  const boundMs = promisedMs + slackMs + (await rttMs(near, far))
  const written = await put(world, far, 'cities osaka', 'before')
  await until('the copy arrives', async () => {
    return (await get(world, near, 'cities osaka', eventual)).status === 200
  })
  const registered = await keysOfRegistrar('cut', far, 16)
  const across = await writerInto(far, near, 'across')
  const beside = await writerInto(far, 'us-east', 'beside')
  await until('writes flow', async () => acknowledged(across) > 20 && acknowledged(beside) > 10)
  world.cut(near, far)
  // Sent into the silence, before anybody knows of it: a relay may have come in time, or not.
  const claims = await eachOf(registered.slice(0, 8), 8, key =>
    put(world, near, `cities ${key}`, 'perhaps'),
  )
  for (const claim of claims) {
    if (claim.status !== 201) assertProblem(claim, 503, 'registrar_unavailable')
    assert.ok(claim.tookMs < boundMs, `told after ${Math.round(claim.tookMs)} ms`)
  }
  const detours = (): number => across.writes.filter(({ reply }) => isRelayed(reply)).length
  await until('writes go around', async () => detours() > 40)
  const flowed = acknowledged(beside)

  const read = await get(world, near, 'cities osaka', strong)
  assert.is(`${read.status} ${read.text} ${read.home}`, `200 before ${far}`)
  assert.match(read.servedBy ?? '', /^ap-northeast;role=home;relay=eu-central;staleness-ms=\d+$/)
  const claimed = await put(world, near, `cities ${registered[8]}`, 'around')
  assert.is(`${claimed.status} ${claimed.home}`, `201 ${near}`, 'its registrar heard of it')
  assert.is((await get(world, far, `cities ${registered[8]}`, strong)).text, 'around')
  const own = await put(world, near, 'cities osaka', 'mine', inSession(written.session))
  assert.ok(own.status === 204 && isRelayed(own), `${own.status} ${own.servedBy}`)
  const seen = await get(world, near, 'cities osaka', inSession(own.session))
  assert.is(`${seen.status} ${seen.text}`, '200 mine', 'a session reads its own writes')
  const ops = ['osaka', registered[8]].map(key => ({ op: 'get', key }))
  const relays = (await batch(world, near, 'cities', ops, strong)).map(({ relay }) => relay)
  assert.equal(relays, [between, undefined])
  const { regions } = await explain(world, near, 'cities osaka')
  const copy = regions.find(({ region }) => region === far)?.copy
  assert.is(copy?.state === 'home' && copy.relay, between)
  // Others reach both.
  const newer = await put(world, 'us-east', 'cities osaka', 'during')
  assert.is(`${newer.status} ${newer.home}`, `204 ${far}`)
  await until('other writes go on', async () => acknowledged(beside) > flowed + 40)

  const [attempts, calm] = [await across.stop(), await beside.stop()]
  const stale = await get(world, near, 'cities osaka', eventual)
  assert.is(`${stale.status} ${stale.text}`, '200 before', 'eventual reads go on, as they were')
  await countsRelays(near, between, far)
  world.heal()
  await connected(world)
  const felt = await checkPromises(attempts)
  const unfelt = await checkPromises(calm)
  note(
    `cut: ${JSON.stringify({ ...felt, relayed: detours() })}; beside it: ${JSON.stringify(unfelt)}`,
  )
  assert.ok(felt.slowestMs < boundMs, `a caller waited ${felt.slowestMs} ms`)
  assert.ok(felt.unknown > 0, 'writes were under way when the cable went silent')
  assert.is(unfelt.refused + unfelt.unknown, 0, 'the other cables carry on')
  for (const [index, { status }] of claims.entries()) {
    const found = await get(world, near, `cities ${registered[index]}`, strong)
    assert.is(found.status, status === 201 ? 200 : 404, 'as was said')
  }
  const healed = await put(world, near, 'cities osaka', 'after')
  assert.is(`${healed.status} ${healed.home}`, `204 ${far}`)
  assert.match(healed.servedBy ?? '', /^ap-northeast;role=home;staleness-ms=0$/, 'straight again')
  assert.ok(compareEtags(healed, newer) > 0)
  note(`${await converged(world)} copies are equal`)
  assertNoErrorLogged(world)
})

/** Each of the three counts what was relayed, from its side. */
async function countsRelays(origin: string, relay: string, target: string): Promise<void> {
  for (const [region, name, peer, call] of [
    [origin, 'call', relay, 'relay'],
    [relay, 'answer', origin, 'relay'],
    [relay, 'call', target, 'relayed'],
    [target, 'answer', relay, 'relayed'],
  ]) {
    const { text } = await send(world, region ?? '', 'GET', '/metrics')
    for (const kind of ['execute', 'registrar', 'inspect']) {
      const line = `denizen_peer_${name}_duration_seconds_count{peer="${peer}",call="${call}.${kind}",`
      assert.ok(text.includes(line), `${region} counts ${line}`)
    }
  }
}

async function rttMs(from: string, to: string): Promise<number> {
  const { regions } = await clusterView(world, from)
  return regions.find(({ region }) => region === to)?.rttMs ?? 0
}

test.run()
