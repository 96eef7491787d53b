/** When the copies of other regions may take the place of a damaged record, and when not. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/model/bytes.ts'
import { copyOf, type RepairReply, repairRecord } from '../../src/repair/repair-record.ts'
import { applyChunk } from '../../src/replication/apply.ts'
import { readFeeds } from '../../src/replication/read-feeds.ts'
import { damagedHead, encodeRecord } from '../../src/storage/record.ts'
import { damageRecord } from '../support/damage.ts'
import { feeds, openStore, type TestStore } from '../support/store.ts'

const slot = 0
const key = 'a'
const oneSlot = { placement: { slots: 1 } }

const open = async (): Promise<[home: TestStore, copy: TestStore]> => [
  await openStore({ ...oneSlot, directory: 'one' }),
  await openStore({ ...oneSlot, directory: 'two', self: 'two' }),
]

async function write(home: TestStore, text: string, at = key): Promise<void> {
  await home.commit(tx => {
    const version = { term: 1, seq: tx.appendPosition(slot) }
    const head = { version, feed: feeds.one, tombstone: false, shared: false, expiresAtMs: 0 }
    const held = tx.heldHead(at)
    tx.writeRecord(slot, at, { ...head, mediaType: '', value: utf8(text) }, held)
  })
}

async function follow(home: TestStore, copy: TestStore): Promise<void> {
  const after = copy.reader.feedState(slot, feeds.one).end
  const [chunk] = readFeeds(home.reader, { requests: [{ slot, after }], bytesMax: 1_000_000 })
  assert.ok(chunk?.kind === 'chunk')
  await copy.commit(tx => applyChunk(tx, { type: 'chunk', dataset: 'things', ...chunk }))
}

const repair = (store: TestStore, ...others: TestStore[]): Promise<RepairReply> =>
  store.commit(tx =>
    repairRecord(tx, { key, copies: others.map(it => copyOf(it.reader, { key })) }),
  )

test('a copy takes the record of its home again, and its digest is as before', async () => {
  const [home, copy] = await open()
  await write(home, '1')
  await follow(home, copy)
  await damageRecord(copy.engine, key)
  assert.is(copy.reader.heldHead(key), damagedHead)
  assert.is(await repair(copy, home), 'repaired')
  assert.equal(copy.reader.record(key), home.reader.record(key))
  assert.equal(copy.reader.digest(slot), home.reader.digest(slot))
  assert.is(await repair(copy, home), 'sound')
})

test('the home takes a copy only where it has all that the home has acknowledged', async () => {
  const [home, copy] = await open()
  await write(home, '1')
  await follow(home, copy)
  await write(home, '2')
  await damageRecord(home.engine, key)
  assert.is(await repair(home, copy), 'unproven', 'the copy has an older version')
  await damageRecord(home.engine, key)
  await follow(home, copy)
  await write(home, 'elsewhere', 'b')
  await damageRecord(home.engine, key)
  assert.is(await repair(home, copy), 'repaired', 'what it lacks is of another key')
  assert.equal(home.reader.record(key)?.value, utf8('2'))
})

test('a change that is still to come by its feed does not come by repair', async () => {
  const [home, copy] = await open()
  await write(home, '1')
  await follow(home, copy)
  await damageRecord(copy.engine, key)
  await write(home, '2')
  assert.is(await repair(copy, home), 'unproven')
  await follow(home, copy)
  assert.equal(copy.reader.record(key)?.value, utf8('2'), 'it replaces what is damaged')
  assert.equal(copy.reader.digest(slot), home.reader.digest(slot))
})

/** Regions one and three have the record of two, which has left: three came after that. */
async function afterTwoLeft(): Promise<readonly [TestStore, TestStore]> {
  const placement = { ...oneSlot.placement, store: ['one', 'three'], home: ['one', 'three'] }
  const stays = await openStore({ placement, directory: 'stays' })
  const came = await openStore({ placement, directory: 'came', self: 'three' })
  const version = { term: 1, seq: 2 ** 32 + 7 }
  const head = { version, feed: feeds.two, tombstone: false, shared: false, expiresAtMs: 0 }
  const record = { ...head, mediaType: '', value: utf8('1') }
  const bytes = encodeRecord(stays.context.hasher, key, record)
  for (const store of [stays, came]) {
    const at = { feed: feeds.two, position: version.seq, shared: false }
    await store.commit(tx => tx.putRecord(slot, key, bytes, at, undefined))
  }
  return [stays, came]
}

test('a record of a region that has left is taken from any copy, and needs no cursor', async () => {
  const [stays, came] = await afterTwoLeft()
  await damageRecord(came.engine, key)
  assert.is(await repair(came, stays), 'repaired')
  await damageRecord(stays.engine, key)
  assert.is(await repair(stays, came), 'repaired')
  assert.equal(stays.reader.record(key), came.reader.record(key))
})

test('copies that are absent or damaged themselves prove nothing', async () => {
  const [home, copy] = await open()
  const third = await openStore({ ...oneSlot, self: 'three' })
  await write(home, '1')
  await follow(home, copy)
  await damageRecord(copy.engine, key)
  assert.is(await repair(copy), 'unproven')
  assert.is(await repair(copy, third), 'unproven')
  await damageRecord(home.engine, key)
  assert.is(await repair(copy, home, third), 'unproven')
})

test('a write over a damaged record leaves nothing of it, wherever the damage lies', async () => {
  for (const at of [undefined, 17, 25, 29, 37]) {
    const [home] = await open()
    await write(home, '1')
    await write(home, '2', 'b')
    await damageRecord(home.engine, key, at)
    await write(home, '3')
    const digest = home.reader.digest(slot)
    assert.equal(home.reader.record(key)?.value, utf8('3'))
    assert.is(digest.records + digest.tombstones, 2, `${at}`)
    const texts = [...home.reader.feedEntries(slot, feeds.one, 0)].map(({ text }) => text)
    assert.ok(texts.includes('b') && texts.at(-1) === key, 'no entry of another key is dropped')
  }
})

test.run()
