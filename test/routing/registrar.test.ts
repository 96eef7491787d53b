import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DenizenError } from '../../src/model/errors.ts'
import { claimTerm } from '../../src/model/version.ts'
import { claim, lookup } from '../../src/routing/registrar.ts'
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

test.run()
