/**
 * Watches of a world: what is written in one region is told in another, in the order of each key's
 * versions; a restart ends cursors, and the command line goes on all the same; many watches at a
 * time.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, get, type IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { WatchChange } from '../../src/cli/watch/watch-stream.ts'
import { watchOnce } from '../../src/cli/watch/watch-stream.ts'
import { pidFileHolder } from '../../src/runtime/pid-file.ts'
import { denizenScript } from '../cli/run-denizen.ts'
import { startWorld, type World } from '../worlds/world.ts'
import {
  assertNoErrorLogged,
  assertProblem,
  at,
  batch,
  connected,
  eachOf,
  note,
  put,
  remove,
  send,
  until,
} from './client.ts'

let world: World
test.before(async () => {
  world = await startWorld({ regions: ['eu-west', 'us-east'], threads: 2 })
  await connected(world)
})
test.after(() => world.close())

/** The latest of each key that a watch has told. */
class Watcher {
  readonly latest = new Map<string, WatchChange>()
  isLive = false
  cursor: string | undefined
  events = 0
  readonly #stop = new AbortController()
  readonly #running: Promise<unknown>

  constructor(region: string, prefix: string, since?: string) {
    const query = { url: world.url(region), dataset: 'cities', prefix, since }
    this.#running = this.#follow(watchOnce({ ...query, signal: this.#stop.signal })).catch(
      error => error,
    )
  }

  async #follow(events: ReturnType<typeof watchOnce>): Promise<void> {
    for await (const event of events) {
      this.cursor = event.cursor ?? this.cursor
      if (event.event === 'live') this.isLive = true
      if (event.event !== 'change') continue
      this.events += 1
      const before = this.latest.get(event.key)
      assert.ok(!before || compare(event, before) >= 0, 'versions never go backwards')
      this.latest.set(event.key, event)
    }
  }

  /** What ended it. */
  async end(): Promise<unknown> {
    this.#stop.abort()
    return await this.#running
  }
}

const parts = ({ version }: WatchChange): readonly number[] =>
  (version ?? '').split('.').map(Number)
const compare = (a: WatchChange, b: WatchChange): number => {
  const [first, second] = [parts(a), parts(b)]
  return at(first, 0) - at(second, 0) || at(first, 1) - at(second, 1)
}

test('another region hears of every key, and of its latest value', async () => {
  const names = Array.from({ length: 60 }, (_, n) => `heard/${n}`)
  await eachOf(names.slice(0, 20), 5, name => put(world, 'eu-west', `cities ${name}`, 'early'))
  const watchers = world.regions.map(region => new Watcher(region, 'heard/'))
  await until('they are live', async () => watchers.every(({ isLive }) => isLive))
  for (let round = 0; round < 10; round++) {
    await eachOf(names, 10, (name, index) => {
      const region = at(world.regions, (index + round) % 2)
      return put(world, region, `cities ${name}`, `round ${round}`)
    })
  }
  await remove(world, 'us-east', 'cities heard/7')
  const wanted = Buffer.from('round 9').toString('base64url')
  await until('all have heard of all', async () =>
    watchers.every(({ latest }) =>
      names.every(name => {
        const change = latest.get(name)
        return name === 'heard/7' ? change?.deleted === true : change?.bytes === wanted
      }),
    ),
  )
  note(`600 writes, ${watchers.map(({ events }) => events).join(' and ')} events`)
  for (const watcher of watchers) await watcher.end()
})

test('a watch goes on at its cursor at the same node, and nowhere else', async () => {
  const first = new Watcher('us-east', 'again/')
  await until('it is live', async () => first.cursor !== undefined)
  await first.end()
  const since = first.cursor ?? ''
  await put(world, 'eu-west', 'cities again/a', 'x')
  const second = new Watcher('us-east', 'again/', since)
  await until('it hears what came meanwhile', async () => second.latest.has('again/a'))
  assert.not(second.isLive, 'it did not start again')
  await second.end()
  const path = `/v1/watch/cities?since=${since}`
  assertProblem(await send(world, 'eu-west', 'GET', path), 410, 'cursor_too_old')
})

test('over a restart the command line starts again, and misses nothing', async () => {
  const args = ['watch', 'cities', 'restart/', '--json', '--url', world.url('us-east')]
  await put(world, 'eu-west', 'cities restart/a', 'x')
  const child = spawn(process.execPath, [denizenScript, ...args])
  const heard: string[] = []
  createInterface({ input: child.stdout }).on('line', line => {
    const { event, key = '' } = JSON.parse(line)
    heard.push(`${event} ${key}`.trim())
  })
  await until('it is live', async () => heard.includes('live'))
  await world.stop('us-east')
  await put(world, 'eu-west', 'cities restart/b', 'x')
  await world.start('us-east')
  await until('it is live again', async () => heard.filter(one => one === 'live').length === 2)
  await until('it knows the new key', async () => heard.includes('change restart/b'))
  assert.ok(heard.includes('restart'))
  child.kill('SIGINT')
  assert.equal(await once(child, 'exit'), [0, null])
})

const residentBytes = (region: string): number => {
  const pid = pidFileHolder(`${world.dataDirectory(region)}/node.lock`)
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(match?.[1]) * 1024
}

test('a thousand watches cost little, and all hear', async () => {
  const agent = new Agent({ maxSockets: 2_000 })
  const count = 1_000
  const told: string[] = Array.from({ length: count }, () => '')
  const beforeBytes = residentBytes('us-east')
  const url = `${world.url('us-east')}/v1/watch/cities?prefix=many/`
  const replies = await eachOf(told, 50, async (_, index) => {
    const [reply] = await once(get(url, { agent }), 'response')
    reply.on('error', () => {})
    reply.on('data', (chunk: Buffer) => {
      told[index] += chunk.toString()
    })
    return reply as IncomingMessage
  })
  await until('all are live', async () => told.every(text => text.includes('event: live')))
  const bytes = residentBytes('us-east') - beforeBytes
  const startedMs = performance.now()
  await batch(world, 'eu-west', 'cities', [{ op: 'put', key: 'many/a', value: 1 }])
  await until('all have heard', async () => told.every(text => text.includes('"many/a"')))
  const tookMs = performance.now() - startedMs
  note(`${Math.round(bytes / count / 1024)} KiB a watch; all heard after ${Math.round(tookMs)} ms`)
  assert.ok(bytes < count * 200 * 1024, `${bytes} bytes`)
  for (const reply of replies) reply.destroy()
  assertNoErrorLogged(world)
})

test.run()
