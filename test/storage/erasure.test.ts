/** The ledger of erasures in the rows of stores: what goes, what stays out, what begins anew. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findHome, standingOf } from '../../src/execution/home.ts'
import { erase } from '../../src/execution/operations/erase.ts'
import { read } from '../../src/execution/operations/read.ts'
import { type WriteReply, write } from '../../src/execution/operations/write.ts'
import type { Key } from '../../src/model/key.ts'
import { erasureState, replayErasure, uncompacted } from '../../src/movement/erasure-rows.ts'
import { stopHome } from '../../src/movement/move-rows.ts'
import { settleRecord } from '../../src/repair/settle-record.ts'
import { heldRecord } from '../../src/repair/slot-walk.ts'
import { applyChunk, applyReplace } from '../../src/replication/apply.ts'
import type { ReplaceChunk } from '../../src/replication/messages.ts'
import { readFeeds } from '../../src/replication/read-feeds.ts'
import { readSnapshot } from '../../src/replication/read-snapshot.ts'
import { claim, inheritHomes, lookup } from '../../src/routing/registrar.ts'
import type { EngineReader } from '../../src/storage/engine.ts'
import { tableRange } from '../../src/storage/rows.ts'
import { feeds, numbers, openStore, type TestStore } from '../support/store.ts'

const everything = { from: Uint8Array.of(0), to: Uint8Array.of(0xff) }
const grouped = { placement: { slots: 1, groupBySegments: 1 } }
const home = { region: numbers.one, feed: feeds.one, term: 7 }

/** Rows that have the text in key or value. */
const naming = (engine: EngineReader, text: string): number =>
  [...engine.range(everything)].filter(({ key, value }) =>
    Buffer.concat([key, value]).includes(text),
  ).length

const put = (store: TestStore, key: string, claimed?: typeof home, idempotencyKey?: string) =>
  store.commit(transaction =>
    write(transaction, {
      key: key as Key,
      value: { bytes: Buffer.from(`of ${key}`), mediaType: 'text/plain', ttlMs: 60_000 },
      ...{ precondition: {}, nowMs: 1_000, ...(claimed && { claimed }) },
      ...(idempotencyKey && { idempotency: { principal: 'p', key: idempotencyKey } }),
    }),
  )
const eraseIn = (store: TestStore, group: string, claimed?: typeof home) =>
  store.commit(transaction =>
    erase(transaction, { group, nowMs: 2_000, ...(claimed && { claimed }) }),
  )

/** Applies all that the feed of `from` has for who has nothing of it, or goes on from `after`. */
async function follow(from: TestStore, to: TestStore, after = 0): Promise<number> {
  const [chunk] = readFeeds(from.reader, { requests: [{ slot: 0, after }], bytesMax: 1e6 })
  assert.is(chunk?.kind, 'chunk')
  if (chunk?.kind !== 'chunk') return after
  const { kind: _, damaged: __, ...part } = chunk
  const message = { type: 'chunk', dataset: 'things', ...part } as const
  await to.commit(transaction => applyChunk(transaction, message))
  return chunk.to
}

const readIn = (store: TestStore, key: string) => {
  const request = { key: key as Key, as: 'copy', seen: [], nowMs: 1_500 } as const
  return read(store.reader, request)
}

test('all that names a group goes, in one commit; its neighbours stay', async () => {
  const one = await openStore(grouped)
  const claims = [{ group: 'gone', region: numbers.one, feed: feeds.one }]
  const [granted] = await one.commit(transaction => claim(transaction, { epoch: 1, claims }))
  await put(one, 'gone/a', granted as typeof home, 'once')
  await put(one, 'gone/b')
  await put(one, 'gone-not/a', home)
  const before = one.reader.digest(0)
  assert.ok(naming(one.engine, 'gone/') > 8, 'the control')
  const reply = await eraseIn(one, 'gone')
  assert.is(reply.kind, 'erased')
  assert.is(naming(one.engine, 'gone/'), 0)
  assert.is(one.reader.registrarEntry('gone'), undefined)
  assert.equal(readIn(one, 'gone-not/a').kind, 'found')
  assert.is(one.reader.digest(0).records, before.records - 2)
  assert.is(one.reader.idempotencyCount(0), 0)
  assert.equal(uncompacted(one.reader), reply.kind === 'erased' ? [reply.hash] : [])
  const again = await eraseIn(one, 'gone')
  assert.equal(again, reply, 'once is enough')
})

test('a copy that follows applies it, whatever feeds have named the group there', async () => {
  const [one, two] = [await openStore(grouped), await openStore({ ...grouped, self: 'two' })]
  await put(one, 'gone/a', home, 'once')
  await put(one, 'kept/a', { ...home, term: 8 })
  let at = await follow(one, two)
  assert.is(readIn(two, 'gone/a').kind, 'found')
  await put(one, 'gone/b')
  const erased = await eraseIn(one, 'gone')
  at = await follow(one, two, at)
  assert.is(naming(two.engine, 'gone/'), 0)
  assert.is(readIn(two, 'kept/a').kind, 'found')
  if (erased.kind !== 'erased') return assert.unreachable()
  const state = erasureState(two.reader, { hash: erased.hash })
  assert.equal(state.erasure, erased.erasure)
  assert.is(state.purge?.keys, 1)
  // A session that is told of the absence does not look at older copies again.
  const { feed, position } = erased.erasure
  const absent = readIn(two, 'gone/a')
  assert.equal(absent.kind === 'absent' && absent.point, { slot: 0, feed, position })
})

test('what comes late of the life that is over stays out: chunks, snapshots, repairs', async () => {
  const stores = await Promise.all(
    (['one', 'two', 'three'] as const).map(self => openStore({ ...grouped, self })),
  )
  const [one, two, three] = stores as [TestStore, TestStore, TestStore]
  await put(one, 'gone/a', home, 'once')
  await follow(one, three)
  const old = readSnapshot(three.reader, { slot: 0, from: null, bytesMax: 1e6 })
  assert.ok('records' in old && old.records.length === 1)
  await eraseIn(one, 'gone')
  await follow(one, two)
  // A source that has not heard of it sends all that it has.
  const part = { type: 'replace', dataset: 'things', ...old } as ReplaceChunk
  await two.commit(transaction => applyReplace(transaction, part))
  assert.is(naming(two.engine, 'gone/'), 0)
  // And one that has, to a copy which has not.
  const known = readSnapshot(two.reader, { slot: 0, from: null, bytesMax: 1e6 })
  assert.ok('erasures' in known && known.erasures?.length === 1)
  const whole = { type: 'replace', dataset: 'things', ...known } as ReplaceChunk
  await three.commit(transaction => applyReplace(transaction, whole))
  assert.is(naming(three.engine, 'gone/'), 0)
})

test('comparisons of copies and registrars that follow others bring nothing of it back', async () => {
  const [one, two] = [await openStore(grouped), await openStore({ ...grouped, self: 'two' })]
  await put(one, 'gone/a', home)
  const record = heldRecord(one.reader, 'gone/a')
  const bytes = one.reader.recordBytes('gone/a')
  assert.ok(record.state === 'sound' && bytes)
  await eraseIn(one, 'gone')
  await follow(one, two)
  const lacking = { slot: 0, key: 'gone/a', kind: 'lacks', held: { state: 'absent' } } as const
  const settled = two.commit(tx => settleRecord(tx, { ...lacking, next: { record, bytes } }))
  assert.is(await settled, 'moot')
  await two.commit(tx => inheritHomes(tx, { homes: [{ group: 'gone', home }] }))
  assert.is(naming(two.engine, 'gone'), 0)
})

test('who follows the feed of an earlier home past the place hears of it there', async () => {
  const [one, two] = [await openStore(grouped), await openStore({ ...grouped, self: 'two' })]
  const three = await openStore({ ...grouped, self: 'three' })
  await put(two, 'g/a', { region: numbers.two, feed: feeds.two, term: 7 })
  await follow(two, one)
  await one.commit(transaction => {
    const marker = { region: numbers.one, feed: feeds.one, term: 8 }
    transaction.putHomeMarker(0, 'g', { ...marker, position: transaction.appendPosition(0) })
  })
  const erased = await eraseIn(one, 'g')
  assert.is(erased.kind === 'erased' && erased.erasure.term, 8)
  await follow(one, two)
  assert.is(naming(two.engine, 'g/a'), 0)
  await follow(two, three)
  const absent = readIn(three, 'g/a')
  assert.is(absent.kind === 'absent' && absent.point?.feed, feeds.one, 'and says why it is absent')
})

test('another life begins under a later term, and older terms stay refused', async () => {
  const [one, two] = [await openStore(grouped), await openStore({ ...grouped, self: 'two' })]
  await put(one, 'g/a', home)
  await eraseIn(one, 'g')
  const refused = (await put(one, 'g/a')) as WriteReply & { over?: number }
  assert.equal([refused.kind, refused.over], ['homeless', 7])
  assert.is((await put(one, 'g/a', home)).kind, 'homeless', 'not under the term that is over')
  const deleted = await one.commit(transaction =>
    write(transaction, { key: 'g/a' as Key, value: undefined, precondition: {}, nowMs: 1 }),
  )
  assert.is(deleted.kind, 'absent')
  assert.is((await put(one, 'g/new', { ...home, term: 9 })).kind, 'written')
  const standing = standingOf(one.reader, 'g', undefined)
  assert.equal(standing, { kind: 'home', home: { region: 'one', term: 9 } })
  await follow(one, two)
  assert.is(readIn(two, 'g/new').kind, 'found')
  assert.is(readIn(two, 'g/a').kind, 'absent')
  assert.equal(findHome(two.reader, 'g', undefined), { region: 'one', term: 9 })
  // The ledger that a restored region gets ends the old life, and not this one.
  const [entry] = [...two.reader.erasures()]
  assert.ok(entry)
  await one.commit(transaction => replayErasure(transaction, entry))
  assert.is(readIn(one, 'g/new').kind, 'found')
  const second = await eraseIn(one, 'g')
  assert.is(second.kind === 'erased' && second.erasure.term, 9)
  assert.is(naming(one.engine, 'g/new'), 0)
})

test('a registrar answers as before, and grants a later term to whoever knows of the erasure', async () => {
  const one = await openStore(grouped)
  const asked = { group: 'g', region: numbers.one, feed: feeds.one }
  const ask = (over?: number) =>
    one.commit(transaction =>
      claim(transaction, { epoch: 1, claims: [{ ...asked, ...(over !== undefined && { over }) }] }),
    )
  const [first] = await ask()
  assert.ok(first)
  await put(one, 'g/a', first as typeof home)
  await eraseIn(one, 'g')
  const other = { group: 'g', region: numbers.two, feed: feeds.two }
  const [standing] = await one.commit(transaction =>
    claim(transaction, { epoch: 1, claims: [other] }),
  )
  assert.equal(standing, first, 'who has not heard of it is sent to who erased it')
  assert.equal(lookup(one.reader, { groups: ['g'] }), [first])
  const [next] = await ask(first.term)
  assert.ok(next && next.term > first.term)
  assert.equal(await ask(first.term), [next], 'asked again, the same')
})

test('a claim whose write never came is no life, and its name goes with the next erasure', async () => {
  const [one, two] = [await openStore(grouped), await openStore({ ...grouped, self: 'two' })]
  const asked = { group: 'g', region: numbers.one, feed: feeds.one }
  const claimAt = (registrar: TestStore, over: number) =>
    registrar.commit(tx => claim(tx, { epoch: 1, claims: [{ ...asked, over }] }))
  await put(one, 'g/a', home)
  await eraseIn(one, 'g')
  const at = await follow(one, two)
  assert.is(naming(two.engine, 'g'), 0)
  // The registrar, two, has granted a later term, and its answer is lost.
  const { over = 0 } = (await put(one, 'g/a')) as { over?: number }
  const [granted] = await claimAt(two, over)
  assert.is(naming(two.engine, 'g'), 1, 'the control')
  const again = await eraseIn(one, 'g')
  assert.equal(again, { kind: 'homeless', over: 7 }, 'who may have entered the name is asked')
  const erased = await eraseIn(one, 'g', granted as typeof home)
  assert.is(erased.kind === 'erased' && erased.erasure.term, granted?.term)
  await follow(one, two, at)
  assert.is(naming(two.engine, 'g'), 0)
  // Said again, it comes from before: it was under way all the time.
  assert.equal(await claimAt(two, over), [{ region: 1, feed: feeds.one, term: granted?.term }])
  assert.is(naming(two.engine, 'g'), 0)
  assert.equal(await eraseIn(one, 'g'), erased, 'nobody has claimed it since')
})

test('a region that was restored may have claimed what it had erased: it asks', async () => {
  const one = await openStore(grouped)
  await put(one, 'g/a', home)
  await eraseIn(one, 'g')
  const [entry] = [...one.reader.erasures()]
  assert.ok(entry)
  await one.commit(transaction => replayErasure(transaction, entry))
  assert.equal(await eraseIn(one, 'g'), { kind: 'homeless', over: 7 })
})

test('of a damaged record it is not said that nothing was written since', async () => {
  const one = await openStore({ placement: { slots: 1 } })
  await put(one, 'g', home)
  await eraseIn(one, 'g')
  await put(one, 'g', { ...home, term: 9 })
  const row = [...one.engine.range(tableRange('record'))][0]
  assert.ok(row)
  row.value[row.value.length - 1] = (row.value.at(-1) ?? 0) ^ 1
  await one.engine.commit([row])
  const asked = await eraseIn(one, 'g')
  assert.equal(asked, { kind: 'homeless', over: 7 })
  const remove = (claimed?: typeof home) =>
    one.commit(transaction =>
      write(transaction, {
        ...{ key: 'g' as Key, value: undefined, precondition: {}, nowMs: 1 },
        ...(claimed && { claimed }),
      }),
    )
  assert.is((await remove()).kind, 'homeless')
  const erased = await eraseIn(one, 'g', { ...home, term: 9 })
  assert.is(erased.kind === 'erased' && erased.erasure.term, 9)
  assert.is([...one.engine.range(tableRange('record'))].length, 0)
})

test('an erased group does not move', async () => {
  const one = await openStore(grouped)
  await put(one, 'g/a', home)
  await eraseIn(one, 'g')
  const why = { kind: 'operator', writes: 0, atMs: 0 } as const
  const stop = { group: 'g', term: 7, to: 'two', why }
  assert.is(await one.commit(transaction => stopHome(transaction, stop)), false)
})

test.run()
