import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/model/bytes.ts'
import { generationOf } from '../../src/model/position.ts'
import { createMemoryEngineKind } from '../../src/storage/memory-engine.ts'
import { BOUNDARIES_MAX } from '../../src/storage/row-values.ts'
import type { StoreReader } from '../../src/storage/store.ts'
import type { StoreTransaction } from '../../src/storage/transaction.ts'
import { feeds, openStore } from '../support/store.ts'

function put(transaction: StoreTransaction, key: string, text: string | undefined): number {
  const slot = transaction.slotOfKey(key)
  const seq = transaction.appendPosition(slot)
  transaction.writeRecord(
    slot,
    key,
    {
      version: { term: 0, seq },
      feed: feeds.one,
      ...{ tombstone: text === undefined, shared: false, expiresAtMs: 0 },
      mediaType: '',
      value: utf8(text ?? ''),
    },
    transaction.recordHead(key),
  )
  return seq
}

const entriesOf = (store: StoreReader, slot: number): string[] =>
  [...store.feedEntries(slot, feeds.one, 0)].map(({ text }) => text)

test('a transaction sees what it staged; readers see it after the commit', async () => {
  const store = await openStore()
  await store.commit(transaction => {
    put(transaction, 'a', '1')
    assert.ok(transaction.record('a'))
    assert.is(store.reader.record('a'), undefined)
  })
  assert.equal(store.reader.record('a')?.value, utf8('1'))
})

test('a later change of a key takes the place of its entry in the feed', async () => {
  const store = await openStore({ placement: { slots: 1 } })
  await store.commit(transaction => {
    for (const key of ['a', 'b', 'a', 'c']) put(transaction, key, 'x')
  })
  assert.equal(entriesOf(store.reader, 0), ['b', 'a', 'c'])
  await store.commit(transaction => put(transaction, 'b', undefined))
  assert.equal(entriesOf(store.reader, 0), ['a', 'c', 'b'])
})

test('what is rolled back leaves nothing: no row, no generation, no end', async () => {
  const store = await openStore({ placement: { slots: 1 } })
  await store.commit(transaction => {
    transaction.savepoint()
    put(transaction, 'a', '1')
    transaction.rollBack()
    assert.is(transaction.changes.length, 0)
    assert.equal(transaction.grown, [])
  })
  assert.equal([...store.reader.feedStates()], [])
  await store.commit(transaction => {
    const first = put(transaction, 'a', '1')
    transaction.savepoint()
    put(transaction, 'a', '2')
    put(transaction, 'b', '2')
    transaction.rollBack()
    assert.equal(transaction.record('a')?.value, utf8('1'))
    assert.is(put(transaction, 'c', '3'), first + 1, 'the position is free again')
  })
  assert.equal(entriesOf(store.reader, 0), ['a', 'c'])
  assert.equal(store.reader.feedState(0, feeds.one).boundaries.length, 1)
  assert.is(store.reader.digest(0).records, 2)
})

test('a part of a request is taken back alone, and with its request', async () => {
  const store = await openStore({ placement: { slots: 1 } })
  const fail = (): never => {
    throw new Error('this part fails')
  }
  await store.commit(transaction => {
    put(transaction, 'before', '1')
    transaction.savepoint()
    transaction.whole(() => put(transaction, 'a', '1'))
    const failing = () => {
      put(transaction, 'a', '2')
      put(transaction, 'b', '2')
      return fail()
    }
    assert.throws(() => transaction.whole(failing), /this part fails/)
    assert.equal(transaction.record('a')?.value, utf8('1'))
    assert.is(transaction.record('b'), undefined)
    transaction.whole(() => put(transaction, 'c', '1'))
    transaction.rollBack()
    assert.is(transaction.record('a') ?? transaction.record('c'), undefined)
  })
  assert.equal(entriesOf(store.reader, 0), ['before'])
  assert.is(store.reader.digest(0).records, 1)
})

test('a generation opens at the first write after each start, and says where the last ended', async () => {
  const kind = createMemoryEngineKind()
  const ends: number[] = []
  for (const generation of [1, 2, 3]) {
    const store = await openStore({ kind, placement: { slots: 1 } })
    assert.is(store.reader.feedState(0, feeds.one).boundaries.length, generation - 1)
    const first = await store.commit(transaction => put(transaction, 'a', '1'))
    const second = await store.commit(transaction => put(transaction, 'b', '1'))
    assert.is(generationOf(first), generation)
    assert.is(second, first + 1)
    ends.push(second)
  }
  const { boundaries, end, complete } = (await openStore({ kind })).reader.feedState(0, feeds.one)
  assert.equal(boundaries, [
    { generation: 1, previousEnd: 0 },
    { generation: 2, previousEnd: ends[0] as number },
    { generation: 3, previousEnd: ends[1] as number },
  ])
  assert.equal([end, complete], [ends[2], ends[2]])
})

test('only the newest boundaries are kept', async () => {
  const kind = createMemoryEngineKind()
  for (let n = 0; n < BOUNDARIES_MAX + 3; n++) {
    const store = await openStore({ kind, placement: { slots: 1 } })
    await store.commit(transaction => put(transaction, 'a', '1'))
  }
  const { boundaries } = (await openStore({ kind })).reader.feedState(0, feeds.one)
  assert.is(boundaries.length, BOUNDARIES_MAX)
  assert.is(boundaries.at(-1)?.generation, BOUNDARIES_MAX + 3)
})

test('the digest is the sum of what is there, whatever the way', async () => {
  const one = await openStore({ placement: { slots: 1 } })
  const bytes = new Map<string, Uint8Array>()
  await one.commit(transaction => {
    put(transaction, 'a', '1')
    put(transaction, 'b', '2')
    put(transaction, 'a', '3')
    put(transaction, 'b', undefined)
  })
  for (const { key, bytes: record } of one.reader.recordRows('')) bytes.set(key, record)
  const two = await openStore({ self: 'two', placement: { slots: 1 } })
  await two.commit(transaction => {
    for (const [key, record] of [...bytes].reverse()) {
      const position = one.reader.record(key)?.version.seq ?? 0
      const place = { feed: feeds.one, position, shared: false }
      transaction.putRecord(0, key, record, place, transaction.recordHead(key))
    }
  })
  assert.equal(two.reader.digest(0), one.reader.digest(0))
  const { records, tombstones, bytes: counted } = two.reader.digest(0)
  assert.equal([records, tombstones, counted], [1, 1, 'a3'.length])
  await two.commit(transaction => {
    transaction.dropRecord(0, 'a')
    transaction.dropRecord(0, 'b')
  })
  assert.equal(two.reader.digest(0), { sum: 0n, records: 0, tombstones: 0, bytes: 0 })
  assert.equal(entriesOf(two.reader, 0), [])
})

test.run()
