/** The end of a group's life here, when it goes on in another partition: held, erased, told. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { erase } from '../../src/execution/operations/erase.ts'
import { type HoldReply, hold } from '../../src/execution/operations/hold.ts'
import { transact } from '../../src/execution/operations/transact.ts'
import { type WriteReply, write } from '../../src/execution/operations/write.ts'
import { DenizenError } from '../../src/model/errors.ts'
import { GroupHolds } from '../../src/model/group-holds.ts'
import type { Key } from '../../src/model/key.ts'
import { compacted, erasureState } from '../../src/movement/erasure-rows.ts'
import { feeds, numbers, openStore, type TestStore } from '../support/store.ts'

const grouped = { placement: { slots: 1, groupBySegments: 1 } }
const home = { region: numbers.one, feed: feeds.one, term: 7 }
const later = { ...home, term: 8 }
type Held = Extract<HoldReply, { kind: 'held' }>

async function open(): Promise<TestStore> {
  const store = await openStore(grouped)
  Object.assign(store.context, { holds: new GroupHolds() })
  return store
}

const change = (store: TestStore, key: string, text: string | undefined, options = {}) =>
  store.commit(transaction =>
    write(transaction, {
      key: key as Key,
      value: text === undefined ? undefined : { bytes: Buffer.from(text), mediaType: 'text/plain' },
      ...{ precondition: {}, nowMs: 1_000, claimed: home, ...options },
    }),
  )
const holdIn = async (store: TestStore, forMs = 0, nowMs = 1_000): Promise<Held> => {
  const reply = await store.commit(transaction => hold(transaction, { group: 'g', nowMs, forMs }))
  assert.is(reply.kind, 'held')
  return reply as Held
}
const eraseIn = (store: TestStore, terms: { ifTag?: string; movedTo?: string }) =>
  store.commit(transaction => erase(transaction, { group: 'g', nowMs: 2_000, ...terms }))

async function movedAway(): Promise<TestStore> {
  const store = await open()
  await change(store, 'g/a', 'x')
  const { state } = await holdIn(store)
  const reply = await eraseIn(store, { ifTag: state.tag, movedTo: 'us/' })
  assert.is(reply.kind, 'erased')
  return store
}

function codeOf(task: () => unknown): string {
  try {
    task()
  } catch (error) {
    if (error instanceof DenizenError) return `${error.code} ${error.extra.movedTo}`
  }
  return ''
}

test('the tag of a state changes with every change, and a state never comes again', async () => {
  const store = await open()
  const tags = new Set([(await holdIn(store)).state.tag])
  for (const text of ['x', 'y', undefined, 'x', undefined]) {
    await change(store, 'g/a', text)
    await change(store, 'g-not/a', text)
    const { state } = await holdIn(store)
    assert.is(state.records, text === undefined ? 0 : 1)
    assert.not.ok(tags.has(state.tag), 'a tag comes again')
    tags.add(state.tag)
    assert.equal((await holdIn(store)).state, state, 'looking changes nothing')
  }
})

test('writes of a group that is held wait; others, and reads of its state, go on', async () => {
  const store = await open()
  await change(store, 'g/a', 'x')
  await holdIn(store, 500)
  assert.equal(await change(store, 'g/a', 'y'), { kind: 'between', heldMs: 500 })
  assert.equal(await change(store, 'g/a', undefined), { kind: 'between', heldMs: 500 })
  const transaction = {
    ...({ kind: 'transaction', key: 'g' as Key, conditions: [], failure: [] } as const),
    success: [{ kind: 'delete', key: 'g/a' as Key } as const],
  }
  const reply = await store.commit(it => transact(it, { transaction, nowMs: 1_200 }))
  assert.equal(reply, { kind: 'between', heldMs: 300 })
  assert.is((await change(store, 'other/a', 'y')).kind, 'written')
  assert.is((await change(store, 'g/a', 'z', { nowMs: 1_500 })).kind, 'written', 'it is over')
})

test('a group is erased in the state that was named, and in no other', async () => {
  const store = await open()
  await change(store, 'g/a', 'x')
  const { state } = await holdIn(store, 500)
  await change(store, 'g/b', 'late', { nowMs: 9_000 })
  assert.equal(await eraseIn(store, { ifTag: state.tag, movedTo: 'us/' }), { kind: 'changed' })
  assert.is((await holdIn(store)).state.records, 2, 'nothing was lost')
  const now = (await holdIn(store, 500)).state
  assert.is((await eraseIn(store, { ifTag: now.tag, movedTo: 'us/' })).kind, 'erased')
  const after = await holdIn(store)
  assert.equal([after.state.records, after.erasedTerm, after.movedTo], [0, 7, 'us/'])
})

test('who would begin a moved group anew is told where it is; also after a restart', async () => {
  const store = await movedAway()
  const begins = () => store.begin()
  const request = { nowMs: 3_000, precondition: {}, key: 'g/new' as Key }
  const value = { bytes: Buffer.from('v'), mediaType: 'text/plain' }
  const told = (what: object) => codeOf(() => write(begins(), { ...request, value, ...what }))
  assert.is(told({}), 'group_moved us/')
  assert.is(told({ idempotency: { principal: 'p', key: 'k' } }), 'group_moved us/')
  const put = { kind: 'put', key: 'g/new' as Key, value: value.bytes, mediaType: 'text/plain' }
  const transaction = { kind: 'transaction', key: 'g', conditions: [], failure: [], success: [put] }
  const asked = { transaction, nowMs: 3_000 } as unknown as Parameters<typeof transact>[1]
  assert.is(
    codeOf(() => transact(begins(), asked)),
    'group_moved us/',
  )
  // What changes nothing is answered as of a group that was erased.
  assert.is(write(begins(), { ...request, value: undefined }).kind, 'absent')
  // The row that says so outlives the compaction, and no region is told of it.
  const { hash } = await holdIn(store)
  await store.commit(it => compacted(it, { hashes: [hash], atMs: 5_000 }))
  assert.is(told({}), 'group_moved us/')
  const { purge } = erasureState(store.reader, { hash })
  assert.equal(Object.keys(purge ?? {}).sort(), ['compactedAtMs', 'keys', 'rows'])
})

test('another erasure of a moved group makes its name free', async () => {
  const store = await movedAway()
  const { state } = await holdIn(store)
  assert.is((await eraseIn(store, { ifTag: state.tag })).kind, 'erased')
  const reply: WriteReply = await change(store, 'g/a', 'anew', { claimed: undefined })
  assert.equal(reply, { kind: 'homeless', over: 7 })
  assert.is((await change(store, 'g/a', 'anew', { claimed: later })).kind, 'written')
  assert.is((await holdIn(store)).movedTo, undefined)
})

test.run()
