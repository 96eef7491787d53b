/** Counts of homes over stores that were written as homes and followers write them. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/model/bytes.ts'
import { addLines, type CensusLine } from '../../src/model/home-census.ts'
import type { PlacementData } from '../../src/model/placement.ts'
import { claimTerm } from '../../src/model/version.ts'
import { type CensusReply, homeCensus } from '../../src/routing/home-census.ts'
import { encodeRecord } from '../../src/storage/record.ts'
import { damageRecord } from '../support/damage.ts'
import { dataset, policy } from '../support/policies.ts'
import { feeds, openStore, regions, type TestRegion, type TestStore } from '../support/store.ts'

const slots = 1
/** The last one that was given out. */
let position = 0

interface Written {
  readonly home: TestRegion
  /** 0: nobody claimed it. */
  readonly term?: number
  readonly tombstone?: boolean
}

async function write(
  store: TestStore,
  key: string,
  { home, term = claimTerm(1, 1), tombstone = false }: Written,
): Promise<void> {
  await store.commit(transaction => {
    const feed = feeds[home]
    position += 1
    const flags = { tombstone, shared: false, expiresAtMs: 0 }
    const version = { term, seq: position }
    const record = { version, feed, ...flags, mediaType: '', value: utf8('v') }
    const bytes = encodeRecord(store.context.hasher, key, record)
    transaction.putRecord(0, key, bytes, { feed, position, shared: false }, undefined)
    const { groupBySegments } = store.context.placement.data
    if (groupBySegments === null || term === 0) return
    const group = key.split('/').slice(0, groupBySegments).join('/')
    if (transaction.homeMarker(group)) return
    position += 1
    const region = regions.indexOf(home) + 1
    transaction.putHomeMarker(0, group, { region, feed, term, position })
  })
}

/** In slices of one row, so that each border between two is met. */
function count(store: TestStore, desired: readonly PlacementData[], rowsMax = 1) {
  const lines: CensusLine[] = []
  let damaged = 0
  let next: CensusReply['next'] | Record<string, never> = {}
  while (next) {
    const request = { desired, regions: policy(regions, []).regions, rowsMax, bytesMax: 1_000_000 }
    const reply: CensusReply = homeCensus(store.reader, { ...request, ...next })
    lines.push(...reply.lines)
    damaged += reply.damaged
    next = reply.next
  }
  const texts = addLines(lines).map(
    ({ into, from, to, groups, records, bytes }) =>
      `${into} ${from}→${to}: ${groups} ${records} ${bytes}`,
  )
  return { texts: texts.sort(), damaged }
}

const things = (store: readonly string[], changes: Partial<PlacementData> = {}): PlacementData =>
  dataset('things', store, { slots, ...changes })

test('homes stay where they may, and go to the nearest region where not', async () => {
  const store = await openStore({ placement: { slots } })
  for (const key of ['a', 'b']) await write(store, key, { home: 'one' })
  await write(store, 'c', { home: 'three' })
  await write(store, 'gone', { home: 'three', tombstone: true })
  assert.equal(count(store, [things(['one', 'two'])]).texts, [
    'things one→one: 2 2 4',
    'things three→two: 1 1 2',
  ])
  assert.equal(count(store, [things(regions)], 100).texts, [
    'things one→one: 2 2 4',
    'things three→three: 1 1 2',
  ])
})

test('a group counts once, though other keys lie between its own', async () => {
  const placement = { slots, groupBySegments: 1 }
  const store = await openStore({ placement })
  // In key order: a, a-b/1, a/1, a/2, c/1, d/1, d/2.
  for (const key of ['a', 'a/1', 'a/2', 'd/1', 'd/2']) await write(store, key, { home: 'one' })
  await write(store, 'a-b/1', { home: 'two' })
  await write(store, 'c/1', { home: 'two' })
  const expected = ['things one→one: 2 5 18', 'things two→two: 2 2 10']
  for (const rowsMax of [1, 2, 3, 100]) {
    assert.equal(count(store, [things(regions, placement)], rowsMax).texts, expected)
  }
})

test('a deleted record of the group itself does not hide the rest of it', async () => {
  const placement = { slots, groupBySegments: 1 }
  const store = await openStore({ placement })
  await write(store, 'a', { home: 'one', tombstone: true })
  await write(store, 'a/1', { home: 'one' })
  assert.equal(count(store, [things(regions, placement)]).texts, ['things one→one: 1 1 4'])
})

test('another rule of homing moves what it computes elsewhere', async () => {
  const store = await openStore({ placement: { slots } })
  await write(store, 'a', { home: 'one' })
  await write(store, 'b', { home: 'two' })
  const pinned = things(regions, { homing: { kind: 'pinned', region: 'two' } })
  assert.equal(count(store, [pinned]).texts, ['things one→two: 1 1 2', 'things two→two: 1 1 2'])
  const sole = things(regions, { home: ['three'] })
  assert.equal(count(store, [sole]).texts, ['things one→three: 1 1 2', 'things two→three: 1 1 2'])
})

test('a group that was moved stays there while the rule is the same', async () => {
  const homing = { kind: 'pinned', region: 'one' } as const
  const placement = { slots, groupBySegments: 1, homing }
  const store = await openStore({ placement })
  await write(store, 'a/1', { home: 'two' })
  await write(store, 'b/1', { home: 'one', term: 0 })
  const expected = ['things one→one: 1 1 4', 'things two→two: 1 1 4']
  assert.equal(count(store, [things(regions, placement)]).texts, expected)
})

test('keys that no partition takes are told, and those that another one takes', async () => {
  const placement = { slots, groupBySegments: 2, prefix: 'eu/', id: 'things/eu/' }
  const store = await openStore({ placement })
  await write(store, 'eu/x/1', { home: 'one' })
  await write(store, 'eu/y/1', { home: 'one' })
  const part = things(['two'], { groupBySegments: 2, prefix: 'eu/x/' })
  assert.equal(count(store, [part]).texts, ['null one→null: 1 1 7', 'things/eu/x/ one→two: 1 1 7'])
})

test('damaged records are not counted, and told', async () => {
  const store = await openStore({ placement: { slots } })
  for (const key of ['a', 'b']) await write(store, key, { home: 'one' })
  await damageRecord(store.engine, 'a')
  assert.equal(count(store, [things(regions)]), {
    ...{ texts: ['things one→one: 1 1 2'], damaged: 1 },
  })
})

test.run()
