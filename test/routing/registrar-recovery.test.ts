/** A registrar that was restored from a backup enters again what it had granted since. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/model/bytes.ts'
import { claimTerm, termInEpoch } from '../../src/model/version.ts'
import { stopHome, takeHome } from '../../src/movement/move-rows.ts'
import { claim, lookup } from '../../src/routing/registrar.ts'
import {
  type ClaimedGroup,
  claimedHomes,
  enterHomes,
  skipClaims,
} from '../../src/routing/registrar-recovery.ts'
import type { HomeMarker } from '../../src/storage/home-marker.ts'
import { newFeed } from '../../src/storage/row-values.ts'
import { feeds, openStore, type TestStore } from '../support/store.ts'

const slot = 0

/** Region two writes under a claim: a record alone, or with a home marker. */
async function writeClaimed(home: TestStore, key: string, term: number): Promise<void> {
  const feed = feeds.two
  await home.commit(store => {
    const seq = store.appendPosition(slot)
    const flags = { tombstone: false, shared: false, expiresAtMs: 0 }
    const record = { version: { term, seq }, feed, ...flags, mediaType: '', value: utf8('v') }
    store.writeRecord(slot, key, record, undefined)
    if (store.context.placement.data.groupBySegments === null || term === 0) return
    const [group = key] = key.split('/')
    const position = store.appendPosition(slot)
    store.putHomeMarker(slot, group, { region: 2, feed, term, position })
  })
}

for (const groupBySegments of [null, 1]) {
  const placement = { slots: 1, groupBySegments }
  const kind = groupBySegments === null ? 'whole keys' : 'groups with markers'

  test(`${kind}: what a home reports is not given to anybody else`, async () => {
    const home = await openStore({ placement, self: 'two' })
    const keys = groupBySegments === null ? ['g', 'h'] : ['g/1', 'h/1']
    await writeClaimed(home, keys[0] as string, claimTerm(1, 7))
    await writeClaimed(home, keys[1] as string, claimTerm(1, 3))
    await writeClaimed(home, 'computed', 0)
    const registrar = await openStore({ placement })
    const groups: ClaimedGroup[] = []
    for (let after: number | null = 0; after !== null; ) {
      const page = claimedHomes(home.reader, { slot, after, entriesMax: 1 })
      groups.push(...page.groups)
      after = page.next
    }
    assert.equal(groups.map(({ group }) => group).sort(), ['g', 'h'])
    await registrar.commit(store => enterHomes(store, { region: 'two', feed: feeds.two, groups }))
    await registrar.commit(store => skipClaims(store, { slot, epoch: 1 }))
    const claims = ['g', 'h', 'new'].map(group => ({ group, region: 3, feed: feeds.three }))
    const homes = await registrar.commit(store => claim(store, { epoch: 1, claims }))
    assert.equal(
      homes.map(({ region }) => region),
      [2, 2, 3],
    )
    assert.ok(termInEpoch(homes[2]?.term ?? 0).n > 1_000, 'no term of a forgotten claim')
  })
}

test('an older report does not replace a later claim', async () => {
  const registrar = await openStore({ placement: { slots: 1 } })
  const claims = [{ group: 'g', region: 3, feed: feeds.three }]
  const [standing] = await registrar.commit(store => claim(store, { epoch: 2, claims }))
  const groups = [{ group: 'g', term: claimTerm(1, 9) }]
  await registrar.commit(store => enterHomes(store, { region: 'two', feed: feeds.two, groups }))
  assert.equal(lookup(registrar.reader, { groups: ['g'] }), [standing])
})

test('a move that a registrar has forgotten stands once the new home has reported', async () => {
  for (const order of [
    ['one', 'two'],
    ['two', 'one'],
  ] as const) {
    const placement = { slots: 1 }
    const [before, after] = [claimTerm(1, 1), claimTerm(1, 2)]
    const one = await openStore({ placement, self: 'one' })
    const two = await openStore({ placement, self: 'two' })
    const why = { kind: 'operator', writes: 0, atMs: 0 } as const
    await one.commit(store => {
      const version = { term: before, seq: store.appendPosition(slot) }
      const flags = { tombstone: false, shared: false, expiresAtMs: 0 }
      const value = { mediaType: '', value: utf8('v') }
      store.writeRecord(slot, 'g', { version, feed: feeds.one, ...flags, ...value }, undefined)
      assert.ok(stopHome(store, { group: 'g', term: before, to: 'two', why }))
    })
    const marker = one.reader.homeMarker('g') as HomeMarker
    const home = { region: 2, feed: feeds.two, term: after }
    await two.commit(store => {
      store.putHomeMarker(slot, 'g', marker)
      assert.is(takeHome(store, { group: 'g', home }), undefined, 'it lacks the last writes')
      const complete = { end: marker.position, complete: marker.position }
      store.putFeedState(slot, feeds.one, { ...newFeed, ...complete })
    })
    const taken = await two.commit(store => takeHome(store, { group: 'g', home }))
    assert.equal(taken, { region: 'two', term: after })
    const registrar = await openStore({ placement, self: 'three' })
    for (const region of order) {
      const from = region === 'one' ? one : two
      const { groups } = claimedHomes(from.reader, { slot, after: 0, entriesMax: 99 })
      const report = { region, feed: feeds[region], groups }
      await registrar.commit(store => enterHomes(store, report))
    }
    assert.equal(lookup(registrar.reader, { groups: ['g'] }), [home])
  }
})

test.run()
