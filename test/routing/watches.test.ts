/** Watches over real stores: state, mark, changes, cursors, and what ends them. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Operation } from '../../src/execution/operation.ts'
import { DenizenError } from '../../src/model/errors.ts'
import type { Key } from '../../src/model/key.ts'
import { compareVersions, type Version } from '../../src/model/version.ts'
import type { WatchBatch, WatchEvent, WatchRequest } from '../../src/routing/service.ts'
import { Watches } from '../../src/routing/watches.ts'
import {
  type ChangesReply,
  type ChangesRequest,
  changesOperation,
} from '../../src/storage/store-changes.ts'
import { dataset, policy, tableOf } from '../support/policies.ts'
import { RoutingWorld } from '../support/routing-world.ts'

const data = policy(
  ['one', 'two', 'three'],
  [dataset('things', ['one', 'two'], { serve: ['one', 'two', 'three'], slots: 16 })],
)
const strong = { consistency: 'strong' } as const

const put = (key: string, text = 'x'): Operation => ({
  kind: 'put',
  key: key as Key,
  value: Buffer.from(text),
  mediaType: 'text/plain',
  precondition: {},
})
const remove = (key: string): Operation => ({ kind: 'delete', key: key as Key, precondition: {} })

const write = (world: RoutingWorld, ...operations: readonly Operation[]): Promise<unknown> =>
  world.at('one').router.execute('things', operations, strong)

type Asked = (request: ChangesRequest) => Promise<ChangesReply> | undefined

/** `onAsk` sees what owners of stores are asked, and may answer in their place. */
function watchesOf(world: RoutingWorld, self: string, onAsk?: Asked): Watches {
  const shards = new Proxy(world.at(self).shards, {
    get(target, name) {
      const member = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...args: readonly unknown[]) => {
        const isQuestion = name === 'callStore' && args[2] === changesOperation
        const answer = isQuestion ? onAsk?.(args[3] as ChangesRequest) : undefined
        return answer ?? member.apply(target, args)
      }
    },
  })
  return new Watches({
    ...{ self, shards, clock: world.clock },
    table: () => tableOf(data),
    topology: {
      ...{ self, byNearness: [self, 'two', 'one'] },
      ...{ reachable: () => true, passes: () => true },
    },
    urlOf: region => `http://${region}`,
  })
}

/** Reads a watch as far as the test asks. */
class Reader {
  readonly events: string[] = []
  cursor: string | undefined
  readonly end: () => void
  readonly #versions = new Map<string, Version>()
  readonly #batches: AsyncIterator<WatchBatch>

  static async open(watches: Watches, request: WatchRequest = { prefix: '' }): Promise<Reader> {
    const watch = await watches.watch('things', request)
    if (watch.kind !== 'watch') throw new Error('it is elsewhere')
    return new Reader(watch.batches[Symbol.asyncIterator](), watch.end)
  }

  private constructor(batches: AsyncIterator<WatchBatch>, end: () => void) {
    this.#batches = batches
    this.end = end
  }

  /** Until the condition holds; false where the watch ends before. */
  async until(holds: () => boolean): Promise<boolean> {
    while (!holds()) {
      const { done, value } = await this.#batches.next()
      if (done) return false
      for (const event of value.events) this.#take(event)
      this.cursor = value.cursor ?? this.cursor
    }
    return true
  }

  #take(event: WatchEvent): void {
    if (event.kind === 'live') {
      this.events.push('live')
      return
    }
    const { key, version, kind } = event
    const before = this.#versions.get(key)
    if (before && version) assert.ok(compareVersions(version, before) >= 0, 'never backwards')
    if (version) this.#versions.set(key, version)
    this.events.push(kind === 'put' ? `${key}=${Buffer.from(event.value)}` : `-${key}`)
  }
}

async function codeOf(task: Promise<unknown>): Promise<string> {
  const error = await task.catch(failed => failed)
  return error instanceof DenizenError ? error.code : 'no failure'
}

const watching = suite('watching')

watching('the state, the mark, and then what changes, deletions included', async () => {
  const world = await RoutingWorld.open(data)
  await write(world, put('a/1', 'old'), put('a/2'), put('b/1'), put('a/3'))
  await write(world, remove('a/3'))
  const reader = await Reader.open(watchesOf(world, 'one'), { prefix: 'a/' })
  await reader.until(() => reader.events.includes('live'))
  assert.equal(reader.events.splice(0).sort(), ['a/1=old', 'a/2=x', 'live'])
  await write(world, put('b/2'), put('a/1', 'new'))
  await reader.until(() => reader.events.includes('a/1=new'))
  await write(world, remove('a/2'))
  await reader.until(() => reader.events.includes('-a/2'))
  assert.not(reader.events.some(event => event.includes('b/')))
})

watching('a change amid the state is told again after it, or only then', async () => {
  const world = await RoutingWorld.open(data)
  await write(world, put('a', '1'))
  const reader = await Reader.open(watchesOf(world, 'one'))
  await write(world, put('a', '2'), put('b', '1'))
  await reader.until(() => reader.events.includes('live'))
  assert.ok(
    await reader.until(() => reader.events.at(-1) === 'b=1' || reader.events.at(-1) === 'a=2'),
  )
})

watching('it goes on behind its cursor, in any watch of the same node', async () => {
  const world = await RoutingWorld.open(data)
  const watches = watchesOf(world, 'one')
  const first = await Reader.open(watches)
  await first.until(() => first.cursor !== undefined)
  await write(world, put('a', '1'))
  await first.until(() => first.events.includes('a=1'))
  first.end()
  assert.not(await first.until(() => false))
  await write(world, put('a', '2'), put('a', '3'), put('b', '1'))
  const since = first.cursor
  assert.ok(since)
  const second = await Reader.open(watches, { prefix: '', since })
  await second.until(() => second.events.length === 2)
  assert.equal(second.events.sort(), ['a=3', 'b=1'])
  const other = await Reader.open(watchesOf(world, 'one'), { prefix: 'b', since })
  await other.until(() => other.events.length === 1)
  assert.equal(other.events, ['b=1'])
})

watching('cursors of other copies and other starts are too old; others are malformed', async () => {
  const world = await RoutingWorld.open(data)
  const first = await Reader.open(watchesOf(world, 'one'))
  await first.until(() => first.cursor !== undefined)
  const since = first.cursor ?? ''
  const at = (region: string, cursor: string): Promise<string> =>
    codeOf(watchesOf(world, region).watch('things', { prefix: '', since: cursor }))
  assert.is(await at('one', since), 'no failure')
  assert.is(await at('two', since), 'cursor_too_old')
  assert.is(await at('two', since.replace('one', 'two')), 'cursor_too_old')
  assert.is(await at('one', since.split('~').slice(0, -1).join('~')), 'cursor_too_old')
  assert.is(await at('one', 'one~?'), 'bad_request')
  await world.at('one').shards.close()
  await world.start('one')
  assert.is(await at('one', since), 'cursor_too_old')
})

watching('a watch for which too much has changed is told', async () => {
  const world = await RoutingWorld.open(data)
  const watches = watchesOf(world, 'one', ({ wait }) =>
    wait ? Promise.resolve({ kind: 'tooOld' }) : undefined,
  )
  const reader = await Reader.open(watches)
  assert.is(await codeOf(reader.until(() => false)), 'cursor_too_old')
  assert.is(reader.events.at(-1), 'live')
})

watching('watches of a thread share their questions', async () => {
  const world = await RoutingWorld.open(data)
  let questions = 0
  const watches = watchesOf(world, 'one', () => {
    questions += 1
    return undefined
  })
  const readers = await Promise.all(Array.from({ length: 50 }, () => Reader.open(watches)))
  const all = (event: string): Promise<unknown> =>
    Promise.all(readers.map(reader => reader.until(() => reader.events.includes(event))))
  await all('live')
  questions = 0
  const heard = all('a=1')
  await write(world, put('a', '1'))
  await heard
  assert.ok(questions > 0 && questions <= 4, `${questions} questions`)
  for (const reader of readers) reader.end()
})

watching('a region without a copy names one that has it, and not twice', async () => {
  const world = await RoutingWorld.open(data)
  const watches = watchesOf(world, 'three')
  const found = await watches.watch('things', { prefix: '' })
  assert.equal(found.kind === 'redirect' && [found.region, found.url], ['two', 'http://two'])
  const again = watches.watch('things', { prefix: '', via: 'two' })
  assert.is(await codeOf(again), 'no_serving_region')
})

watching('when the node stops, each watch ends and says so', async () => {
  const world = await RoutingWorld.open(data)
  const watches = watchesOf(world, 'one')
  const readers = [await Reader.open(watches), await Reader.open(watches)]
  const ends = readers.map(reader => codeOf(reader.until(() => false)))
  watches.end(new DenizenError('not_ready', 'the node is stopping'))
  assert.equal(await Promise.all(ends), ['not_ready', 'not_ready'])
})

watching.run()
