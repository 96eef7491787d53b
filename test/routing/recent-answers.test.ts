/** What many reads have found is told again exactly as long as it is so. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Operation, Outcome } from '../../src/execution/operation.ts'
import { fromUtf8, utf8 } from '../../src/model/bytes.ts'
import { parseKey } from '../../src/model/key.ts'
import { limits } from '../../src/model/limits.ts'
import type { LocalAnswer } from '../../src/routing/local-answer.ts'
import { RecentAnswers } from '../../src/routing/recent-answers.ts'
import { dataset, policy, tableOf } from '../support/policies.ts'
import { RoutingWorld } from '../support/routing-world.ts'

const data = policy(
  ['one', 'two'],
  [dataset('pinned', ['one', 'two'], { homing: { kind: 'pinned', region: 'one' } })],
)
const context = { consistency: 'session' } as const

const put = (key: string, value: string, life = {}): Operation => ({
  ...{ kind: 'put', key: parseKey(key), value: utf8(value), mediaType: 'text/plain' },
  ...{ precondition: {}, ...life },
})
const gets = ['a', 'b', 'c'].map((key): Operation => ({ kind: 'get', key: parseKey(key) }))

async function world(): Promise<{
  readonly world: RoutingWorld
  readonly write: (...operations: Operation[]) => Promise<unknown>
  readonly read: () => Promise<readonly Outcome[]>
}> {
  const opened = await RoutingWorld.open(data, { readsHere: true })
  const { router } = opened.at('one')
  return {
    world: opened,
    write: (...operations) => router.execute('pinned', operations, context),
    read: async () => (await router.execute('pinned', gets, context)).outcomes,
  }
}

const textOf = (outcome: Outcome | undefined): string =>
  outcome?.kind === 'found' ? fromUtf8(outcome.value) : String(outcome?.kind)

test('it is kept while nothing is committed, and not a moment longer', async () => {
  const { write, read } = await world()
  await write(put('a', '1'), put('b', '2'))
  for (let n = 0; n < 6; n++) await read()
  const [first] = await read()
  const [again] = await read()
  assert.is(again, first, 'the very same')
  for (let n = 0; n < 20; n++) {
    await write(put('a', `new ${n}`), { kind: 'delete', key: parseKey('b'), precondition: {} })
    assert.equal((await read()).map(textOf), [`new ${n}`, 'absent', 'absent'])
    await write(put('b', `new ${n}`))
    for (let m = 0; m < n; m++) {
      assert.equal((await read()).map(textOf), [`new ${n}`, `new ${n}`, 'absent'])
    }
  }
})

test('a life ends though nothing is committed', async () => {
  const { world: opened, write, read } = await world()
  await write(put('a', '1', { ttlMs: 1_000 }), put('b', '2'))
  for (let n = 0; n < 8; n++) assert.equal((await read()).map(textOf), ['1', '2', 'absent'])
  opened.clock.advance(1_000)
  for (let n = 0; n < 8; n++) assert.equal((await read()).map(textOf), ['absent', '2', 'absent'])
})

test('more keys than are kept are given up, and tried again after a time', async () => {
  const { world: opened } = await world()
  const { shards } = opened.at('one')
  const placement = tableOf(data).locate('pinned', 'a')
  const recent = new RecentAnswers('one')
  const answer: LocalAnswer = {
    kind: 'done',
    home: { region: 'one', term: 0 },
    outcome: {
      ...{ kind: 'found', version: { term: 0, seq: 1 }, mediaType: 'text/plain' },
      ...{ value: utf8('1'), receipt: { servedBy: 'one', role: 'home' } },
    },
  }
  /** Reads so many keys in turn, some thousands in each request; how many were known? */
  const round = (keys: number): number => {
    let known = 0
    for (let from = 0; from < keys; from += 4_096) {
      recent.begin()
      const store = recent.storeAtRest(shards, placement, 0)
      for (let n = from; n < Math.min(keys, from + 4_096); n++) {
        const key = parseKey(`k${n}`)
        if (recent.find(key, 0)) known += 1
        else if (store) recent.keep(store, key, answer, 0)
      }
    }
    return known
  }
  const { recentAnswersMax: max } = limits
  for (let n = 0; n < 3; n++) round(max)
  assert.ok(round(max) > max * 0.98)
  const known = Array.from({ length: 12 }, () => round(max * 4))
  assert.ok(known.includes(0), `${known}`)
  for (let n = 0; n < 40; n++) round(max)
  assert.ok(round(max) > max * 0.98)
})

test.run()
