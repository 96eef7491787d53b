/**
 * Sessions that have seen much: what is complete in every region need not be in their tokens, which
 * stay short, and copies go on answering them.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limits } from '../../src/model/limits.ts'
import { startWorld, type World } from '../worlds/world.ts'
import {
  assertNoErrorLogged,
  at,
  connected,
  eachOf,
  get,
  inSession,
  meanwhile,
  note,
  put,
  type Reply,
  send,
  until,
} from './client.ts'

const datasets = ['first', 'second', 'third'] as const
const regions = ['eu-west', 'us-east', 'ap-northeast'] as const
const config = `
cluster: test
regions: [${regions.join(', ')}]
coordination: { static: ${regions[0]} }
datasets:
${datasets.map(name => `  ${name}: { residency: anywhere, homing: hint }`).join('\n')}
`

let world: World
test.before(async () => {
  world = await startWorld({ config, threads: 2 })
  await connected(world)
})
test.after(() => world.close())

const lengthOf = (token: string | undefined): number => (token ?? '').replaceAll('"', '').length

async function write(
  region: string,
  dataset: string,
  keys: readonly string[],
  token: string | undefined,
): Promise<string> {
  const reply = await send(world, region, 'POST', `/v1/batch/${dataset}`, {
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : inSession(token)),
    },
    body: JSON.stringify({ ops: keys.map(key => ({ op: 'put', key, value: key })) }),
  })
  assert.is(reply.status, 200, reply.text)
  assert.ok(reply.session)
  return reply.session ?? ''
}

/** Reads on in the session until its token names nothing. */
async function settled(region: string, name: string, token: string): Promise<string> {
  let last = token
  await until('what the session has seen is complete everywhere', async () => {
    const read = await get(world, region, name, inSession(last))
    assert.is(read.status, 200, read.text)
    last = read.session ?? ''
    return lengthOf(last) < 30
  })
  return last
}

const isOfReplica = ({ servedBy }: Reply, region: string): boolean =>
  servedBy?.startsWith(`${region};role=replica`) === true

test('a session that has written to all slots of several datasets is answered by copies', async () => {
  let token: string | undefined
  let [written, named] = [0, 0]
  const all: (readonly [home: string, name: string])[] = []
  for (const [n, dataset] of datasets.entries()) {
    for (let part = 0; part < 4; part++) {
      const home = at(regions, (n + part) % regions.length)
      const keys = Array.from({ length: 75 }, (_, index) => `${part}/${index}`)
      all.push(...keys.map(key => [home, `${dataset} ${key}`] as const))
      token = await write(home, dataset, keys, token)
      written += keys.length
      named += lengthOf(token) - 22
      assert.ok(lengthOf(token) > 200, 'what was just written is named')
      token = await settled(home, `${dataset} ${keys[0]}`, token)
    }
  }
  note(`${written} keys; ${named} bytes of points in all, of which ${lengthOf(token)} are left`)
  assert.ok(named > 4 * limits.sessionTokenBytesMax, 'without that it would have degraded')
  const session = inSession(token)
  let replicas = 0
  await eachOf(all, 16, async ([home, name]) => {
    for (const region of regions) {
      const read = await get(world, region, name, session)
      assert.is(`${read.status} ${read.text}`, `200 "${name.split(' ')[1]}"`)
      if (region === home) assert.match(read.servedBy ?? '', /role=home/)
      else if (isOfReplica(read, region)) replicas += 1
    }
  })
  assert.is(replicas, 2 * all.length, 'in each region its own copy answers')
  const list = await send(world, 'us-east', 'GET', '/v1/kv/first?limit=1000', { headers: session })
  assert.is(JSON.parse(list.text).items.length, 300)
  assert.ok(isOfReplica(list, 'us-east'), list.servedBy)
})

test('a region that starts again answers such sessions once it has heard the homes', async () => {
  const [victim, home] = ['us-east', 'eu-west'] as const
  const name = 'first moving'
  let count = 0
  let last = await put(world, home, name, '0')
  const token = await settled(home, name, last.session ?? '')
  let reads = { home: 0, replica: 0 }
  await meanwhile(
    async () => {
      count += 1
      last = await put(world, home, name, `${count}`, inSession(last.session))
      assert.is(last.status, 204, last.text)
    },
    async () => {
      await world.kill(victim)
      await world.start(victim)
      await connected(world)
      let seen = token
      let highest = 0
      await until('its copy answers again', async () => {
        const read = await get(world, victim, name, inSession(seen))
        if (read.status !== 200) return false
        assert.ok(Number(read.text) >= highest, `${read.text} after ${highest}`)
        highest = Number(read.text)
        seen = read.session ?? ''
        if (isOfReplica(read, victim)) reads = { ...reads, replica: reads.replica + 1 }
        else reads = { ...reads, home: reads.home + 1 }
        return reads.replica > 20
      })
    },
  )
  note(`after the start ${JSON.stringify(reads)}, of ${count} writes`)
  assertNoErrorLogged(world)
})

test.run()
