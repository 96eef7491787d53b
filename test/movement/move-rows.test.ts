/** Moves in the shard: who may act as home, before, between and after; what feeds carry of it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { expireKey } from '../../src/execution/operations/expire.ts'
import { type ReadReply, read } from '../../src/execution/operations/read.ts'
import { transact } from '../../src/execution/operations/transact.ts'
import { write } from '../../src/execution/operations/write.ts'
import { utf8 } from '../../src/model/bytes.ts'
import type { Key } from '../../src/model/key.ts'
import { claimTerm } from '../../src/model/version.ts'
import { homeState, stopHome, takeHome, unsettledGroups } from '../../src/movement/move-rows.ts'
import { applyChunk, applyReplace } from '../../src/replication/apply.ts'
import { readFeeds } from '../../src/replication/read-feeds.ts'
import { readSnapshot } from '../../src/replication/read-snapshot.ts'
import { readHeldFeed, takeBack } from '../../src/replication/take-back.ts'
import { createMemoryEngineKind } from '../../src/storage/memory-engine.ts'
import { feeds, openStore, type TestRegion, type TestStore } from '../support/store.ts'

const slot = 0
const key = 'k' as Key
const placement = { slots: 1, homing: { kind: 'pinned', region: 'one' } } as const
const why = { kind: 'operator', writes: 0, atMs: 5 } as const
const options = { placement }

const put = (store: TestStore, ttlMs?: number) =>
  store.commit(tx => {
    const value = { bytes: utf8('v'), mediaType: '', ...(ttlMs !== undefined && { ttlMs }) }
    return write(tx, { key, value, precondition: {}, nowMs: 0 })
  })

const readIn = (store: TestStore, as: 'home' | 'copy', nowMs = 0): ReadReply =>
  read(store.reader, { key, as, seen: [], nowMs })

const stop = (store: TestStore, term: number, to: TestRegion): Promise<boolean> =>
  store.commit(tx => stopHome(tx, { group: key, term, to, why }))

const take = (store: TestStore, region: 1 | 2 | 3, term: number) =>
  store.commit(tx => {
    const home = { region, feed: store.context.ownFeed, term }
    return takeHome(tx, { group: key, home })
  })

async function follow(copy: TestStore, host: TestStore): Promise<void> {
  const feed = host.context.ownFeed
  const after = copy.reader.feedState(slot, feed).end
  const requests = [{ slot, after }]
  const [chunk] = readFeeds(host.reader, { requests, bytesMax: 1_000_000 })
  if (chunk?.kind !== 'chunk') throw new Error('the feed goes on')
  const { kind: _, ...body } = chunk
  await copy.commit(tx => applyChunk(tx, { type: 'chunk', dataset: 'things', ...body }))
}

const open = async (): Promise<[TestStore, TestStore, TestStore]> => [
  await openStore({ ...options, self: 'one' }),
  await openStore({ ...options, self: 'two' }),
  await openStore({ ...options, self: 'three' }),
]

test('a home that has stopped does nothing more as one, also after a restart', async () => {
  const kind = createMemoryEngineKind()
  const before = await openStore({ ...options, kind })
  await put(before, 10)
  assert.not(await stop(before, 1, 'two'), 'not at another term')
  assert.ok(await stop(before, 0, 'two'))
  assert.not(await stop(before, 0, 'three'), 'once')
  const home = await openStore({ ...options, kind })
  assert.is((await put(home)).kind, 'between')
  assert.is(readIn(home, 'home').kind, 'between')
  const copied = readIn(home, 'copy')
  assert.equal([copied.kind, 'home' in copied && copied.home?.region], ['found', 'two'])
  const transaction = { kind: 'transaction', key, conditions: [], failure: [] } as const
  const success = [{ kind: 'delete', key }] as const
  const transacted = await home.commit(tx =>
    transact(tx, { transaction: { ...transaction, success }, nowMs: 0 }),
  )
  assert.is(transacted.kind, 'between')
  await home.commit(tx => expireKey(tx, { key, nowMs: 1_000 }))
  assert.not(home.reader.recordHead(key)?.tombstone, 'only a home makes tombstones')
  assert.equal(unsettledGroups(home.reader, { after: null, max: 9 }), { groups: [key], next: null })
})

test('the next home acts once it has everything, and a grant; others send it what comes', async () => {
  const [one, two, three] = await open()
  await put(one)
  await stop(one, 0, 'two')
  assert.is(await take(two, 2, claimTerm(1, 1)), undefined, 'it has not heard of the stop')
  for (const copy of [two, three]) await follow(copy, one)
  assert.is((await put(two)).kind, 'between', 'it has no grant')
  const elsewhere = await put(three)
  assert.equal(elsewhere, { kind: 'elsewhere', home: { region: 'two', term: 0 } })
  const term = claimTerm(1, 1)
  assert.equal(await take(two, 2, term), { region: 'two', term })
  assert.equal(await take(two, 2, term), { region: 'two', term }, 'asked again')
  assert.is(readIn(two, 'home').kind, 'found')
  const written = await put(two)
  assert.is(written.kind === 'written' && written.version.term, term)
  await follow(one, two)
  assert.equal(await put(one), { kind: 'elsewhere', home: { region: 'two', term } })
  assert.equal(homeState(one.reader, { group: key }).marker?.why, why)
})

test('a home that lacks what homes before it have written does not act as one', async () => {
  const [one, two, three] = await open()
  await put(one)
  await stop(one, 0, 'two')
  await follow(two, one)
  await take(two, 2, claimTerm(1, 1))
  await stop(two, claimTerm(1, 1), 'three')
  await follow(three, two)
  // It has the marker and all of two's feed, but nothing of one's, where the only record lies.
  assert.is(await take(three, 3, claimTerm(1, 2)), undefined)
  await follow(three, one)
  assert.ok(await take(three, 3, claimTerm(1, 2)))
  assert.is(readIn(three, 'home').kind, 'found')
  // As after a restore: its own marker is back, the other feeds are not.
  await three.commit(tx =>
    tx.putFeedState(slot, feeds.one, { end: 0, complete: 0, replacing: true, boundaries: [] }),
  )
  assert.is(readIn(three, 'home').kind, 'between')
  assert.is((await put(three)).kind, 'between')
})

test('whoever knows of a later home keeps what stopped the one before, for its return', async () => {
  const [one, two, three] = await open()
  await put(one)
  await stop(one, 0, 'two')
  await follow(two, one)
  await take(two, 2, claimTerm(1, 1))
  await follow(three, two)
  await follow(three, one)
  assert.is(three.reader.homeMarker(key)?.region, 2)
  const restored = await openStore({ ...options, self: 'one' })
  assert.is(readIn(restored, 'home').kind, 'absent', 'it takes itself for the home')
  const held = readHeldFeed(three.reader, { slot, feed: feeds.one, after: 0, bytesMax: 9_999 })
  await restored.commit(tx => takeBack(tx, { slot, items: held.items }))
  assert.is((await put(restored)).kind, 'elsewhere')
})

test('a region that the registrar made the next home, and that knows nothing, is no home', async () => {
  const home = await openStore({ placement: { slots: 1 }, self: 'two' })
  const claimed = { region: 2, feed: feeds.two, term: claimTerm(1, 2) }
  const value = { bytes: utf8('v'), mediaType: '' }
  const kindOf = async (moved: object) => {
    const request = { key, value, precondition: {}, nowMs: 0, claimed: { ...claimed, ...moved } }
    return (await home.commit(tx => write(tx, request))).kind
  }
  assert.is(await kindOf({ moved: true }), 'between')
  assert.is(await kindOf({}), 'written', 'a first claim is another thing')
})

test('a replacing snapshot brings the end of a home, and never takes it back', async () => {
  const [one, two] = await open()
  await put(one)
  const snapshot = () => {
    const part = readSnapshot(one.reader, { slot, from: null, bytesMax: 1_000_000 })
    if ('damaged' in part) throw new Error('nothing is damaged')
    return { type: 'replace', dataset: 'things', ...part } as const
  }
  const early = snapshot()
  await stop(one, 0, 'two')
  await two.commit(tx => applyReplace(tx, snapshot()))
  assert.ok(two.reader.homeMarker(key)?.stopped)
  await two.commit(tx => applyReplace(tx, early))
  assert.ok(two.reader.homeMarker(key)?.stopped)
})

test('stores of whole keys look for no marker until there is one', async () => {
  const [one] = await open()
  await put(one)
  assert.is(one.reader.homeMarker(key), undefined)
  await one.commit(tx => {
    tx.savepoint()
    assert.ok(stopHome(tx, { group: key, term: 0, to: 'two', why }))
    assert.ok(tx.homeMarker(key), 'and within the transaction')
    tx.rollBack()
    assert.is(tx.homeMarker(key), undefined)
    assert.ok(stopHome(tx, { group: key, term: 0, to: 'two', why }), 'also after it was taken back')
  })
  assert.ok(one.reader.homeMarker(key), 'the commit is seen at once')
})

test.run()
