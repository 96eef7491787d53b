/** Chunks and replacing snapshots in the shard: made by the source's code, applied by ours. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hasSeen } from '../../src/execution/operations/read.ts'
import { utf8 } from '../../src/model/bytes.ts'
import { DenizenError } from '../../src/model/errors.ts'
import { applyChunk, applyReplace } from '../../src/replication/apply.ts'
import type { FeedChunk, ReplaceChunk } from '../../src/replication/messages.ts'
import { goesOn, readFeeds } from '../../src/replication/read-feeds.ts'
import { readSnapshot, type SnapshotPart } from '../../src/replication/read-snapshot.ts'
import { recordEntry } from '../../src/storage/feed-entry.ts'
import { createMemoryEngineKind } from '../../src/storage/memory-engine.ts'
import type { FeedState } from '../../src/storage/row-values.ts'
import { damageRecord } from '../support/damage.ts'
import { feeds, openStore, type TestRegion, type TestStore } from '../support/store.ts'

const slot = 0
const oneSlot = { placement: { slots: 1 } }

/** Writes as the home of all keys: `undefined` deletes. */
async function write(
  store: TestStore,
  values: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const feed = store.context.ownFeed
  for (const [key, text] of Object.entries(values)) {
    await store.commit(transaction => {
      const seq = transaction.appendPosition(slot)
      transaction.writeRecord(
        slot,
        key,
        {
          version: { term: 0, seq },
          feed,
          ...{ tombstone: text === undefined, shared: false, expiresAtMs: 0 },
          mediaType: '',
          value: utf8(text ?? ''),
        },
        transaction.recordHead(key),
      )
    })
  }
}

function chunkOf(store: TestStore, after: number, bytesMax = 1_000_000): FeedChunk {
  const [chunk] = readFeeds(store.reader, { requests: [{ slot, after }], bytesMax })
  assert.ok(chunk?.kind === 'chunk')
  const { kind: _, ...body } = chunk
  return { type: 'chunk', dataset: 'things', ...body }
}

function partOf(store: TestStore, from: string | null, bytesMax: number): SnapshotPart {
  const part = readSnapshot(store.reader, { slot, from, bytesMax })
  assert.not('damaged' in part)
  return part as SnapshotPart
}

function snapshotOf(store: TestStore, bytesMax = 1_000_000): ReplaceChunk[] {
  const parts: ReplaceChunk[] = []
  for (let from: string | null = null; ; ) {
    const part = partOf(store, from, bytesMax)
    const cursors = parts[0]?.cursors ?? part.cursors
    parts.push({ type: 'replace', dataset: 'things', ...part, cursors })
    if (part.to === null) return parts
    from = part.to
  }
}

const contents = (store: TestStore): Record<string, string> =>
  Object.fromEntries(
    [...store.reader.records('')]
      .filter(({ record }) => !record.tombstone)
      .map(({ key, record }) => [key, new TextDecoder().decode(record.value)]),
  )

const stateOf = (store: TestStore, region: TestRegion): FeedState =>
  store.reader.feedState(slot, feeds[region])

const isRefused = (code: string) => (error: unknown) =>
  error instanceof DenizenError && error.code === code

const chunks = suite('applying chunks')

chunks('a range of one chunk appears at once, complete', async () => {
  const [host, copy] = [await openStore(oneSlot), await openStore({ ...oneSlot, self: 'two' })]
  await write(host, { a: '1', b: '2', a2: '3' })
  await write(host, { b: undefined, a: '4' })
  const chunk = chunkOf(host, 0)
  assert.equal(
    chunk.items.map(({ text }) => text),
    ['a2', 'b', 'a'],
  )
  await copy.commit(transaction => applyChunk(transaction, chunk))
  assert.equal(contents(copy), contents(host))
  assert.equal(copy.reader.digest(slot), host.reader.digest(slot))
  const { end, complete } = stateOf(copy, 'one')
  assert.equal([end, complete], [stateOf(host, 'one').end, stateOf(host, 'one').end])
})

chunks('of a longer range only the last chunk is complete; sessions wait for it', async () => {
  const [host, copy] = [await openStore(oneSlot), await openStore({ ...oneSlot, self: 'two' })]
  await write(host, { a: '1', b: '2', c: '3' })
  const seen = [{ feed: feeds.one, position: 1 }]
  let after = 0
  const completes: boolean[] = []
  for (let n = 0; n < 3; n++) {
    const chunk = chunkOf(host, after, 1)
    assert.is(chunk.items.length, 1)
    await copy.commit(transaction => applyChunk(transaction, chunk))
    after = chunk.to
    completes.push(stateOf(copy, 'one').complete === stateOf(host, 'one').end)
    assert.is(hasSeen(copy.reader, slot, seen), n === 2)
    assert.ok(hasSeen(copy.reader, slot, []))
  }
  assert.equal(completes, [false, false, true])
})

chunks(
  'a chunk that does not begin where the copy stands is a gap, and changes nothing',
  async () => {
    const [host, copy] = [await openStore(oneSlot), await openStore({ ...oneSlot, self: 'two' })]
    await write(host, { a: '1', b: '2' })
    const { position } = chunkOf(host, 0).items[0] ?? { position: 0 }
    const later = chunkOf(host, position)
    assert.equal(await copy.commit(tx => applyChunk(tx, later)), { kind: 'gap' })
    assert.equal(contents(copy), {})
    await copy.commit(tx => applyChunk(tx, chunkOf(host, 0)))
    assert.equal(await copy.commit(tx => applyChunk(tx, chunkOf(host, 0))), { kind: 'gap' })
  },
)

chunks('an older version never takes the place of a newer one', async () => {
  const [host, copy] = [await openStore(oneSlot), await openStore({ ...oneSlot, self: 'two' })]
  await write(host, { a: 'old' })
  const old = chunkOf(host, 0)
  await write(host, { a: 'new' })
  await copy.commit(tx => applyReplace(tx, snapshotOf(host)[0] as ReplaceChunk))
  await copy.commit(tx => {
    tx.putFeedState(slot, feeds.one, { ...stateOf(copy, 'one'), end: 0, complete: 0 })
    assert.is(applyChunk(tx, old).kind, 'applied')
  })
  assert.equal(contents(copy), { a: 'new' })
})

chunks('a damaged record is replaced by what its home wrote behind an entry of it', async () => {
  const [host, copy] = [await openStore(oneSlot), await openStore({ ...oneSlot, self: 'two' })]
  await write(host, { a: '1' })
  const after = stateOf(host, 'one').end
  await copy.commit(transaction => applyChunk(transaction, chunkOf(host, 0)))
  await damageRecord(copy.engine, 'a')
  await host.commit(tx =>
    tx.putEntry(slot, feeds.one, recordEntry('a', tx.appendPosition(slot), false)),
  )
  const early = chunkOf(host, after)
  assert.throws(() => applyChunk(copy.begin(), early), isRefused('damaged_record'))
  await write(host, { a: '2' })
  const chunk = chunkOf(host, after)
  assert.is(chunk.items.length, 2, 'the control')
  await copy.commit(transaction => applyChunk(transaction, chunk))
  assert.equal(contents(copy), { a: '2' })
})

chunks('damage, wrong slots, strange items and own feeds are refused', async () => {
  const two = { placement: { slots: 2 } }
  const [host, copy] = [await openStore(two), await openStore({ ...two, self: 'two' })]
  const key = ['a', 'b', 'c', 'd', 'e'].find(one => host.reader.slotOfKey(one) === slot) ?? ''
  await write(host, { [key]: '1' })
  const chunk = chunkOf(host, 0)
  const [item] = chunk.items
  assert.ok(item)
  const attempt =
    (change: Partial<FeedChunk>, at = copy) =>
    () =>
      applyChunk(at.begin(), { ...chunk, ...change })
  const flipped = item.bytes.slice()
  flipped[39] = (flipped[39] ?? 0) ^ 1
  assert.throws(attempt({ items: [{ ...item, bytes: flipped }] }), isRefused('damaged_record'))
  assert.throws(
    attempt({ items: [{ ...item, text: `${key}x` }] }),
    (error: unknown) => error instanceof DenizenError,
  )
  assert.throws(attempt({ slot: 1 }), isRefused('bad_request'))
  assert.throws(attempt({ to: item.position - 1 }), isRefused('bad_request'))
  assert.throws(attempt({}, host), isRefused('bad_request'))
  assert.throws(
    () => applyReplace(host.begin(), snapshotOf(host)[0] as ReplaceChunk),
    isRefused('bad_request'),
  )
})

chunks.run()

const reading = suite('where a follower can go on')

const boundaries = [
  { generation: 1, previousEnd: 0 },
  { generation: 2, previousEnd: 2 ** 32 + 10 },
  { generation: 3, previousEnd: 2 * 2 ** 32 + 5 },
]
const hosted = { end: 3 * 2 ** 32 + 7, complete: 0, replacing: false, boundaries }

for (const [title, after, expected] of [
  ['from the start', 0, true],
  ['inside the present generation', 3 * 2 ** 32 + 7, true],
  ['past its end', 3 * 2 ** 32 + 8, false],
  ['at the end of an earlier generation', 2 * 2 ** 32 + 5, true],
  ['past the end of an earlier generation', 2 * 2 ** 32 + 6, false],
  ['past the end of the first', 2 ** 32 + 11, false],
  ['in a generation that is not known yet', 4 * 2 ** 32 + 1, false],
] as const) {
  reading(title, () => assert.is(goesOn(hosted, after), expected))
}

reading('one whose generation is no longer known can not', () => {
  assert.not(goesOn({ ...hosted, boundaries: boundaries.slice(2) }, 2 ** 32 + 1))
})

reading('a damaged record is not sent on', async () => {
  const kind = createMemoryEngineKind()
  const host = await openStore({ ...oneSlot, kind })
  await write(host, { a: '1', b: '2', c: '3' })
  await damageRecord(await kind.open('store'), 'b')
  const requests = [{ slot, after: 0 }]
  const [chunk] = readFeeds(host.reader, { requests, bytesMax: 1_000_000 })
  assert.ok(chunk?.kind === 'chunk')
  const { items, complete, damaged, to } = chunk
  assert.equal([items.map(({ text }) => text), complete, damaged], [['a'], false, 'b'])
  assert.is(to, items[0]?.position, 'it ends before what is damaged')
  const part = readSnapshot(host.reader, { slot, from: null, bytesMax: 1_000_000 })
  assert.equal(part, { slot, damaged: 'b' })
})

reading.run()

/** A host that came back without its disk, and knows that it has had four generations. */
async function restored(): Promise<TestStore> {
  const kind = createMemoryEngineKind()
  await (await openStore({ ...oneSlot, kind })).commit(transaction => {
    const boundaries = [{ generation: 4, previousEnd: 0 }]
    const state = { end: 0, complete: 0, replacing: false, boundaries }
    transaction.putFeedState(slot, feeds.one, state)
  })
  return await openStore({ ...oneSlot, kind })
}

const snapshots = suite('replacing snapshots')

snapshots('what the host has lost is lost here; what it never had stays', async () => {
  const [lost, copy] = [await openStore(oneSlot), await openStore({ ...oneSlot, self: 'two' })]
  await write(lost, { a: 'lost', b: 'lost', c: 'lost' })
  await copy.commit(tx => applyChunk(tx, chunkOf(lost, 0)))
  await write(copy, { own: 'kept' })
  const host = await restored()
  await write(host, { a: 'new' })
  for (const part of snapshotOf(host)) await copy.commit(tx => applyReplace(tx, part))
  assert.equal(contents(copy), { a: 'new', own: 'kept' })
  const { end, complete, replacing } = stateOf(copy, 'one')
  assert.equal([end, complete, replacing], [stateOf(host, 'one').end, end, false])
  assert.equal(
    [...copy.reader.feedEntries(slot, feeds.one, 0)].map(({ text }) => text),
    ['a'],
  )
})

snapshots(
  'one in many parts may break off and begin again; meanwhile no session looks',
  async () => {
    const [host, copy] = [await openStore(oneSlot), await openStore({ ...oneSlot, self: 'two' })]
    const seen = [{ feed: feeds.three, position: 0 }]
    await write(host, { a: '1', b: '2', c: '3', d: '4' })
    const parts = snapshotOf(host, 1)
    assert.is(parts.length, 4)
    for (const part of parts.slice(0, 2)) await copy.commit(tx => applyReplace(tx, part))
    assert.ok(stateOf(copy, 'one').replacing)
    assert.not(hasSeen(copy.reader, slot, seen))
    assert.equal(await copy.commit(tx => applyChunk(tx, chunkOf(host, 0))), { kind: 'gap' })
    await write(host, { a: undefined, b: '5' })
    for (const part of snapshotOf(host, 1)) await copy.commit(tx => applyReplace(tx, part))
    assert.equal(contents(copy), contents(host))
    assert.equal(copy.reader.digest(slot), host.reader.digest(slot))
    assert.ok(hasSeen(copy.reader, slot, seen))
  },
)

snapshots('a part in the middle without its beginning is a gap', async () => {
  const [host, copy] = [await openStore(oneSlot), await openStore({ ...oneSlot, self: 'two' })]
  await write(host, { a: '1', b: '2' })
  const second = snapshotOf(host, 1)[1] as ReplaceChunk
  assert.equal(await copy.commit(tx => applyReplace(tx, second)), { kind: 'gap' })
})

snapshots('changes after it began come by the feed, and none is missed', async () => {
  const [host, copy] = [await openStore(oneSlot), await openStore({ ...oneSlot, self: 'two' })]
  await write(host, { a: '1', b: '2', c: '3' })
  const first = partOf(host, null, 1)
  await write(host, { a: '4', c: '5' })
  const rest = partOf(host, first.to, 1_000)
  const cursors = first.cursors
  for (const part of [first, rest]) {
    const chunk = { type: 'replace', dataset: 'things', ...part, cursors } as const
    await copy.commit(tx => applyReplace(tx, chunk))
  }
  assert.ok(stateOf(copy, 'one').complete < stateOf(host, 'one').end)
  await copy.commit(tx => applyChunk(tx, chunkOf(host, stateOf(copy, 'one').end)))
  assert.equal(contents(copy), contents(host))
  assert.is(stateOf(copy, 'one').complete, stateOf(host, 'one').end)
})

snapshots('markers of homes are spread over the parts, each once', async () => {
  const grouped = { placement: { slots: 1, groupBySegments: 1 } }
  const [host, copy] = [await openStore(grouped), await openStore({ ...grouped, self: 'two' })]
  const groups = ['a', 'b', 'c', 'd', 'e']
  for (const [index, group] of groups.entries()) {
    await host.commit(tx => {
      const home = { region: 1, feed: feeds.one, term: index + 1 }
      tx.putHomeMarker(slot, group, { ...home, position: tx.appendPosition(slot) })
    })
    await write(host, { [`${group}/x`]: '1', [`${group}/y`]: '2' })
  }
  const parts = snapshotOf(host, 1)
  assert.equal(
    parts.flatMap(({ markers }) => markers.map(({ group }) => group)),
    groups,
  )
  assert.ok(parts.every(({ markers }) => markers.length <= 1))
  for (const part of parts) await copy.commit(tx => applyReplace(tx, part))
  for (const group of groups) {
    assert.equal(copy.reader.homeMarker(group), host.reader.homeMarker(group))
  }
})

snapshots('a region does not take back changes of its own feed that it has lost', async () => {
  const [lost, other] = [await openStore(oneSlot), await openStore({ ...oneSlot, self: 'two' })]
  await write(lost, { a: 'lost' })
  await other.commit(tx => applyChunk(tx, chunkOf(lost, 0)))
  await write(other, { b: 'other' })
  const host = await openStore(oneSlot)
  for (const part of snapshotOf(other)) await host.commit(tx => applyReplace(tx, part))
  assert.equal(contents(host), { b: 'other' })
  assert.equal(chunkOf(host, 0).items, [])
})

snapshots.run()
