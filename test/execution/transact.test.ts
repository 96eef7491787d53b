/** Transactions in the shard: conditions, branches, one version, all or nothing. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkTransaction } from '../../src/execution/check-transaction.ts'
import type { Transaction, TransactionStep } from '../../src/execution/operation.ts'
import {
  evaluateOnNothing,
  type TransactReply,
  transact,
} from '../../src/execution/operations/transact.ts'
import { write } from '../../src/execution/operations/write.ts'
import { utf8 } from '../../src/model/bytes.ts'
import { DenizenError } from '../../src/model/errors.ts'
import type { Key } from '../../src/model/key.ts'
import { limits } from '../../src/model/limits.ts'
import { applyChunk, applyReplace } from '../../src/replication/apply.ts'
import type { FeedChunk } from '../../src/replication/messages.ts'
import { readFeeds } from '../../src/replication/read-feeds.ts'
import { readSnapshot } from '../../src/replication/read-snapshot.ts'
import { feeds, openStore, type TestStore } from '../support/store.ts'

const pinned = { slots: 1, groupBySegments: 1, homing: { kind: 'pinned', region: 'one' } } as const
const slot = 0

const put = (key: string, text: string, ttlMs?: number): TransactionStep => ({
  ...{ kind: 'put', key: key as Key, value: utf8(text), mediaType: 't' },
  ...(ttlMs !== undefined && { ttlMs }),
})
const get = (key: string): TransactionStep => ({ kind: 'get', key: key as Key })
const remove = (key: string): TransactionStep => ({ kind: 'delete', key: key as Key })

const of = (parts: Partial<Transaction>): Transaction => ({
  ...{ kind: 'transaction', key: 'g' as Key, conditions: [], success: [], failure: [] },
  ...parts,
})

type Done = Extract<TransactReply, { kind: 'transacted' }>

async function run(store: TestStore, parts: Partial<Transaction>, nowMs = 0): Promise<Done> {
  const transaction = of(parts)
  checkTransaction(store.context.placement, transaction)
  const reply = await store.commit(staged => transact(staged, { transaction, nowMs }))
  assert.ok(reply.kind === 'transacted')
  return reply
}

const contents = (store: TestStore): Record<string, string> =>
  Object.fromEntries(
    [...store.reader.records('')]
      .filter(({ record }) => !record.tombstone)
      .map(({ key, record }) => [key, new TextDecoder().decode(record.value)]),
  )

const chunkOf = (store: TestStore, after: number, bytesMax = 1e6): FeedChunk => {
  const [chunk] = readFeeds(store.reader, { requests: [{ slot, after }], bytesMax })
  assert.ok(chunk?.kind === 'chunk')
  const { kind: _, ...body } = chunk
  return { type: 'chunk', dataset: 'things', ...body }
}

const isCode = (code: string) => (error: unknown) =>
  error instanceof DenizenError && error.code === code

const branches = suite('transactions')

branches('all that one writes has one version, and each read sees what is before it', async () => {
  const store = await openStore({ placement: pinned })
  const { succeeded, results, point } = await run(store, {
    success: [get('g/a'), put('g/a', '1'), put('g/b', '2'), get('g/a'), remove('g/none')],
  })
  const [before, a, b, after, none] = results
  assert.ok(succeeded && a?.kind === 'written' && b?.kind === 'written' && a.created)
  assert.equal(a.version, b.version)
  assert.equal([before?.kind, none?.kind], ['absent', 'absent'])
  assert.ok(after?.kind === 'found' && after.version.seq === point.position)
  assert.equal(contents(store), { 'g/a': '1', 'g/b': '2' })
})

for (const [title, condition, holds] of [
  ['exists', { exists: true }, true],
  ['exists not', { exists: false }, false],
  ['an equal value', { value: { bytes: utf8('1'), mediaType: 't' } }, true],
  ['another value', { value: { bytes: utf8('2'), mediaType: 't' } }, false],
  ['another media type', { value: { bytes: utf8('1'), mediaType: 'u' } }, false],
  ['another version', { ifMatch: { term: 0, seq: 1 } }, false],
  ['two, of which one fails', { exists: true, ifMatch: { term: 0, seq: 1 } }, false],
] as const) {
  branches(`a condition: ${title}`, async () => {
    const store = await openStore({ placement: pinned })
    await run(store, { success: [put('g/a', '1')] })
    const { succeeded, results } = await run(store, {
      conditions: [{ key: 'g/a' as Key, ...condition }],
      success: [put('g/won', '')],
      failure: [get('g/a')],
    })
    assert.is(succeeded, holds)
    assert.is(results[0]?.kind, holds ? 'written' : 'found')
    assert.is('g/won' in contents(store), holds)
  })
}

branches('a condition: the version that a write was answered', async () => {
  const store = await openStore({ placement: pinned })
  const [first] = (await run(store, { success: [put('g/a', '1')] })).results
  assert.ok(first?.kind === 'written')
  const swap = of({
    conditions: [{ key: 'g/a' as Key, ifMatch: first.version }],
    success: [put('g/a', '2')],
  })
  assert.ok((await run(store, swap)).succeeded)
  assert.not((await run(store, swap)).succeeded)
})

branches('an expired value is none, whatever the order of what is done', async () => {
  const store = await openStore({ placement: pinned })
  await run(store, { success: [put('g/a', '1', 10), put('g/b', '1', 10), put('g/c', '1', 10)] })
  const conditions = [{ key: 'g/a' as Key, exists: false }]
  const success = [put('g/x', '2'), put('g/b', '2'), get('g/c')]
  const { succeeded, results } = await run(store, { conditions, success }, 10)
  const [, b, c] = results
  assert.ok(succeeded && b?.kind === 'written' && b.created)
  assert.is(c?.kind, 'absent')
  assert.equal(contents(store), { 'g/x': '2', 'g/b': '2' })
})

branches('a claimed group is marked as the home’s with its first change, not before', async () => {
  const store = await openStore({ placement: { slots: 1, groupBySegments: 1 } })
  const claimed = { region: 1, feed: feeds.one, term: 2 ** 32 + 1 }
  const attempt = (parts: Partial<Transaction>, withClaim: boolean): Promise<TransactReply> =>
    store.commit(staged =>
      transact(staged, { transaction: of(parts), nowMs: 0, ...(withClaim && { claimed }) }),
    )
  assert.is((await attempt({ success: [put('g/a', '1')] }, false)).kind, 'homeless')
  await attempt({ success: [get('g/a')] }, true)
  assert.is(store.reader.homeMarker('g'), undefined)
  await attempt({ success: [put('g/a', '1')] }, true)
  assert.is(store.reader.homeMarker('g')?.term, claimed.term)
  assert.is((await attempt({ success: [remove('g/a')] }, false)).kind, 'transacted')
})

branches('on nothing it comes to what it would come to on an empty group', () => {
  const exists = { key: 'g/a' as Key, exists: true }
  const absent = { key: 'g/a' as Key, exists: false }
  const [success, failure] = [[get('g/a')], [get('g/a'), remove('g/a')]]
  assert.is(evaluateOnNothing(of({ conditions: [absent], success, failure })).results.length, 1)
  const failed = evaluateOnNothing(of({ conditions: [exists], success, failure }))
  assert.equal([failed.succeeded, failed.results.length], [false, 2])
})

branches('what is no transaction on one group is refused before anything runs', async () => {
  const { placement } = (await openStore({ placement: pinned })).context
  const many = Array.from({ length: limits.transactionOpsMax + 1 }, () => get('g/a'))
  const half = utf8('x'.repeat(limits.transactionBytesMax / 2 + 1))
  const large = ['g/a', 'g/b'].map(key => ({ ...put(key, ''), value: half }) as TransactionStep)
  for (const [parts, code] of [
    [{ key: 'g/deeper' as Key }, 'outside_group'],
    [{ success: [put('other/a', '')] }, 'outside_group'],
    [{ conditions: [{ key: 'other' as Key }] }, 'outside_group'],
    [{ failure: [put('g/a', ''), remove('g/a')] }, 'bad_request'],
    [{ failure: many }, 'too_large'],
    [{ success: large }, 'too_large'],
  ] as const) {
    assert.throws(() => checkTransaction(placement, of(parts)), isCode(code))
  }
  checkTransaction(placement, of({ success: [put('g/a', '')], failure: [put('g/a', '')] }))
})

branches.run()

const followers = suite('transactions at followers')

const openBoth = async (): Promise<[TestStore, TestStore]> => [
  await openStore({ placement: pinned }),
  await openStore({ placement: pinned, self: 'two' }),
]

followers('a chunk never splits one, however small it is to be', async () => {
  const [home, copy] = await openBoth()
  await run(home, { success: [put('g/a', '1'), put('g/b', '1'), put('g/c', '1')] })
  await run(home, { success: [put('g/b', '2'), put('g/d', '2')] })
  for (const expected of [
    { 'g/a': '1', 'g/c': '1' },
    { 'g/a': '1', 'g/b': '2', 'g/c': '1', 'g/d': '2' },
  ]) {
    const chunk = chunkOf(home, copy.reader.feedState(slot, feeds.one).end, 1)
    await copy.commit(staged => applyChunk(staged, chunk))
    assert.equal(contents(copy), expected)
  }
  assert.equal(copy.reader.digest(slot), home.reader.digest(slot))
})

followers('later changes of its keys take its entries away one by one, everywhere', async () => {
  const [home, copy] = await openBoth()
  const texts = (store: TestStore): string[] =>
    [...store.reader.feedEntries(slot, feeds.one, 0)].map(({ text }) => text)
  await run(home, { success: [put('g/a', '1'), put('g/b', '1')] })
  await copy.commit(staged => applyChunk(staged, chunkOf(home, 0)))
  const key = 'g/a' as Key
  const value = { bytes: utf8('2'), mediaType: '' }
  await home.commit(staged => write(staged, { key, value, precondition: {}, nowMs: 0 }))
  await run(home, { success: [remove('g/b'), put('g/c', '1')] })
  const after = copy.reader.feedState(slot, feeds.one).end
  await copy.commit(staged => applyChunk(staged, chunkOf(home, after)))
  assert.equal(texts(home), ['g/a', 'g/b', 'g/c'])
  assert.equal(texts(copy), texts(home))
})

followers('a replacing snapshot brings the place of each record with it', async () => {
  const [home, copy] = await openBoth()
  await run(home, { success: [put('g/a', '1'), put('g/b', '1')] })
  const part = readSnapshot(home.reader, { slot, from: null, bytesMax: 1e6 })
  assert.ok(!('damaged' in part))
  await copy.commit(staged => applyReplace(staged, { type: 'replace', dataset: 'things', ...part }))
  await run(home, { success: [put('g/a', '2'), put('g/b', '2')] })
  const after = copy.reader.feedState(slot, feeds.one).end
  await copy.commit(staged => applyChunk(staged, chunkOf(home, after)))
  const entries = (store: TestStore) => [...store.reader.feedEntries(slot, feeds.one, 0)]
  assert.equal(entries(copy), entries(home))
  assert.equal(contents(copy), { 'g/a': '2', 'g/b': '2' })
})

followers.run()
