/**
 * Homes, in a world as `denizen dev` runs it: real processes with the latency of real distances.
 * New keys live where they were first written from, whoever else writes at the same time and
 * whoever dies meanwhile; computed homes are the same everywhere; wrong guesses are followed.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startWorld, type World } from '../worlds/world.ts'
import {
  assertNoErrorLogged,
  assertProblem,
  at,
  connected,
  converged,
  eachOf,
  eventual,
  explain,
  get,
  note,
  put,
  samplePolicyWith,
  send,
  strong,
  until,
} from './client.ts'
import { judge, planRaces, runRaces } from './race.ts'

const policy = samplePolicyWith(`
  pinned: { residency: anywhere, homing: { pinned: us-east } }
  prefixed:
    residency: anywhere
    homing: { prefix: { "eu/": eu-central, "jp/": ap-northeast } }
  teams: { residency: anywhere, groupBy: { segments: 1 } }
`)

let world: World
test.before(async () => {
  world = await startWorld({ config: policy, latency: 'real' })
})
test.after(() => world.close())

test('a new key is homed where it is written, and soon answered by a copy elsewhere', async () => {
  const written = await put(world, 'ap-northeast', 'cities kyoto', 'the first value')
  assert.is(written.status, 201, written.text)
  assert.is(written.home, 'ap-northeast')
  let read = await get(world, 'eu-west', 'cities kyoto', eventual)
  await until('the copy arrives', async () => {
    read = await get(world, 'eu-west', 'cities kyoto', eventual)
    return read.status === 200
  })
  assert.is(read.text, 'the first value')
  assert.is(read.home, 'ap-northeast')
  assert.is(read.etag, written.etag)
  assert.match(read.servedBy ?? '', /^eu-west;role=replica/)
})

test('a thousand new keys, each raced through two regions: one home each', async () => {
  const startMs = performance.now()
  const finishes = await runRaces(world, 'cities', planRaces('race/', 1_000, world.regions))
  const racedMs = performance.now() - startMs
  const tally = await judge(world, 'cities', finishes)
  const { applied, thirdRegistrar, homes } = tally
  const checkedMs = performance.now() - startMs - racedMs
  note(`1,000 races in ${Math.round(racedMs)} ms, checked in ${Math.round(checkedMs)} ms`)
  note(`third region as registrar: ${thirdRegistrar}; homes ${JSON.stringify(homes)}`)
  assert.is(applied, 2_000, 'nothing failed: every write was acknowledged')
  assert.ok(thirdRegistrar > 300, `a third region was registrar of only ${thirdRegistrar} keys`)
  for (const region of world.regions) assert.ok((homes[region] ?? 0) > 100, JSON.stringify(homes))
})

/** Regions that die during races: one of the crowd, and the keeper. */
for (const victim of ['us-east', 'eu-west']) {
  test(`new keys raced while ${victim} is killed: no reply lies`, async () => {
    const races = planRaces(`killed/${victim}/`, 160, world.regions)
    let finished = 0
    let killed: Promise<void> | undefined
    const finishes = await runRaces(world, 'cities', races, () => {
      finished += 1
      // While many other writes are under way, through it, to it and about it.
      if (finished === 40) killed = world.kill(victim)
    })
    await killed
    await world.start(victim)
    await connected(world)
    const tally = await judge(world, 'cities', finishes)
    note(`${victim} killed: ${JSON.stringify(tally)}`)
    assert.is(tally.applied + tally.notApplied + tally.unknown, 320)
    assert.ok(tally.applied > 80, 'the races before the kill and those between others go on')
    assert.ok(tally.notApplied + tally.unknown > 12, 'the kill was felt')
    assert.ok(tally.thirdRegistrar > 40)
  })
}

test('two keys of one group, raced through two regions: the group has one home', async () => {
  const names = Array.from({ length: 60 }, (_, index) => `team-${index}`)
  await eachOf(names, 30, async (team, index) => {
    const a = at(world.regions, index % 4)
    const b = at(world.regions, (index + 1 + (index % 3)) % 4)
    const [one, two] = await Promise.all([
      put(world, a, `teams ${team}/members/1`, 'one'),
      put(world, b, `teams ${team}/name`, 'two'),
    ])
    assert.is(one.status, 201, one.text)
    assert.is(two.status, 201, two.text)
    assert.is(one.home, two.home)
    assert.ok([a, b].includes(one.home ?? ''))
    const strangers = world.regions.filter(region => region !== one.home)
    const read = await get(world, at(strangers, 0), `teams ${team}/members/1`, strong)
    assert.is(`${read.text} ${read.home}`, `one ${one.home}`)
    const third = await put(world, at(strangers, 1), `teams ${team}/members/2`, 'three')
    assert.is(`${third.status} ${third.home}`, `201 ${one.home}`)
  })
})

test('computed homes are the same everywhere, before and after the first write', async () => {
  const names = [
    ...Array.from({ length: 12 }, (_, index) => `settings flag-${index}`),
    'pinned anything',
    'prefixed eu/x',
    'prefixed jp/x',
    'prefixed elsewhere/x',
  ]
  const homes = new Map<string, string>()
  await eachOf(names, 4, async (name, index) => {
    const explanations = await Promise.all(
      world.regions.map(region => explain(world, region, name)),
    )
    for (const { home, registrar } of explanations) {
      assert.equal(home, explanations[0]?.home, name)
      assert.is(registrar, undefined, 'nobody is asked')
    }
    const home = explanations[0]?.home?.region ?? ''
    homes.set(name, home)
    const through = at(world.regions, index % world.regions.length)
    const written = await put(world, through, name, name)
    assert.is(`${written.status} ${written.home}`, `201 ${home}`)
    const reads = await Promise.all(world.regions.map(region => get(world, region, name, strong)))
    for (const read of reads) assert.is(`${read.text} ${read.home}`, `${name} ${home}`)
  })
  assert.is(homes.get('pinned anything'), 'us-east')
  assert.is(homes.get('prefixed eu/x'), 'eu-central')
  assert.is(homes.get('prefixed jp/x'), 'ap-northeast')
  assert.ok(new Set(homes.values()).size >= 3, 'hashing spreads')
})

test('server-assigned keys live at the entry region, and nobody is asked for it', async () => {
  const post = (region: string, dataset: string, prefix: string) =>
    send(world, region, 'POST', `/v1/kv/${dataset}?prefix=${prefix}`, { body: 'a value' })
  for (const region of world.regions) {
    const created = await post(region, 'cities', 'log/')
    assert.is(created.status, 201, created.text)
    assert.is(created.home, region)
    const { key } = JSON.parse(created.text)
    assert.match(key, new RegExp(`^log/~${region}~[a-z0-9]+$`))
    assert.is(created.location, `/v1/kv/cities/${key}`)
    for (const other of world.regions) {
      const read = await get(world, other, `cities ${key}`, strong)
      assert.is(`${read.text} ${read.home} ${read.etag}`, `a value ${region} ${created.etag}`)
    }
    const explanation = await explain(world, 'eu-central', `cities ${key}`)
    assert.is(explanation.home?.region, region)
    assert.is(explanation.registrar, undefined)
  }
  // Where the prefix has the group already, the key is at that group's home.
  const team = await put(world, 'us-east', 'teams posted/name', 'us')
  const member = await post('ap-northeast', 'teams', 'posted/members/')
  assert.is(`${member.status} ${member.home}`, `201 ${team.home}`)

  // A region that reaches no other can't claim, and still creates.
  const others = world.regions.filter(region => region !== 'ap-northeast')
  const foreign = await firstOf(world, 'isolated', ({ registrar }) => registrar !== 'ap-northeast')
  for (const other of others) world.cut('ap-northeast', other)
  try {
    const created = await post('ap-northeast', 'cities', 'isolated/')
    assert.is(`${created.status} ${created.home}`, '201 ap-northeast')
    const refused = await put(world, 'ap-northeast', `cities ${foreign}`, 'never')
    assertProblem(refused, 503, 'registrar_unavailable')
  } finally {
    world.heal()
  }
  await connected(world)
})

/** A new key of `cities` whose explanation fits. */
async function firstOf(
  of: World,
  prefix: string,
  fits: (explanation: Awaited<ReturnType<typeof explain>>) => boolean,
): Promise<string> {
  for (let index = 0; index < 500; index++) {
    const key = `${prefix}-${index}`
    if (fits(await explain(of, 'eu-west', `cities ${key}`))) return key
  }
  throw new Error('no key fits')
}

test('Denizen-Hint names the home, within the policy', async () => {
  const hint = (region: string) => ({ 'denizen-hint': region })
  const hinted = await put(world, 'us-east', 'cities hinted', 'x', hint('eu-central'))
  assert.is(`${hinted.status} ${hinted.home}`, '201 eu-central')
  // Only the first write of a group can choose.
  const again = await put(world, 'us-east', 'cities hinted', 'y', hint('ap-northeast'))
  assert.is(`${again.status} ${again.home}`, '204 eu-central')
  const forbidden = await put(world, 'eu-west', 'profiles bo/name', 'x', hint('us-east'))
  assert.is(forbidden.status, 201, forbidden.text)
  assert.is(forbidden.home, 'eu-west', 'the nearest region that may be home')
})

test('wrong guesses are followed, invisibly', async () => {
  let unheard = 0
  await eachOf(Array.from({ length: 24 }), 4, async (_, index) => {
    const name = `cities misdirected/${index}`
    const [home, ...others] = [0, 1, 2, 3].map(n => at(world.regions, (index + n) % 4))
    const written = await put(world, home ?? '', name, 'first')
    assert.is(written.home, home)
    // Light is slower than this test: copies far away have not heard yet.
    const replies = await Promise.all(
      others.map(async other => {
        if ((await get(world, other, name, eventual)).status === 404) unheard += 1
        return await put(world, other, name, `through ${other}`)
      }),
    )
    for (const reply of replies) assert.is(`${reply.status} ${reply.home}`, `204 ${home}`)
    const etags = new Set([written, ...replies].map(({ etag }) => etag))
    assert.is(etags.size, 4, 'four writes, four versions')
  })
  note(`${unheard} of 72 writes entered where the key was not known yet`)
  assert.ok(unheard > 24, `only ${unheard}`)

  // A region that keeps no copy guesses the nearest home, is told better, and remembers.
  const catalogued = await put(world, 'eu-central', 'catalog chair', 'oak')
  assert.is(catalogued.home, 'eu-central')
  const rewritten = await put(world, 'us-east', 'catalog chair', 'ash')
  assert.is(`${rewritten.status} ${rewritten.home}`, '204 eu-central')
  assert.match(rewritten.servedBy ?? '', /^us-east;role=proxy;from=eu-central/)
  const read = await get(world, 'ap-northeast', 'catalog chair', strong)
  assert.is(`${read.text} ${read.home}`, 'ash eu-central')
  assert.match(read.servedBy ?? '', /^ap-northeast;role=proxy;from=eu-central/)
})

test('in the end all copies are equal, and no region met an error', async () => {
  note(`${await converged(world)} copies compared`)
  assertNoErrorLogged(world)
})

test.run()
