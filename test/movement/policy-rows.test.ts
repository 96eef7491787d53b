/** Changes of the policy in the shard: what a leaving region finds, what is made of its feed. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { standingOf } from '../../src/execution/home.ts'
import { erase } from '../../src/execution/operations/erase.ts'
import { write } from '../../src/execution/operations/write.ts'
import { utf8 } from '../../src/model/bytes.ts'
import { DenizenError } from '../../src/model/errors.ts'
import type { Key } from '../../src/model/key.ts'
import { Placement, type PlacementData } from '../../src/model/placement.ts'
import {
  effectivePolicy,
  nextPolicy,
  type Phase,
  phases,
  withEpochs,
} from '../../src/model/policy-change.ts'
import { claimTerm } from '../../src/model/version.ts'
import { stopHome, takeHome } from '../../src/movement/move-rows.ts'
import { adoptFeed, beginTerm, homedHere, verifyRecords } from '../../src/movement/policy-rows.ts'
import { copyOf, repairRecord } from '../../src/repair/repair-record.ts'
import { applyChunk } from '../../src/replication/apply.ts'
import { readFeeds } from '../../src/replication/read-feeds.ts'
import { claim, grantedHomes, inheritHomes, lookup } from '../../src/routing/registrar.ts'
import { createMemoryEngineKind } from '../../src/storage/memory-engine.ts'
import { recordRowKey } from '../../src/storage/rows.ts'
import { dataset, hasher, policy } from '../support/policies.ts'
import { feeds, openStore, regions, type TestRegion, type TestStore } from '../support/store.ts'

const slot = 0
const of = (home: readonly string[], changes: Partial<PlacementData> = {}): PlacementData =>
  dataset('things', home, { slots: 1, ...changes })

/** The store goes on under a phase of a change, or after it, as a node that adopts it. */
function adopt(
  store: TestStore,
  from: PlacementData,
  to: PlacementData,
  phase: Phase | 'after',
): void {
  const current = policy(regions, [from])
  const next = policy(regions, [to.since ? to : following(from, to)])
  const [data] =
    phase === 'after'
      ? next.placements
      : effectivePolicy(current, { policy: next, phase }).placements
  Object.assign(store.context, { placement: new Placement(data as PlacementData, hasher) })
}

/** As the cluster record keeps it; `epoch` is that of the registrars that come with it. */
function following(from: PlacementData, to: PlacementData, epoch = 2): PlacementData {
  const current = policy(regions, [from])
  const next = nextPolicy(current, policy(regions, [to]))
  const [data] = withEpochs(current, next, new Map([['things', epoch]])).placements
  return data as PlacementData
}

const put = (store: TestStore, name: string, claimedTerm?: number) =>
  store.commit(tx => {
    const region = { one: 1, two: 2, three: 3 }[store.context.self as TestRegion]
    const term = claimedTerm ?? 0
    return write(tx, {
      ...{ key: name as Key, value: { bytes: utf8('v'), mediaType: '' } },
      ...{ precondition: {}, nowMs: 0 },
      ...(claimedTerm !== undefined && { claimed: { region, feed: store.context.ownFeed, term } }),
    })
  })

async function follow(copy: TestStore, host: TestStore): Promise<void> {
  const after = copy.reader.feedState(slot, host.context.ownFeed).end
  const requests = [{ slot, after }]
  const [chunk] = readFeeds(host.reader, { requests, bytesMax: 1_000_000 })
  if (chunk?.kind !== 'chunk') throw new Error('the feed goes on')
  const { kind: _, ...body } = chunk
  await copy.commit(tx => applyChunk(tx, { type: 'chunk', dataset: 'things', ...body }))
}

const open = (self: TestRegion, placement: PlacementData, directory: string = self) =>
  openStore({ self, placement, directory })

/** A group moves from one store to the other, as the registrar has granted it. */
async function move(group: string, from: TestStore, to: TestStore, term: number): Promise<void> {
  const why = { kind: 'policy', writes: 0, atMs: 1 } as const
  const known = standingOf(from.reader, group, from.reader.recordHead(group))
  if (known.kind !== 'home') throw new Error('it is the home')
  const { self } = to.context
  await from.commit(tx => stopHome(tx, { group, term: known.home.term, to: self, why }))
  await follow(to, from)
  const region = { one: 1, two: 2, three: 3 }[self as TestRegion]
  const home = { region, feed: to.context.ownFeed, term }
  await to.commit(tx => takeHome(tx, { group, home }))
}

const damage = async (store: TestStore, name: string): Promise<void> => {
  const bytes = store.reader.recordBytes(name) as Uint8Array
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
  await store.engine.commit([{ key: recordRowKey(name), value: bytes }])
}

const codeOf = async (task: Promise<unknown>): Promise<string> => {
  try {
    await task
    return 'none'
  } catch (error) {
    if (error instanceof DenizenError) return error.code
    throw error
  }
}

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
  await damage(store, 'a')
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
  await damage(two, 'a')
  assert.equal(verifyRecords(two.reader, { after: null, max: 10, bytesMax: 1_000 }), {
    ...{ damaged: ['a'], next: null },
  })
  assert.is(verifyRecords(two.reader, { after: null, max: 1, bytesMax: 1_000 }).next, 'a')
  adopt(two, before, after, 'settle')
  const request = { slot, feed: feeds.one, after: 0, max: 100 }
  assert.equal(await two.commit(tx => adoptFeed(tx, request)), { next: 0, unsound: 'a' })
  await two.engine.commit([{ key: recordRowKey('a'), value: null }])
  assert.equal(await two.commit(tx => adoptFeed(tx, request)), { next: 0, unsound: 'a' }, 'lost')
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
  await damage(two, 'a')
  for (const phase of ['settle', 'after'] as const) {
    adopt(two, before, after, phase)
    const repair = (from: TestStore) =>
      two.commit(tx => repairRecord(tx, { key: 'a', copies: [copyOf(from.reader, { key: 'a' })] }))
    // Neither has come to the entry, as nobody can: it leads to what is damaged.
    assert.is(await repair(behind), 'unproven', phase)
    assert.is(await repair(three), 'repaired', phase)
    assert.equal(two.reader.recordBytes('a'), three.reader.recordBytes('a'))
    await damage(two, 'a')
  }
  await put(two, 'a')
  await damage(two, 'a')
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

/** Group `a` was written in region one, under a claim, and erased there; two knows of it. */
async function erasedInOne(both: PlacementData) {
  const [one, two] = [await open('one', both), await open('two', both)]
  await put(one, 'a', claimTerm(1, 1))
  await one.commit(tx => erase(tx, { group: 'a', nowMs: 1 }))
  await follow(two, one)
  const standing = (store: TestStore) => standingOf(store.reader, 'a', undefined)
  return { one, two, standing, over: claimTerm(1, 1) }
}

/** Whatever one is in, two may be a step behind or ahead. */
const steps = [...phases, 'after'] as const
const besides = (index: number) => steps.slice(Math.max(0, index - 1), index + 2)

test('a region that erased a group, and leaves, tells of it only while nobody may claim it', async () => {
  const both = of(['one', 'two'])
  const { one, two, standing, over } = await erasedInOne(both)
  const answers: string[] = []
  steps.forEach((here, index) => {
    adopt(one, both, of(['two']), here)
    const { kind } = standing(one)
    if (kind === 'home') answers.push(here)
    for (const there of besides(index)) {
      adopt(two, both, of(['two']), there)
      if (kind === 'home') assert.is(standing(two).kind, 'elsewhere', `${here}, ${there}`)
    }
  })
  assert.equal(answers, ['prepare', 'copy', 'transfer'])
  assert.equal(standing(two), { kind: 'homeless', over })
  const claims = [{ group: 'a', region: 2, feed: feeds.two, over }]
  const [home] = await two.commit(tx => claim(tx, { epoch: 2, claims }))
  assert.is((await put(two, 'a', home?.term)).kind, 'written')
})

test('a region that left, and comes back, tells nothing of what it erased before', async () => {
  const [both, alone] = [of(['one', 'two']), of(['two'])]
  const { one, two, standing, over } = await erasedInOne(both)
  const left = following(both, alone)
  const back = following(left, both, 3)
  assert.equal(back.since, { one: 3 })
  steps.forEach((here, index) => {
    adopt(one, left, back, here)
    assert.equal(standing(one), { kind: 'homeless', over }, here)
    for (const there of besides(index)) {
      adopt(two, left, back, there)
      assert.equal(standing(two), { kind: 'homeless', over }, `${here}, ${there}`)
    }
  })
  // Whoever is first at the registrar is home, and one is again only by a claim.
  assert.equal(lookup(two.reader, { groups: ['a'] }), [null])
  const [byTwo, byOne] = [
    { group: 'a', region: 2, feed: feeds.two, over },
    { group: 'a', region: 1, feed: feeds.one, over },
  ]
  const granted = await two.commit(tx => claim(tx, { epoch: 3, claims: [byTwo, byOne] }))
  assert.equal(granted[1], granted[0])
  assert.is((await put(two, 'a', granted[0]?.term)).kind, 'written')
})

test('what a region erases after it has come back, it tells as ever', async () => {
  const [both, alone] = [of(['one', 'two']), of(['two'])]
  const back = following(following(both, alone), both, 3)
  const store = await open('one', both)
  Object.assign(store.context, { placement: new Placement(back, hasher) })
  await put(store, 'a', claimTerm(3, 1))
  await store.commit(tx => erase(tx, { group: 'a', nowMs: 1 }))
  assert.equal(standingOf(store.reader, 'a', undefined), {
    ...{ kind: 'home', home: { region: 'one', term: claimTerm(3, 1) }, isErased: true },
  })
})

test('what a region was granted before it left counts for nothing once it is back', async () => {
  const [both, alone] = [of(['one', 'two']), of(['two'])]
  const store = await open('one', both)
  const claims = [{ group: 'a', region: 1, feed: feeds.one }]
  const [before] = await store.commit(tx => claim(tx, { epoch: 1, claims }))
  adopt(store, following(both, alone), following(following(both, alone), both, 3), 'after')
  assert.is(await codeOf(put(store, 'a', before?.term)), 'stale_policy', 'an answer that came late')
  assert.equal(lookup(store.reader, { groups: ['a'] }), [null])
  const [after] = await store.commit(tx => claim(tx, { epoch: 3, claims }))
  assert.is((await put(store, 'a', after?.term)).kind, 'written')
})

test.run()
