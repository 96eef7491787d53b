/** TTL in the shard: who hides an expired value, and who makes its absence durable. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { expire, expireKey } from '../../src/execution/operations/expire.ts'
import { list } from '../../src/execution/operations/list.ts'
import { type ReadReply, read, type WantedPoints } from '../../src/execution/operations/read.ts'
import { type WriteReply, write } from '../../src/execution/operations/write.ts'
import { utf8 } from '../../src/model/bytes.ts'
import type { Key } from '../../src/model/key.ts'
import { limits } from '../../src/model/limits.ts'
import { applyChunk } from '../../src/replication/apply.ts'
import type { FeedChunk } from '../../src/replication/messages.ts'
import { readFeeds } from '../../src/replication/read-feeds.ts'
import { rowKeys } from '../../src/storage/rows.ts'
import { openStore, type TestStore } from '../support/store.ts'

const placement = { slots: 1, homing: { kind: 'pinned', region: 'one' } } as const
const slot = 0

interface Put {
  readonly nowMs: number
  readonly ttlMs?: number
  readonly delete?: boolean
  readonly precondition?: { readonly ifMatch?: '*'; readonly ifNoneMatch?: '*' }
}

const change = (store: TestStore, key: string, put: Put): Promise<WriteReply> =>
  store.commit(transaction =>
    write(transaction, {
      key: key as Key,
      value: put.delete
        ? undefined
        : { bytes: utf8('x'), mediaType: '', ...(put.ttlMs && { ttlMs: put.ttlMs }) },
      precondition: put.precondition ?? {},
      nowMs: put.nowMs,
    }),
  )

const readAt = (store: TestStore, key: string, nowMs: number, seen: WantedPoints): ReadReply =>
  read(store.reader, { key: key as Key, as: 'copy', seen, nowMs })

const dueRows = (store: TestStore): number =>
  [...store.engine.range({ from: rowKeys.expiry(0), to: rowKeys.expiry(2 ** 52) })].length

const listed = (store: TestStore, nowMs: number): number => {
  const request = { prefix: '', after: undefined, limit: 100, bytesMax: 1e6, values: false }
  const page = list(store.reader, { ...request, nowMs, seen: [] })
  return 'behind' in page ? -1 : page.items.length
}

function follow(source: TestStore, copy: TestStore): Promise<unknown> {
  const after = copy.reader.feedState(slot, source.context.ownFeed).end
  const [chunk] = readFeeds(source.reader, { requests: [{ slot, after }], bytesMax: 1e6 })
  assert.ok(chunk?.kind === 'chunk')
  const { kind: _, ...body } = chunk
  const message: FeedChunk = { type: 'chunk', dataset: 'things', ...body }
  return copy.commit(transaction => applyChunk(transaction, message))
}

const values = suite('expiring values')

values('a value is there until its moment, and gone from then on', async () => {
  const store = await openStore({ placement })
  await change(store, 'a', { nowMs: 1_000, ttlMs: 500 })
  assert.is(readAt(store, 'a', 1_499, []).kind, 'found')
  assert.is(readAt(store, 'a', 1_500, []).kind, 'expired')
  assert.is(readAt(store, 'a', 1_500, null).kind, 'absent')
  assert.equal([listed(store, 1_499), listed(store, 1_500)], [1, 0])
})

values('the sweep makes a tombstone of it, with a version of its own', async () => {
  const store = await openStore({ placement })
  const written = await change(store, 'a', { nowMs: 1_000, ttlMs: 500 })
  await store.commit(transaction => expire(transaction, { nowMs: 1_499 }))
  assert.is(readAt(store, 'a', 1_499, []).kind, 'found')
  await store.commit(transaction => expire(transaction, { nowMs: 1_500 }))
  const gone = readAt(store, 'a', 0, [])
  assert.ok(gone.kind === 'absent' && gone.point && written.kind === 'written')
  assert.ok(gone.point.position > written.version.seq, 'a session can remember the absence')
  assert.equal([dueRows(store), store.reader.digest(slot).records], [0, 0])
})

values('each write decides anew how long its value lives', async () => {
  const store = await openStore({ placement })
  await change(store, 'a', { nowMs: 0, ttlMs: 500 })
  await change(store, 'a', { nowMs: 100, ttlMs: 5_000 })
  await change(store, 'b', { nowMs: 0, ttlMs: 500 })
  await change(store, 'b', { nowMs: 100 })
  await change(store, 'c', { nowMs: 0, ttlMs: 500 })
  await change(store, 'c', { nowMs: 100, delete: true })
  assert.is(dueRows(store), 1)
  await store.commit(transaction => expire(transaction, { nowMs: 1_000 }))
  assert.is(readAt(store, 'a', 1_000, []).kind, 'found')
  assert.is(readAt(store, 'b', 1e15, []).kind, 'found')
  assert.is(readAt(store, 'a', 5_100, []).kind, 'expired')
})

values('the policy says how long values live that name no TTL', async () => {
  const store = await openStore({ placement: { ...placement, ttlMs: 300 } })
  await change(store, 'a', { nowMs: 0 })
  await change(store, 'b', { nowMs: 0, ttlMs: 1_000 })
  assert.equal([listed(store, 299), listed(store, 300), listed(store, 1_000)], [2, 1, 0])
})

values('to a write an expired value is no value, and its tombstone comes first', async () => {
  const store = await openStore({ placement })
  for (const key of ['put', 'create', 'match', 'delete']) {
    await change(store, key, { nowMs: 0, ttlMs: 10 })
  }
  const put = await change(store, 'put', { nowMs: 10 })
  assert.ok(put.kind === 'written' && put.created)
  const create = await change(store, 'create', { nowMs: 10, precondition: { ifNoneMatch: '*' } })
  assert.is(create.kind, 'written')
  const match = await change(store, 'match', { nowMs: 10, precondition: { ifMatch: '*' } })
  assert.ok(match.kind === 'mismatch' && match.current === undefined)
  const removed = await change(store, 'delete', { nowMs: 10, delete: true })
  assert.is(removed.kind, 'absent')
  for (const key of ['match', 'delete']) assert.ok(store.reader.record(key)?.tombstone)
})

values('a turn does bounded work, and the next goes on behind it', async () => {
  const store = await openStore({ placement })
  const count = limits.expiryRowsPerTurn + 10
  await store.commit(transaction => {
    for (let n = 0; n < count; n++) {
      const key = `k${n}` as Key
      const value = { bytes: utf8('x'), mediaType: '', ttlMs: 1 }
      write(transaction, { key, value, precondition: {}, nowMs: n })
    }
  })
  const first = await store.commit(transaction => expire(transaction, { nowMs: count }))
  assert.is(dueRows(store), 10)
  assert.ok(first.next)
  const from = first.next
  const second = await store.commit(transaction => expire(transaction, { nowMs: count, from }))
  assert.equal([second, dueRows(store)], [{}, 0])
})

values('a replica hides what has expired, and only the home makes the tombstone', async () => {
  const [home, copy] = [await openStore({ placement }), await openStore({ placement, self: 'two' })]
  await change(home, 'a', { nowMs: 0, ttlMs: 10 })
  await follow(home, copy)
  assert.is(readAt(copy, 'a', 9, []).kind, 'found')
  assert.is(readAt(copy, 'a', 10, null).kind, 'absent')
  assert.is(readAt(copy, 'a', 10, []).kind, 'behind', 'a session asks the home')
  await copy.commit(transaction => {
    assert.equal(expire(transaction, { nowMs: 10 }), {})
    expireKey(transaction, { key: 'a' as Key, nowMs: 10 })
    assert.is(transaction.changes.length, 0)
  })
  await home.commit(transaction => expireKey(transaction, { key: 'a' as Key, nowMs: 10 }))
  await follow(home, copy)
  assert.ok(copy.reader.record('a')?.tombstone)
  assert.equal([dueRows(copy), copy.reader.digest(slot)], [0, home.reader.digest(slot)])
})

values.run()
