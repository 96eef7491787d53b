/** Invariant X in the shard: a repeat is answered, and nothing is applied twice. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Transaction, TransactionStep } from '../../src/execution/operation.ts'
import { expire } from '../../src/execution/operations/expire.ts'
import { type TransactReply, transact } from '../../src/execution/operations/transact.ts'
import { type WriteReply, type WriteRequest, write } from '../../src/execution/operations/write.ts'
import { utf8 } from '../../src/model/bytes.ts'
import { DenizenError } from '../../src/model/errors.ts'
import { groupOfScope, idempotencyScope } from '../../src/model/idempotency.ts'
import type { Key } from '../../src/model/key.ts'
import { limits, timing } from '../../src/model/limits.ts'
import { applyChunk, applyReplace } from '../../src/replication/apply.ts'
import type { ReplaceChunk } from '../../src/replication/messages.ts'
import { readFeeds } from '../../src/replication/read-feeds.ts'
import { readSnapshot } from '../../src/replication/read-snapshot.ts'
import { encodeCount } from '../../src/storage/row-values.ts'
import { rowKeys } from '../../src/storage/rows.ts'
import { feeds, openStore, type TestStore } from '../support/store.ts'

const placement = { slots: 1, homing: { kind: 'pinned', region: 'one' } } as const
const slot = 0

const request = (key: string, text: string, changes: Partial<WriteRequest> = {}): WriteRequest => ({
  key: key as Key,
  value: { bytes: utf8(text), mediaType: 't' },
  precondition: {},
  nowMs: 0,
  idempotency: { principal: 'p', key: 'k' },
  ...changes,
})

const run = (store: TestStore, one: WriteRequest): Promise<WriteReply> =>
  store.commit(transaction => write(transaction, one))

const end = (store: TestStore): number => store.reader.feedState(slot, feeds.one).end

const isCode = (code: string) => (error: unknown) =>
  error instanceof DenizenError && error.code === code

const repeats = suite('repeats')

repeats('are answered as the first was, and change nothing', async () => {
  const store = await openStore({ placement })
  const create = request('a', '1', { precondition: { ifNoneMatch: '*' } })
  const first = await run(store, create)
  assert.ok(first.kind === 'written' && first.created)
  const before = end(store)
  assert.equal(await run(store, create), first)
  await run(store, request('a', '2', { idempotency: { principal: 'p', key: 'other' } }))
  assert.equal(await run(store, create), first, 'although the value is another by now')
  assert.is(end(store), before + 1)
})

repeats('within one commit too', async () => {
  const store = await openStore({ placement })
  const [first, second] = await store.commit(transaction => [
    write(transaction, request('a', '1')),
    write(transaction, request('a', '1')),
  ])
  assert.equal(second, first)
  assert.is(store.reader.idempotencyCount(slot), 1)
})

repeats('of a deletion do not delete what was written since', async () => {
  const store = await openStore({ placement })
  const { idempotency: _, ...plain } = request('a', '1')
  await run(store, plain)
  const removal = { ...request('a', ''), value: undefined }
  const removed = await run(store, removal)
  assert.is(removed.kind, 'deleted')
  await run(store, plain)
  assert.equal(await run(store, removal), removed)
  assert.not(store.reader.record('a')?.tombstone)
})

repeats('what changed nothing is not remembered', async () => {
  const store = await openStore({ placement })
  const removal = { ...request('a', ''), value: undefined }
  assert.is((await run(store, removal)).kind, 'absent')
  const update = request('a', '1', { precondition: { ifMatch: '*' } })
  assert.is((await run(store, update)).kind, 'mismatch')
  assert.is(store.reader.idempotencyCount(slot), 0)
})

repeats('any other request under the same key is refused', async () => {
  const store = await openStore({ placement })
  const first = request('a', '1')
  await run(store, first)
  const value = { bytes: utf8('1'), mediaType: 't' }
  for (const other of [
    request('a', '2'),
    { ...first, value: undefined },
    { ...first, value: { ...value, mediaType: 'u' } },
    { ...first, value: { ...value, ttlMs: 5 } },
    { ...first, precondition: { ifNoneMatch: '*' } as const },
  ]) {
    const before = end(store)
    const failed = await run(store, other).catch((error: unknown) => error)
    assert.ok(isCode('idempotency_mismatch')(failed))
    assert.is(end(store), before)
  }
})

repeats('another group or another principal may use the same key', async () => {
  const store = await openStore({ placement })
  const first = await run(store, request('a', '1'))
  const group = await run(store, request('b', '1'))
  const idempotency = { principal: 'q', key: 'k' }
  const principal = await run(store, request('a', '1', { idempotency }))
  const seqs = [first, group, principal].map(one => one.kind === 'written' && one.version.seq)
  assert.is(new Set(seqs).size, 3)
})

repeats('of a transaction are answered what was written; it reads anew', async () => {
  const grouped = { ...placement, groupBySegments: 1 }
  const store = await openStore({ placement: grouped })
  const put = (key: string, text: string): TransactionStep => ({
    ...{ kind: 'put', key: key as Key, value: utf8(text), mediaType: 't' },
  })
  const success: TransactionStep[] = [
    ...[put('g/a', '1'), { kind: 'delete', key: 'g/b' as Key } as const],
    { kind: 'get', key: 'g/c' as Key },
  ]
  const conditions = [{ key: 'g/a' as Key, exists: false }]
  const transaction: Transaction = {
    ...{ kind: 'transaction', key: 'g' as Key, conditions, success, failure: [] },
  }
  const idempotency = { principal: '', key: 'k' }
  const attempt = (): Promise<TransactReply> =>
    store.commit(staged => transact(staged, { transaction, nowMs: 0, idempotency }))
  const first = await attempt()
  const { idempotency: _, ...plain } = request('g/c', 'new')
  await run(store, plain)
  const again = await attempt()
  assert.ok(first.kind === 'transacted' && again.kind === 'transacted')
  assert.ok(again.succeeded, 'although its condition no longer holds')
  assert.equal(again.results.slice(0, 2), first.results.slice(0, 2))
  assert.equal([first.results[2]?.kind, again.results[2]?.kind], ['absent', 'found'])
})

repeats.run()

const keeping = suite('keeping records')

keeping('for more than a day, and then no longer', async () => {
  const store = await openStore({ placement })
  const first = await run(store, request('a', '1'))
  const day = 24 * 3_600_000
  await store.commit(transaction => expire(transaction, { nowMs: day }))
  assert.equal(await run(store, request('a', '1')), first)
  await store.commit(transaction => expire(transaction, { nowMs: timing.idempotencyKeptMs }))
  assert.is(store.reader.idempotencyCount(slot), 0)
  assert.equal(
    [...store.reader.feedEntries(slot, feeds.one, 0)].map(({ text }) => text),
    ['a'],
  )
})

keeping(
  'at the cap a new one is refused, with nothing applied, and no old one forgotten',
  async () => {
    const store = await openStore({ placement })
    const first = await run(store, request('a', '1'))
    const full = encodeCount(limits.idempotencyRecordsPerSlotMax)
    await store.engine.commit([{ key: rowKeys.idempotencyCount(slot), value: full }])
    const failed = await run(store, request('b', '1')).catch((error: unknown) => error)
    assert.ok(isCode('idempotency_full')(failed))
    assert.is(store.reader.record('b'), undefined)
    assert.equal(await run(store, request('a', '1')), first)
  },
)

keeping('they ride the feed with what they answer for', async () => {
  const [home, copy] = [await openStore({ placement }), await openStore({ placement, self: 'two' })]
  const scope = idempotencyScope('a', { principal: 'p', key: 'k' })
  await run(home, request('a', '1'))
  const [chunk] = readFeeds(home.reader, { requests: [{ slot, after: 0 }], bytesMax: 1 })
  assert.ok(chunk?.kind === 'chunk')
  assert.equal(
    chunk.items.map(({ position }) => position),
    [end(home), end(home)],
  )
  const { kind: _, ...body } = chunk
  await copy.commit(staged => applyChunk(staged, { type: 'chunk', dataset: 'things', ...body }))
  assert.equal(copy.reader.idempotencyRecord(scope), home.reader.idempotencyRecord(scope))
  assert.is(copy.reader.idempotencyCount(slot), 1)
  await copy.commit(staged => expire(staged, { nowMs: timing.idempotencyKeptMs }))
  assert.is(copy.reader.idempotencyCount(slot), 0)
})

keeping(
  'replacing snapshots carry them in bounded parts, and drop what the host lost',
  async () => {
    const [home, copy] = [
      await openStore({ placement }),
      await openStore({ placement, self: 'two' }),
    ]
    const keyed = (key: string): WriteRequest =>
      request('a', key, { idempotency: { principal: 'p', key } })
    for (const key of ['k1', 'k2', 'k3']) await run(home, keyed(key))
    const parts: ReplaceChunk[] = []
    for (let from: string | null = null; ; ) {
      const part = readSnapshot(home.reader, { slot, from, bytesMax: 1 })
      assert.ok(!('damaged' in part))
      parts.push({ type: 'replace', dataset: 'things', ...part })
      if (part.to === null) break
      from = part.to
    }
    assert.is(parts.length, 4)
    for (const part of parts) await copy.commit(staged => applyReplace(staged, part))
    assert.is(copy.reader.idempotencyCount(slot), 3)
    const lost = { ...parts[0], to: null, records: [], idempotency: [] } as ReplaceChunk
    const cursors = [{ feed: feeds.one, position: end(home) - 1 }]
    await copy.commit(staged => applyReplace(staged, { ...lost, cursors }))
    assert.is(copy.reader.idempotencyCount(slot), 2)
  },
)

keeping('a scope begins with its group, whatever the names are', () => {
  for (const group of ['a', 'a/b', 'a/ü', '~one~x']) {
    for (const principal of ['', 'token 1', 'a//b']) {
      for (const key of ['k', '//', 'a//b', '/']) {
        assert.is(groupOfScope(idempotencyScope(group, { principal, key })), group)
      }
    }
  }
})

keeping.run()
