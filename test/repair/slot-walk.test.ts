/** Two copies of a slot, walked page by page; what a record is settled by, in the shard. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/model/bytes.ts'
import { comparisonBounds } from '../../src/repair/comparison-bounds.ts'
import { ComparisonWalk, type WalkOptions } from '../../src/repair/comparison-walk.ts'
import type { HeldRecord } from '../../src/repair/judge-record.ts'
import { copyOf } from '../../src/repair/repair-record.ts'
import {
  type SettleReply,
  type SettleRequest,
  settleRecord,
} from '../../src/repair/settle-record.ts'
import { repairHandlers } from '../../src/repair/shard-operations.ts'
import { compareStates, packStates, slotStates } from '../../src/repair/slot-states.ts'
import { comparePage, digestOfPage, heldRecord, testify } from '../../src/repair/slot-walk.ts'
import { applyChunk } from '../../src/replication/apply.ts'
import { readFeeds } from '../../src/replication/read-feeds.ts'
import { reopenFeed } from '../../src/replication/take-back.ts'
import { createMemoryEngineKind } from '../../src/storage/memory-engine.ts'
import { loseRecord } from '../support/divergence.ts'
import { hasher } from '../support/policies.ts'
import { feeds, openStore, type TestStore } from '../support/store.ts'

const slot = 0
const oneSlot = { placement: { slots: 1 } }
const everything = { slot, after: null, upTo: null, rowsMax: 1e6, bytesMax: 1e9 }
const keyOf = (n: number): string => `k${`${n}`.padStart(5, '0')}`

const open = async (): Promise<[home: TestStore, copy: TestStore]> => [
  await openStore({ ...oneSlot, directory: 'one' }),
  await openStore({ ...oneSlot, directory: 'two', self: 'two' }),
]

const write = (home: TestStore, keys: readonly string[], text = ''): Promise<void> =>
  home.commit(tx => {
    for (const key of keys) {
      const version = { term: 1, seq: tx.appendPosition(slot) }
      const head = { version, feed: feeds.one, tombstone: false, shared: false, expiresAtMs: 0 }
      const value = utf8(`${key} ${text}`)
      tx.writeRecord(slot, key, { ...head, mediaType: '', value }, tx.heldHead(key))
    }
  })

async function follow(home: TestStore, copy: TestStore): Promise<void> {
  const after = copy.reader.feedState(slot, feeds.one).end
  const requests = [{ slot, after }]
  for (let complete = false; !complete; ) {
    const [chunk] = readFeeds(home.reader, { requests, bytesMax: 1_000_000 })
    assert.ok(chunk?.kind === 'chunk')
    await copy.commit(tx => applyChunk(tx, { type: 'chunk', dataset: 'things', ...chunk }))
    complete = chunk.complete
    requests[0] = { slot, after: chunk.to }
  }
}

/** Of `mine` with `theirs`, as nodes do it, without what is between them. */
function walkOf(
  mine: TestStore,
  theirs: TestStore,
): { run: () => Promise<number> } & ComparisonWalk {
  const { reads, writes } = repairHandlers
  const shards = {
    call: async (_dataset: string, _slot: number, name: keyof typeof reads, body: never) =>
      name in reads
        ? reads[name]?.(mine.reader, body)
        : await mine.commit(tx => writes[name]?.(tx, body)),
  } as unknown as WalkOptions['shards']
  const { rowsPerPage, bytesPerPage, pageSlack } = comparisonBounds
  const bounds = { rowsMax: rowsPerPage * pageSlack, bytesMax: bytesPerPage * pageSlack }
  const call = async (_: string, name: string, body: unknown): Promise<unknown> => {
    const { dataset: __, ...request } = body as { dataset: string }
    if (name === 'repair') return copyOf(theirs.reader, request as never)
    if (name === 'compare.witness') return testify(theirs.reader, request as never)
    const reply = comparePage(theirs.reader, { ...request, ...bounds } as never)
    if (reply.kind === 'same') return reply
    const { damaged: ___, ...heads } = reply
    return heads
  }
  const hostOf = (feed: number) => Object.entries(feeds).find(([, number]) => number === feed)?.[0]
  const { self, placement } = mine.context
  const options = { self, shards, call, hostOf, onDamaged: () => {} }
  const walk = new ComparisonWalk(options as WalkOptions, placement, theirs.context.self, slot)
  return Object.assign(walk, {
    async run() {
      let pages = 1
      while (await walk.page(placement)) pages += 1
      return pages
    },
  })
}

test('a walk of many pages finds what is missing in any of them', async () => {
  const [home, copy] = await open()
  const keys = Array.from({ length: 7_000 }, (_, n) => keyOf(n))
  await write(home, keys)
  await follow(home, copy)
  const quiet = walkOf(copy, home)
  assert.is(await quiet.run(), 7, 'pages of 1,024 rows')
  const whole = copy.reader.digest(slot)
  await copy.commit(tx => {
    // So many in a row that the other copy's page is cut short, and the first and the last.
    for (const [n, key] of keys.entries()) {
      if (n === 0 || n === 6_999 || (n > 500 && n < 6_000)) tx.dropRecord(slot, key)
    }
  })
  const walk = walkOf(copy, home)
  await walk.run()
  assert.equal(walk.tally, { repaired: 5_501, removed: 0, conflicting: 0, unproven: 0, owed: 0 })
  assert.equal(copy.reader.digest(slot), whole)
  assert.equal(digestOfPage(copy.reader, everything), digestOfPage(home.reader, everything))
})

test('a page is of one slot, of live records, and ends where it is told to', async () => {
  const [home] = await open()
  await write(home, ['a', 'b', 'c', 'd'])
  const all = digestOfPage(home.reader, everything)
  assert.equal([all.upTo, all.records], [null, 4])
  assert.is(all.sum, home.reader.digest(slot).sum.toString(16).padStart(16, '0'))
  const first = digestOfPage(home.reader, { ...everything, rowsMax: 2 })
  assert.equal([first.upTo, first.records], ['b', 2])
  const second = digestOfPage(home.reader, { ...everything, after: 'b', upTo: 'c' })
  assert.equal([second.upTo, second.records], ['c', 1])
  assert.equal(digestOfPage(home.reader, { ...everything, slot: 1 }).records, 0)
  const { sum, records } = digestOfPage(home.reader, { ...everything, upTo: 'a' })
  const short = comparePage(home.reader, { ...everything, sum, records, upTo: 'd', rowsMax: 1 })
  assert.equal(
    [short.kind, short.kind === 'heads' && short.upTo],
    ['heads', 'a'],
    'as far as it is',
  )
})

test('states are compared where copies are at the same place, and of one commit', async () => {
  const [home, copy] = await open()
  const pack = ({ reader }: TestStore) => packStates(hasher, 1, slotStates(reader))
  const compare = () => compareStates(pack(home), pack(copy))
  assert.equal(compare(), { slots: 1, different: [], apart: [] })
  await write(home, ['a', 'b'])
  assert.equal(compare(), { slots: 1, different: [], apart: [0] })
  await follow(home, copy)
  assert.equal(compare(), { slots: 1, different: [], apart: [] })
  await loseRecord(copy.reader, 'a')
  assert.equal(compare(), { slots: 1, different: [0], apart: [] })
  const state = copy.reader.feedState(slot, feeds.one)
  await copy.commit(tx => tx.putFeedState(slot, feeds.one, { ...state, replacing: true }))
  assert.equal(compare(), { slots: 1, different: [], apart: [0] })
  assert.equal(
    compareStates(pack(copy), pack(copy))?.apart,
    [0],
    'between states there is no place',
  )
  assert.is(compareStates(pack(home), packStates(hasher, 2, [])), undefined)
})

test('a host that was restored takes back nothing of what it has lost for good', async () => {
  const [home, copy] = await open()
  await write(home, ['a'])
  await follow(home, copy)
  const restored = await openStore({ ...oneSlot, directory: 'restored' })
  await write(restored, ['a'])
  await write(home, ['b'])
  await follow(home, copy)
  const { end } = restored.reader.feedState(slot, feeds.one)
  await restored.commit(tx => reopenFeed(tx, { slot, seen: end }))
  const { run, tally } = walkOf(restored, copy)
  await run()
  assert.equal(tally, { repaired: 0, removed: 0, conflicting: 0, unproven: 1, owed: 0 })
  const lost = walkOf(home, copy)
  await loseRecord(home.reader, 'b')
  await lost.run()
  assert.is(lost.tally.repaired, 1, 'a host that has only lost the record does')
})

test('of a feed whose region has left every copy owes all, whatever cursor it has', async () => {
  const kind = createMemoryEngineKind()
  const home = await openStore({ ...oneSlot, kind, directory: 'one' })
  const before = await openStore({ ...oneSlot, kind, directory: 'two', self: 'two' })
  await write(home, ['a', 'b'])
  await follow(home, before)
  const placement = { slots: 1, home: ['two', 'three'], store: ['two', 'three'] }
  const two = await openStore({ kind, directory: 'two', self: 'two', placement })
  const three = await openStore({ kind, directory: 'three', self: 'three', placement })
  const states = [two, three].map(({ reader }) => packStates(hasher, 1, slotStates(reader)))
  assert.equal(compareStates(...(states as [Uint8Array, Uint8Array]))?.different, [0])
  const { run, tally } = walkOf(three, two)
  await run()
  assert.equal(tally, { repaired: 2, removed: 0, conflicting: 0, unproven: 0, owed: 0 })
  assert.equal(three.reader.digest(slot), two.reader.digest(slot))
  const back = walkOf(two, three)
  await back.run()
  assert.equal(back.tally, { repaired: 0, removed: 0, conflicting: 0, unproven: 0, owed: 0 })
})

test('a copy that takes a snapshot lacks nothing yet', async () => {
  const [home, copy] = await open()
  await write(home, ['a'])
  await follow(home, copy)
  await loseRecord(copy.reader, 'a')
  const state = copy.reader.feedState(slot, feeds.one)
  await copy.commit(tx => tx.putFeedState(slot, feeds.two + 1, { ...state, replacing: true }))
  const { run, tally } = walkOf(copy, home)
  await run()
  assert.is(tally.repaired, 0)
})

test('what claims the place of another record in the index does not come in', async () => {
  const [home, copy] = await open()
  await write(home, ['a'])
  await follow(home, copy)
  // The home's directory was put back by hand: it gives the same place to another key.
  const again = await openStore({ ...oneSlot, directory: 'again' })
  await write(again, ['b'])
  const { run, tally } = walkOf(copy, again)
  await run()
  assert.equal(tally, { repaired: 0, removed: 0, conflicting: 1, unproven: 0, owed: 0 })
  assert.equal(
    [...copy.reader.feedEntries(slot, feeds.one, 0)].map(({ text }) => text),
    ['a'],
  )
})

test('a record is settled only while it is as it was judged, and forward', async () => {
  const [home, copy] = await open()
  await write(home, ['a', 'b'])
  await follow(home, copy)
  const old = copy.reader.recordBytes('a')
  const oldHeld = heldRecord(copy.reader, 'a')
  await write(home, ['a'], 'again')
  const absent: HeldRecord = { state: 'absent' }
  const settle = (request: Partial<SettleRequest>): Promise<SettleReply> => {
    const bytes = home.reader.recordBytes('a') ?? utf8('')
    const record = heldRecord(home.reader, 'a')
    assert.ok(record.state === 'sound')
    const next = { record, bytes }
    const common = { slot, key: 'a', kind: 'lacks', held: oldHeld, next } as const
    return copy.commit(tx => settleRecord(tx, { ...common, ...request }))
  }
  assert.is(await settle({}), 'moot', 'it comes by its feed')
  await follow(home, copy)
  const newHeld = heldRecord(copy.reader, 'a')
  assert.is(await settle({}), 'moot', 'it has come meanwhile')
  assert.ok(old && oldHeld.state === 'sound')
  const back = { held: newHeld, next: { record: oldHeld, bytes: old } }
  assert.is(await settle(back), 'moot', 'never back')
  await loseRecord(copy.reader, 'a')
  assert.is(await settle({ held: newHeld }), 'moot')
  assert.is(await settle({ held: absent, next: back.next, key: 'b' }), 'moot')
  assert.is(await settle({ held: absent }), 'settled')
  assert.equal(copy.reader.record('a'), home.reader.record('a'))
  assert.equal(copy.reader.digest(slot), home.reader.digest(slot))
  assert.equal([...copy.reader.feedEntries(slot, feeds.one, 0)].length, 2, 'its entry is there too')
})

test.run()
