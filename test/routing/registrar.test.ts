import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DenizenError } from '../../src/model/errors.ts'
import { claimTerm } from '../../src/model/version.ts'
import { claim, lookup, moveHomes } from '../../src/routing/registrar.ts'
import { createMemoryEngineKind } from '../../src/storage/memory-engine.ts'
import { feeds, openStore } from '../support/store.ts'

const placement = { slots: 1 }
const by = (region: 1 | 2 | 3, group: string) => ({
  group,
  region,
  feed: region === 1 ? feeds.one : region === 2 ? feeds.two : feeds.three,
})

test('the first who asks is the home, whoever asks later', async () => {
  const store = await openStore({ placement })
  const [first] = await store.commit(tx => claim(tx, { epoch: 1, claims: [by(2, 'g')] }))
  assert.equal(first, { region: 2, feed: feeds.two, term: claimTerm(1, 1) })
  const claims = [by(1, 'g'), by(2, 'g'), by(3, 'g')]
  assert.equal(await store.commit(tx => claim(tx, { epoch: 1, claims })), [first, first, first])
  assert.equal(lookup(store.reader, { groups: ['h', 'g'] }), [null, first])
})

test('within one message the first wins, too, and each group has its own term', async () => {
  const store = await openStore({ placement })
  const claims = [by(1, 'a'), by(2, 'a'), by(2, 'b')]
  const homes = await store.commit(tx => claim(tx, { epoch: 1, claims }))
  assert.equal(
    homes.map(({ region, term }) => [region, term]),
    [
      [1, claimTerm(1, 1)],
      [1, claimTerm(1, 1)],
      [2, claimTerm(1, 2)],
    ],
  )
})

test('a restart keeps entries and counter: no term is given twice', async () => {
  const kind = createMemoryEngineKind()
  const before = await openStore({ kind, placement })
  await before.commit(tx => claim(tx, { epoch: 1, claims: [by(1, 'a'), by(1, 'b')] }))
  const after = await openStore({ kind, placement })
  const claims = [by(2, 'a'), by(2, 'c')]
  const homes = await after.commit(tx => claim(tx, { epoch: 1, claims }))
  assert.equal(
    homes.map(({ region, term }) => [region, term]),
    [
      [1, claimTerm(1, 1)],
      [2, claimTerm(1, 3)],
    ],
  )
})

test('a new epoch counts from the start, above all terms of the last; an old one is a bug', async () => {
  const store = await openStore({ placement })
  await store.commit(tx => claim(tx, { epoch: 1, claims: [by(1, 'a'), by(1, 'b')] }))
  const [home] = await store.commit(tx => claim(tx, { epoch: 2, claims: [by(1, 'c')] }))
  assert.is(home?.term, claimTerm(2, 1))
  assert.ok(claimTerm(2, 1) > claimTerm(1, 2 ** 32 - 1))
  assert.throws(() => claim(store.begin(), { epoch: 1, claims: [by(1, 'd')] }), /epochs/)
})

test('a region that may not home is refused, and the message leaves nothing', async () => {
  const store = await openStore({ placement: { ...placement, home: ['one', 'two'] } })
  await store.commit(tx => {
    tx.savepoint()
    const claims = [by(1, 'a'), by(3, 'b')]
    assert.throws(
      () => claim(tx, { epoch: 1, claims }),
      (error: unknown) => error instanceof DenizenError && error.code === 'residency_violation',
    )
    tx.rollBack()
  })
  assert.equal(lookup(store.reader, { groups: ['a', 'b'] }), [null, null])
  assert.is(store.reader.claimCounter(0), undefined)
})

const moving = (region: 1 | 2 | 3, group: string, fromTerm: number) => ({
  ...by(region, group),
  fromTerm,
})

test('a move is a compare-and-set: one wins, and is answered the same when it asks again', async () => {
  const store = await openStore({ placement })
  const [first] = await store.commit(tx => claim(tx, { epoch: 1, claims: [by(1, 'g')] }))
  const fromTerm = first?.term ?? 0
  const moves = [moving(2, 'g', fromTerm), moving(1, 'g', fromTerm), moving(2, 'g', fromTerm)]
  const homes = await store.commit(tx => moveHomes(tx, { epoch: 1, moves }))
  const won = { region: 2, feed: feeds.two, term: claimTerm(1, 2), moved: true } as const
  assert.equal(homes, [won, won, won])
  assert.equal(lookup(store.reader, { groups: ['g'] }), [won])
  const [late] = await store.commit(tx => claim(tx, { epoch: 1, claims: [by(3, 'g')] }))
  assert.equal(late, won, 'a claim is no way around it')
})

test('a move follows a home that the registrar knows, or that everybody computes', async () => {
  const claimed = await openStore({ placement })
  const moves = [moving(2, 'g', 0), moving(2, 'g', claimTerm(1, 9))]
  const unknown = await claimed.commit(tx => moveHomes(tx, { epoch: 1, moves }))
  assert.equal(unknown, [null, null])
  const homing = { kind: 'pinned', region: 'one' } as const
  const computed = await openStore({ placement: { ...placement, homing } })
  const [home] = await computed.commit(tx => moveHomes(tx, { epoch: 1, moves }))
  assert.equal(home, { region: 2, feed: feeds.two, term: claimTerm(1, 1), moved: true })
  const [again] = await computed.commit(tx =>
    moveHomes(tx, { epoch: 1, moves: [moving(1, 'g', 0)] }),
  )
  assert.equal(again, home, 'term 0 has been followed')
})

test('a region that may not home takes no group', async () => {
  const homing = { kind: 'pinned', region: 'one' } as const
  const store = await openStore({ placement: { ...placement, homing, home: ['one', 'two'] } })
  assert.throws(
    () => moveHomes(store.begin(), { epoch: 1, moves: [moving(3, 'g', 0)] }),
    (error: unknown) => error instanceof DenizenError && error.code === 'residency_violation',
  )
})

test.run()
