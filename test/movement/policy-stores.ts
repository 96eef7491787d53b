/** Stores that go through the phases of a change of the policy, each in its own time. */
import { standingOf } from '../../src/execution/home.ts'
import { write } from '../../src/execution/operations/write.ts'
import { utf8 } from '../../src/model/bytes.ts'
import type { Key } from '../../src/model/key.ts'
import { Placement, type PlacementData } from '../../src/model/placement.ts'
import {
  effectivePolicy,
  nextPolicy,
  type Phase,
  withEpochs,
} from '../../src/model/policy-change.ts'
import { stopHome, takeHome } from '../../src/movement/move-rows.ts'
import { applyChunk } from '../../src/replication/apply.ts'
import { readFeeds } from '../../src/replication/read-feeds.ts'
import { dataset, hasher, policy } from '../support/policies.ts'
import { openStore, regions, type TestRegion, type TestStore } from '../support/store.ts'

export const slot = 0
export const of = (home: readonly string[], changes: Partial<PlacementData> = {}): PlacementData =>
  dataset('things', home, { slots: 1, ...changes })

/** The store goes on under a phase of a change, or after it, as a node that adopts it. */
export function adopt(
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
export function following(from: PlacementData, to: PlacementData, epoch = 2): PlacementData {
  const current = policy(regions, [from])
  const next = nextPolicy(current, policy(regions, [to]))
  const [data] = withEpochs(current, next, new Map([['things', epoch]])).placements
  return data as PlacementData
}

export const put = (store: TestStore, name: string, claimedTerm?: number) =>
  store.commit(tx => {
    const region = { one: 1, two: 2, three: 3 }[store.context.self as TestRegion]
    const term = claimedTerm ?? 0
    return write(tx, {
      ...{ key: name as Key, value: { bytes: utf8('v'), mediaType: '' } },
      ...{ precondition: {}, nowMs: 0 },
      ...(claimedTerm !== undefined && { claimed: { region, feed: store.context.ownFeed, term } }),
    })
  })

export async function follow(copy: TestStore, host: TestStore): Promise<void> {
  const after = copy.reader.feedState(slot, host.context.ownFeed).end
  const requests = [{ slot, after }]
  const [chunk] = readFeeds(host.reader, { requests, bytesMax: 1_000_000 })
  if (chunk?.kind !== 'chunk') throw new Error('the feed goes on')
  const { kind: _, ...body } = chunk
  await copy.commit(tx => applyChunk(tx, { type: 'chunk', dataset: 'things', ...body }))
}

export const open = (self: TestRegion, placement: PlacementData, directory: string = self) =>
  openStore({ self, placement, directory })

/** A group moves from one store to the other, as the registrar has granted it. */
export async function move(
  group: string,
  from: TestStore,
  to: TestStore,
  term: number,
): Promise<void> {
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
