/** Changes of the policy in the shard: what a leaving region finds, what is made of its feed. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { erase } from '../../src/execution/operations/erase.ts'
import { claimTerm } from '../../src/model/version.ts'
import { adoptFeed, beginTerm, homedHere, verifyRecords } from '../../src/movement/policy-rows.ts'
import { copyOf, repairRecord } from '../../src/repair/repair-record.ts'
import { claim, grantedHomes, inheritHomes, lookup } from '../../src/routing/registrar.ts'
import { createMemoryEngineKind } from '../../src/storage/memory-engine.ts'
import { recordRowKey } from '../../src/storage/rows.ts'
import { codeOf } from '../support/code-of.ts'
import { damageRecord } from '../support/damage.ts'
import { feeds, openStore, type TestStore } from '../support/store.ts'

import { adopt, follow, move, of, open, put, slot } from './policy-stores.ts'

test('a region finds the groups that it homes, computed, claimed and moved here', async () => {
  const [both, one] = [of(['one', 'two']), of(['one'])]
  const store = await open('one', both)
  await put(store, 'claimed', claimTerm(1, 1))
  await put(store, '~one~assigned')
  const found = homedHere(store.reader, { slot, after: 0, max: 10 })
  assert.equal(
    found.groups.map(({ group }) => group),
    ['claimed', '~one~assigned'],
  )
  adopt(store, one, both, 'transfer')
  const page = homedHere(store.reader, { slot, after: 0, max: 1 })
  assert.is(page.groups.length, 1)
  assert.ok(page.next !== null)
})

test('a damaged record that alone tells its home is no group that is homed elsewhere', async () => {
  const store = await open('one', of(['one', 'two']))
  await put(store, 'a', claimTerm(1, 1))
  await damageRecord(store.engine, 'a')
  const found = homedHere(store.reader, { slot, after: 0, max: 10 })
  assert.equal(found.groups, [])
  assert.equal(found.damaged, ['a'])
})

test('a new group begins nowhere without a claim, once other homes are to be computed', async () => {
  const [before, after] = [of(['one']), of(['one', 'two'])]
  const store = await open('one', before)
  await put(store, 'old')
  adopt(store, before, after, 'copy')
  assert.is((await put(store, 'old')).kind, 'written', 'what has begun here goes on')
  assert.is((await put(store, 'new')).kind, 'homeless')
  assert.is((await put(store, 'new', claimTerm(2, 1))).kind, 'written')
})

/** The home of `a`, which was computed, and what the registrar grants it as the policy goes on. */
async function computedBefore() {
  const [before, after] = [of(['one']), of(['one', 'two'])]
  const store = await open('one', before)
  await put(store, 'a')
  adopt(store, before, after, 'transfer')
  return { store, home: { region: 1, feed: feeds.one, term: claimTerm(2, 1) } }
}

test('a home that was computed goes on under a term of its own', async () => {
  const { store, home } = await computedBefore()
  assert.ok(await store.commit(tx => beginTerm(tx, { group: 'a', home })))
  const written = await put(store, 'a')
  assert.is(written.kind === 'written' && written.version.term, claimTerm(2, 1))
  const other = { ...home, region: 2 }
  assert.not(await store.commit(tx => beginTerm(tx, { group: 'a', home: other })))
})

test('a computed home whose next term may be granted already erases under that, or not at all', async () => {
  const { store, home } = await computedBefore()
  const request = { group: 'a', nowMs: 1 }
  const asked = await store.commit(tx => erase(tx, request))
  assert.equal(asked, { kind: 'homeless', over: 0 })
  const erased = await store.commit(tx => erase(tx, { ...request, claimed: home }))
  assert.is(erased.kind === 'erased' && erased.erasure.term, home.term)
  // Of a grant that comes late nothing is written.
  await store.commit(tx => beginTerm(tx, { group: 'a', home }))
  await store.commit(tx => beginTerm(tx, { group: 'a', home: { ...home, term: home.term + 1 } }))
  assert.is(store.reader.homeMarker('a'), undefined)
})

test('a leaving region begins with no home that it was granted before', async () => {
  const [before, after] = [of(['one', 'two']), of(['two'])]
  const store = await open('one', before)
  adopt(store, before, after, 'copy')
  assert.is((await put(store, 'a', claimTerm(1, 1))).kind, 'written', 'it is moved with the rest')
  adopt(store, before, after, 'transfer')
  assert.is(await codeOf(put(store, 'b', claimTerm(1, 2))), 'stale_policy')
})

test('who follows the next homes finds what the first ones wrote, two changes later', async () => {
  const kind = createMemoryEngineKind()
  const first = of(['one', 'two', 'three'])
  const stores = await Promise.all(
    (['one', 'two'] as const).map(self =>
      openStore({ self, kind, placement: first, directory: self }),
    ),
  )
  const [one, two] = stores as [TestStore, TestStore]
  await put(one, 'a', claimTerm(1, 1))
  await follow(two, one)
  // The first change: one leaves.
  adopt(one, first, of(['two', 'three']), 'transfer')
  adopt(two, first, of(['two', 'three']), 'transfer')
  await move('a', one, two, claimTerm(2, 1))
  adopt(two, first, of(['two', 'three']), 'settle')
  const request = { slot, feed: feeds.one, after: 0, max: 100 }
  assert.equal(await two.commit(tx => adoptFeed(tx, request)), { next: null })
  const three = await openStore({
    self: 'three',
    kind,
    placement: of(['two', 'three']),
    directory: 'three',
  })
  await follow(three, two)
  assert.equal(three.reader.recordBytes('a'), one.reader.recordBytes('a'), 'with its version')
  // The second: two leaves, and what it had entered for one is entered anew.
  adopt(two, of(['two', 'three']), of(['three']), 'transfer')
  adopt(three, of(['two', 'three']), of(['three']), 'transfer')
  await move('a', two, three, claimTerm(3, 1))
  adopt(three, of(['two', 'three']), of(['three']), 'settle')
  await three.commit(tx => adoptFeed(tx, { ...request, feed: feeds.two }))
  const again = await openStore({
    self: 'one',
    kind,
    placement: of(['one', 'three']),
    directory: 'again',
  })
  await follow(again, three)
  assert.equal(again.reader.recordBytes('a'), one.reader.recordBytes('a'))
})

test('a record that is damaged or was lost is entered nowhere, and found', async () => {
  const [before, after] = [of(['one', 'two']), of(['two'])]
  const [one, two] = [await open('one', before), await open('two', before)]
  await put(one, 'a', claimTerm(1, 1))
  await put(one, 'b', claimTerm(1, 2))
  await follow(two, one)
  for (const store of [one, two]) adopt(store, before, after, 'transfer')
  await move('a', one, two, claimTerm(2, 1))
  await damageRecord(two.engine, 'a')
  assert.equal(verifyRecords(two.reader, { after: null, max: 10, bytesMax: 1_000 }), {
    ...{ damaged: ['a'], next: null },
  })
  assert.is(verifyRecords(two.reader, { after: null, max: 1, bytesMax: 1_000 }).next, 'a')
  adopt(two, before, after, 'settle')
  const request = { slot, feed: feeds.one, after: 0, max: 100 }
  assert.equal(await two.commit(tx => adoptFeed(tx, request)), { next: 0, unsound: 'a' })
  await two.engine.commit([{ key: recordRowKey('a'), value: null }])
  assert.equal(await two.commit(tx => adoptFeed(tx, request)), { next: 0, unsound: 'a' }, 'lost')
  const passing = { ...request, passesLost: true }
  assert.equal(await two.commit(tx => adoptFeed(tx, passing)), { next: null })
})

test('a home repairs what it has entered anew from who had all of the feed before', async () => {
  const [before, after] = [of(['one', 'two', 'three']), of(['two', 'three'])]
  const one = await open('one', before)
  const two = await open('two', before)
  const three = await open('three', before)
  const behind = await open('three', before, 'behind')
  await put(one, 'a', claimTerm(1, 1))
  await follow(behind, one)
  await put(one, 'a', claimTerm(1, 1))
  for (const copy of [two, three]) await follow(copy, one)
  for (const store of [one, two]) adopt(store, before, after, 'transfer')
  await move('a', one, two, claimTerm(2, 1))
  adopt(two, before, after, 'settle')
  await two.commit(tx => adoptFeed(tx, { slot, feed: feeds.one, after: 0, max: 100 }))
  await damageRecord(two.engine, 'a')
  // As of a region that followed the feed after it had begun again.
  const copy = copyOf(three.reader, { key: 'a' })
  const cursors = [{ feed: feeds.one, position: 9_999 * 2 ** 32 }]
  const reopened = [copy.state === 'sound' ? { ...copy, cursors } : copy]
  for (const phase of ['settle', 'after'] as const) {
    adopt(two, before, after, phase)
    const repair = (from: TestStore) =>
      two.commit(tx => repairRecord(tx, { key: 'a', copies: [copyOf(from.reader, { key: 'a' })] }))
    // Neither has come to the entry, as nobody can: it leads to what is damaged.
    assert.is(await repair(behind), 'unproven', phase)
    assert.is(await two.commit(tx => repairRecord(tx, { key: 'a', copies: reopened })), 'unproven')
    assert.is(await repair(three), 'repaired', phase)
    assert.equal(two.reader.recordBytes('a'), three.reader.recordBytes('a'))
    await damageRecord(two.engine, 'a')
  }
  await put(two, 'a')
  await damageRecord(two.engine, 'a')
  const copies = [copyOf(three.reader, { key: 'a' })]
  const reply = await two.commit(tx => repairRecord(tx, { key: 'a', copies }))
  assert.is(reply, 'unproven', 'it has been written since')
})

test('a registrar takes over what the one before has granted, and grants on', async () => {
  const [before, after] = [
    await open('one', of(['one', 'two'])),
    await open('two', of(['one', 'two'])),
  ]
  const claims = ['a', 'b'].map(group => ({ group, region: 1, feed: feeds.one }))
  const granted = await before.commit(tx => claim(tx, { epoch: 1, claims }))
  const { homes, next } = grantedHomes(before.reader, { slots: [slot], after: null, max: 10 })
  assert.is(next, null)
  await after.commit(tx => inheritHomes(tx, { homes }))
  assert.equal(lookup(after.reader, { groups: ['a', 'b'] }), granted)
  const again = [{ group: 'a', region: 2, feed: feeds.two }]
  assert.equal(await after.commit(tx => claim(tx, { epoch: 2, claims: again })), [granted[0]])
})

test('a registrar grants nothing under an epoch that is over', async () => {
  const store = await open('one', of(['one', 'two']))
  Object.assign(store.context, { registrarEpoch: 2 })
  const claims = [{ group: 'a', region: 1, feed: feeds.one }]
  assert.is(await codeOf(store.commit(tx => claim(tx, { epoch: 1, claims }))), 'stale_policy')
  assert.is((await store.commit(tx => claim(tx, { epoch: 2, claims }))).length, 1)
})

test('what a region was granted, and left without, is granted anew', async () => {
  const store = await open('two', of(['one', 'two']))
  const claims = [{ group: 'a', region: 1, feed: feeds.one }]
  const [granted] = await store.commit(tx => claim(tx, { epoch: 1, claims }))
  adopt(store, of(['one', 'two']), of(['two']), 'erase')
  assert.equal(lookup(store.reader, { groups: ['a'] }), [null])
  const next = [{ group: 'a', region: 2, feed: feeds.two }]
  const [home] = await store.commit(tx => claim(tx, { epoch: 2, claims: next }))
  assert.is(home?.region, 2)
  assert.ok((home?.term ?? 0) > (granted?.term ?? 0))
})

test.run()
