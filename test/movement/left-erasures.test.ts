/** Groups that were erased in a region that leaves the homes of their dataset, and comes back. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { standingOf } from '../../src/execution/home.ts'
import { erase } from '../../src/execution/operations/erase.ts'
import { listAtHome } from '../../src/execution/operations/list.ts'
import { Placement, type PlacementData } from '../../src/model/placement.ts'
import { phases } from '../../src/model/policy-change.ts'
import { claimTerm } from '../../src/model/version.ts'
import { claim, lookup } from '../../src/routing/registrar.ts'
import { codeOf } from '../support/code-of.ts'
import { hasher } from '../support/policies.ts'
import { feeds, type TestStore } from '../support/store.ts'
import { adopt, follow, following, of, open, put } from './policy-stores.ts'

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
  const goThrough = (from: PlacementData, to: PlacementData): void =>
    steps.forEach((here, index) => {
      adopt(one, from, to, here)
      assert.equal(standing(one), { kind: 'homeless', over }, here)
      for (const there of besides(index)) {
        adopt(two, from, to, there)
        assert.equal(standing(two), { kind: 'homeless', over }, `${here}, ${there}`)
      }
    })
  goThrough(left, back)
  const leftAgain = following(back, alone, 4)
  goThrough(back, leftAgain)
  goThrough(leftAgain, following(leftAgain, both, 5))
  // Whoever is first at the registrar is home, and one is again only by a claim.
  assert.equal(lookup(two.reader, { groups: ['a'] }), [null])
  const [byTwo, byOne] = [
    { group: 'a', region: 2, feed: feeds.two, over },
    { group: 'a', region: 1, feed: feeds.one, over },
  ]
  const granted = await two.commit(tx => claim(tx, { epoch: 5, claims: [byTwo, byOne] }))
  assert.equal(granted[1], granted[0])
  assert.is((await put(two, 'a', granted[0]?.term)).kind, 'written')
})

test('who is asked for a list by the ledger, and is no home any more, does not say that it is empty', async () => {
  const both = of(['one', 'two'])
  const { one, over } = await erasedInOne(both)
  const all = { prefix: '', after: undefined, limit: 9, bytesMax: 999, values: false, nowMs: 0 }
  const list = () => listAtHome(one.reader, { ...all, seen: [], group: 'a' })
  assert.equal(list(), { items: [], upTo: null })
  adopt(one, both, of(['two']), 'erase')
  assert.equal(list(), { kind: 'homeless', over })
})

test('a computed home that leaves erases nothing while its groups move', async () => {
  const [alone, other] = [of(['one']), of(['two'], { store: ['one', 'two'] })]
  const store = await open('one', alone)
  await put(store, 'a')
  const erasing = () => store.commit(tx => erase(tx, { group: 'a', nowMs: 1 }))
  adopt(store, alone, other, 'transfer')
  assert.equal(await erasing(), { kind: 'homeless', over: 0 })
  adopt(store, alone, other, 'copy')
  assert.is((await erasing()).kind, 'erased', 'all know of it before anybody may claim it')
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
