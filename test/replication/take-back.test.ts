/** A home that was restored takes its feed's tail back, and opens a new generation. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/model/bytes.ts'
import { generationOf } from '../../src/model/position.ts'
import { compareVersions, type Version } from '../../src/model/version.ts'
import { applyChunk } from '../../src/replication/apply.ts'
import { goesOn, readFeeds } from '../../src/replication/read-feeds.ts'
import { readHeldFeed, reopenFeed, takeBack } from '../../src/replication/take-back.ts'
import { createMemoryEngineKind } from '../../src/storage/memory-engine.ts'
import { feeds, openStore, type TestStore } from '../support/store.ts'

const slot = 0
const placement = { slots: 1 }
const feed = feeds.one

async function write(home: TestStore, key: string, text: string): Promise<void> {
  await home.commit(store => {
    const version = { term: 0, seq: store.appendPosition(slot) }
    const flags = { tombstone: false, shared: false, expiresAtMs: 0 }
    const record = { version, feed, ...flags, mediaType: '', value: utf8(text) }
    store.writeRecord(slot, key, record, store.recordHead(key))
  })
}

async function follow(copy: TestStore, home: TestStore): Promise<void> {
  const after = copy.reader.feedState(slot, feed).end
  const [chunk] = readFeeds(home.reader, { requests: [{ slot, after }], bytesMax: 1_000_000 })
  assert.ok(chunk?.kind === 'chunk')
  const { kind: _, ...body } = chunk
  await copy.commit(store => applyChunk(store, { type: 'chunk', dataset: 'things', ...body }))
}

/** A store that holds what another one holds now. */
async function copyOf(store: TestStore): Promise<TestStore> {
  const kind = createMemoryEngineKind()
  const engine = await kind.open('store')
  await engine.commit([...store.engine.range({ from: Uint8Array.of(0), to: Uint8Array.of(255) })])
  await engine.close()
  return await openStore({ placement, kind })
}

/** What a region holds of the feed goes back, in parts of one item. */
async function giveBack(from: TestStore, to: TestStore): Promise<number> {
  let after: number | null = to.reader.feedState(slot, feed).end
  let seen = 0
  while (after !== null) {
    const held = readHeldFeed(from.reader, { slot, feed, after, bytesMax: 1 })
    await to.commit(store => takeBack(store, { slot, items: held.items }))
    seen = Math.max(seen, held.seen)
    after = held.next
  }
  return seen
}

const versionOf = (store: TestStore, key: string): Version | undefined =>
  store.reader.recordHead(key)?.version

/** The home loses what it wrote after a backup; two copies hold different parts of it. */
async function lostHome() {
  const kind = createMemoryEngineKind()
  const home = await openStore({ placement, kind })
  const [near, far] = [
    await openStore({ placement, self: 'two' }),
    await openStore({ placement, self: 'three' }),
  ]
  await write(home, 'a', '1')
  const restored = await copyOf(home)
  await write(home, 'b', '2')
  await follow(far, home)
  const again = await openStore({ placement, kind })
  await write(again, 'a', '3')
  await follow(near, again)
  return { home: again, near, far, restored }
}

test('the tail comes back from all copies, whichever is asked first', async () => {
  for (const order of ['near first', 'far first']) {
    const { home, near, far, restored } = await lostHome()
    const sources = order === 'near first' ? [near, far] : [far, near]
    for (const source of sources) await giveBack(source, restored)
    for (const key of ['a', 'b']) assert.equal(versionOf(restored, key), versionOf(home, key))
    assert.equal(restored.reader.digest(slot), home.reader.digest(slot))
  }
})

test('the new generation lies far above all that was seen, and followers go on', async () => {
  const { home, near, far, restored } = await lostHome()
  const seen = Math.max(await giveBack(far, restored), await giveBack(near, restored))
  assert.is(seen, home.reader.feedState(slot, feed).end)
  await restored.commit(store => reopenFeed(store, { slot, seen }))
  const state = restored.reader.feedState(slot, feed)
  assert.ok(generationOf(state.end) > generationOf(seen) + 1_000)
  // Near stands where the feed ended; far in a generation of which no copy knew the beginning.
  assert.ok(goesOn(state, seen))
  assert.ok(!goesOn(state, seen + 1), 'who holds more than came back takes a snapshot')
  await write(restored, 'a', '4')
  const newest = versionOf(restored, 'a') as Version
  assert.ok(compareVersions(newest, versionOf(near, 'a') as Version) > 0)
  await follow(near, restored)
  assert.equal(versionOf(near, 'a'), newest)
  assert.equal(near.reader.digest(slot), restored.reader.digest(slot))
})

test('a recovery that was interrupted is done again, and comes to the same', async () => {
  const { near, restored } = await lostHome()
  const seen = await giveBack(near, restored)
  await restored.commit(store => reopenFeed(store, { slot, seen }))
  const before = restored.reader.digest(slot)
  const { end } = restored.reader.feedState(slot, feed)
  assert.is(await giveBack(near, restored), end, 'nothing is new, and nothing lies above')
  await restored.commit(store => reopenFeed(store, { slot, seen: end }))
  assert.equal(restored.reader.digest(slot), before)
  assert.ok(restored.reader.feedState(slot, feed).end > end)
  assert.ok(goesOn(restored.reader.feedState(slot, feed), seen))
})

test('what an interrupted snapshot left beyond the copy’s end is given back too', async () => {
  const { near, restored } = await lostHome()
  const state = near.reader.feedState(slot, feed)
  const cut = { ...state, end: 0, complete: 0, replacing: true }
  await near.commit(store => store.putFeedState(slot, feed, cut))
  assert.is(await giveBack(near, restored), state.end)
  assert.equal(versionOf(restored, 'a'), versionOf(near, 'a'))
})

test.run()
