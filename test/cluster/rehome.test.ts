/**
 * Groups that move between regions, in a world of processes with the latency of real distances: by
 * their writers and by an operator, under load, and while each party is killed.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runDenizen } from '../cli/run-denizen.ts'
import { startWorld, type World } from '../worlds/world.ts'
import {
  assertNoErrorLogged,
  at,
  compareEtags,
  connected,
  converged,
  eachOf,
  explain,
  get,
  note,
  problemOf,
  put,
  type Reply,
  samplePolicyWith,
  send,
  strong,
  until,
} from './client.ts'

const policy = samplePolicyWith(`
  walks: { residency: anywhere, rehome: { after: 3 } }
  teams: { residency: anywhere, groupBy: { segments: 1 } }
  pinned: { residency: anywhere, homing: { pinned: us-east } }
`)

let world: World
test.before(async () => {
  world = await startWorld({ config: policy, latency: 'real' })
  await connected(world)
})
test.after(() => world.close())

const rehome = (region: string, name: string, to: string): Promise<Reply> => {
  const [dataset, group = ''] = name.split(' ')
  const path = `/v1/admin/rehome/${dataset}/${encodeURIComponent(group)}?to=${to}`
  return send(world, region, 'POST', path)
}

async function assertHome(name: string, home: string, value: string): Promise<void> {
  for (const region of world.regions) {
    const read = await get(world, region, name, strong)
    assert.is(`${read.text} ${read.home}`, `${value} ${home}`, `read in ${region}`)
  }
}

test('a key homed in eu-west and written thrice from ap-northeast moves there', async () => {
  const name = 'walks wanderer'
  let last = await put(world, 'eu-west', name, 'begun')
  assert.is(last.home, 'eu-west')
  for (let n = 0; n < 3; n++) {
    const written = await put(world, 'ap-northeast', name, `${n}`)
    assert.is(written.status, 204, written.text)
    assert.is(written.home, 'eu-west')
    assert.ok(compareEtags(written, last) > 0)
    last = written
  }
  await until(
    'it moves',
    async () => (await explain(world, 'us-east', name)).home?.region === 'ap-northeast',
  )
  const { home } = await explain(world, 'eu-central', name)
  assert.is(home?.reason, 'rehome: 3 consecutive writes from ap-northeast')
  assert.ok(Math.abs(Date.now() - (home?.movedAtMs ?? 0)) < 60_000)
  await assertHome(name, 'ap-northeast', '2')
  const after = await put(world, 'ap-northeast', name, 'at home')
  assert.ok(compareEtags(after, last) > 0)
  assert.ok(after.tookMs < 100, `a write at home took ${after.tookMs} ms`)
  const metrics = await send(world, 'eu-west', 'GET', '/metrics')
  const line = /^denizen_rehomes_total\{.*dataset="walks".*\} (\d+)$/m.exec(metrics.text)
  assert.match(line?.[0] ?? '', /outcome="moved"/)
  assert.match(line?.[0] ?? '', /reason="access"/)
})

for (const [name, first] of [
  ['cities by-hand', 'eu-west'],
  ['teams team/by-hand', 'eu-west'],
  ['pinned by-hand', 'us-east'],
] as const) {
  test(`${name}: an operator moves it, from wherever`, async () => {
    assert.is((await put(world, 'eu-west', name, 'one')).home, first)
    const group = name.split('/')[0] as string
    const moved = await rehome('eu-central', group, 'ap-northeast')
    assert.is(moved.status, 200, moved.text)
    assert.is(JSON.parse(moved.text).home, 'ap-northeast')
    await assertHome(name, 'ap-northeast', 'one')
    const again = await rehome('us-east', group, 'ap-northeast')
    assert.is(JSON.parse(again.text).from, 'ap-northeast', 'it is there already')
    const { home } = await explain(world, 'eu-west', name)
    assert.is(home?.reason, 'an operator moved it here')
    assert.is((await rehome('us-east', group, 'eu-west')).status, 200)
    const written = await put(world, 'us-east', name, 'two')
    assert.is(written.home, 'eu-west')
    await assertHome(name, 'eu-west', 'two')
  })
}

test('the command line moves a key, and says why it is refused', async () => {
  await put(world, 'eu-west', 'cities by-command', 'one')
  const run = (to: string) => {
    const url = ['--url', world.url('eu-central')]
    return runDenizen(['rehome', 'cities', 'by-command', '--to', to, ...url])
  }
  const moved = await run('us-east')
  assert.is(moved.code, 0, moved.stderr)
  assert.match(moved.stdout, /^by-command has moved from eu-west to us-east, since term \d+$/m)
  const refused = await run('nowhere')
  assert.is(refused.code, 2, refused.stderr)
  assert.match(refused.stderr, /the policy has no region nowhere/)
  await assertHome('cities by-command', 'us-east', 'one')
})

/** Writers of one key each through a region of their own, as long as `task` runs. */
async function whileWriting(
  names: readonly string[],
  task: () => Promise<void>,
): Promise<Map<string, Reply[]>> {
  const replies = new Map<string, Reply[]>()
  let done = false
  const writing = eachOf(names, names.length, async (name, index) => {
    const own: Reply[] = []
    replies.set(name, own)
    for (let n = 0; !done; n++) {
      own.push(await put(world, at(world.regions, index % 4), name, `${n}`))
    }
  })
  await task()
  done = true
  await writing
  return replies
}

/** Median, 99th percentile and maximum. */
function spread(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b)
  const of = (part: number): number => sorted[Math.floor(part * (sorted.length - 1))] ?? 0
  return [of(0.5), of(0.99), of(1)].map(Math.round).join(' / ')
}

test('fifty writers while their groups move: none fails, and versions go up', async () => {
  const names = Array.from({ length: 50 }, (_, n) => `cities moving/${n}`)
  await eachOf(names, 25, async name => void (await put(world, 'eu-west', name, 'begun')))
  const moveMs: number[] = []
  const replies = await whileWriting(names, async () => {
    for (const to of ['us-east', 'ap-northeast', 'eu-central']) {
      await eachOf(names, 10, async name => {
        const moved = await rehome('eu-west', name, to)
        assert.is(moved.status, 200, moved.text)
        moveMs.push(moved.tookMs)
      })
    }
  })
  const all = [...replies.values()].flat()
  note(`${moveMs.length} moves took ${spread(moveMs)} ms`)
  note(`${all.length} writes meanwhile took ${spread(all.map(({ tookMs }) => tookMs))} ms`)
  await eachOf([...replies], 25, async ([name, own]) => {
    own.forEach((reply, n) => {
      assert.is(reply.status, 204, `${name}: ${reply.text}`)
      const before = own[n - 1]
      if (before) assert.ok(compareEtags(reply, before) > 0, 'versions go up')
    })
    await assertHome(name, 'eu-central', `${own.length - 1}`)
  })
})

/** Each party of a move from eu-west to ap-northeast; registrars are all regions, by slot. */
for (const victim of ['eu-west', 'ap-northeast', 'us-east']) {
  test(`moves while ${victim} is killed: truthful errors, nothing lost`, async () => {
    const names = Array.from({ length: 24 }, (_, n) => `cities killed/${victim}/${n}`)
    await eachOf(names, 20, async name => void (await put(world, 'eu-west', name, 'begun')))
    let moved = 0
    const replies = await whileWriting(names, async () => {
      const moving = eachOf(names, 6, async (name, n) => {
        const entry = at(
          world.regions.filter(region => region !== victim),
          n % 3,
        )
        if ((await rehome(entry, name, 'ap-northeast')).status === 200) moved += 1
      })
      await until('some have moved', async () => moved > 4)
      await world.kill(victim)
      await moving
      await world.start(victim)
      await connected(world)
    })
    note(`${victim} killed: ${moved} of ${names.length} moves were confirmed`)
    await converged(world)
    await eachOf([...replies], 20, async ([name, own]) => {
      const acknowledged = own.findLastIndex(({ status }) => status === 204)
      for (const reply of own) {
        if (reply.status === 204 || reply.status === 0) continue
        const { code, applied } = problemOf(reply)
        assert.is(applied, code === 'outcome_unknown' ? 'unknown' : 'no', reply.text)
      }
      const values = new Set<string>()
      const homes = new Set<string | undefined>()
      for (const region of world.regions) {
        const read = await get(world, region, name, strong)
        assert.is(read.status, 200, read.text)
        values.add(read.text)
        homes.add(read.home)
      }
      assert.is(values.size, 1, `${name}: strong reads agree: ${[...values]}`)
      assert.is(homes.size, 1, `${name}: there is one home: ${[...homes]}`)
      const [value = ''] = values
      assert.ok(Number(value) >= acknowledged, `${name}: ${value} after ${acknowledged}`)
    })
  })
}

test('nobody met what only a bug can bring about', () => assertNoErrorLogged(world))

test.run()
