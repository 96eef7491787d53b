/** Values that are kept at hand: never older than what is committed, never told where forbidden. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type HasSeenRequest, hasSeen, read } from '../../src/execution/operations/read.ts'
import { write } from '../../src/execution/operations/write.ts'
import { utf8 } from '../../src/model/bytes.ts'
import type { Key } from '../../src/model/key.ts'
import type { PlacementData, PlacementTable } from '../../src/model/placement.ts'
import type { NodeOperations } from '../../src/node/shard-operations.ts'
import type { FoundNow } from '../../src/routing/found-now.ts'
import { HotReads } from '../../src/routing/hot-reads.ts'
import { type IsEverywhere, Session, tokenOf, tokenOfRest } from '../../src/routing/session.ts'
import { SessionTokens } from '../../src/routing/session-tokens.ts'
import { EngineFailure } from '../../src/storage/engine.ts'
import { LocalReads } from '../../src/storage/local-reads.ts'
import { createMemoryEngineKind } from '../../src/storage/memory-engine.ts'
import { ShardClient } from '../../src/storage/shard-client.ts'
import { damageRecord } from '../support/damage.ts'
import { manualClock } from '../support/manual-clock.ts'
import { dataset, policy, tableOf } from '../support/policies.ts'
import { feeds, openStore, regions, type TestRegion, type TestStore } from '../support/store.ts'

const pinned = { slots: 1, homing: { kind: 'pinned', region: 'one' } } as const
const key = 'a' as Key
const mac = (): string => 'm'.repeat(22)

interface World {
  readonly store: TestStore
  readonly clock: ReturnType<typeof manualClock>
  readonly kind: ReturnType<typeof createMemoryEngineKind>
  /** What the store was asked for so far. */
  readonly read: Key[]
  readonly failures: unknown[]
  table: PlacementTable
  ageMs: number | undefined
  isEverywhere: IsEverywhere
  find(key: Key, token?: string): FoundNow | undefined
  put(key: Key, text: string | undefined, ttlMs?: number): Promise<unknown>
}

const tableWith = (placement: Partial<PlacementData>): PlacementTable =>
  tableOf(policy(regions, [dataset('things', regions, { ...pinned, ...placement })]))

/** The store of `one`, which is the home of all; `self` reads it. */
async function open(self: TestRegion = 'one'): Promise<World> {
  const kind = createMemoryEngineKind()
  const store = await openStore({ placement: pinned, kind })
  const reading = await openStore({ placement: pinned, kind, self })
  const clock = manualClock()
  const found: Key[] = []
  const failures: unknown[] = []
  const reads = new LocalReads({
    reads: {
      read(reader, body) {
        const request = body as Parameters<typeof read>[1]
        found.push(request.key)
        return read(reader, request)
      },
      hasSeen(reader, body) {
        const { slot, seen, whole } = body as HasSeenRequest
        return hasSeen(reader, slot, seen, whole)
      },
    },
    readerOf: () => reading.reader,
    onBug: error => failures.push(error),
    onFatal: error => failures.push(error),
  })
  const shards = new ShardClient<NodeOperations>({
    ...{ ports: [], stores: [{ dataset: 'things', store: 0, directory: 'store' }], reads },
    ...{ onGrowth() {}, onBug() {}, onViolation() {}, onFatal() {} },
  })
  const hotReads = new HotReads({
    ...{ self, shards, clock, table: () => world.table },
    topology: { self, byNearness: [self], reachable: () => true, passes: () => true },
    freshness: { stalenessMs: () => world.ageMs },
    sessions: new SessionTokens(mac, (...of) => world.isEverywhere(...of)),
  })
  let last: FoundNow | undefined
  const world: World = {
    ...{ store, clock, kind, read: found, failures, table: tableWith({}), ageMs: 0 },
    isEverywhere: () => false,
    find(wanted, token) {
      const found = hotReads.find('things', wanted, token, last)
      last = found ?? last
      return found
    },
    put: (written, text, ttlMs) =>
      store.commit(transaction =>
        write(transaction, {
          ...{ key: written, precondition: {}, nowMs: clock.wallMs() },
          value:
            text === undefined
              ? undefined
              : { bytes: utf8(text), mediaType: 'text/plain', ...(ttlMs && { ttlMs }) },
        }),
      ),
  }
  return world
}

const textOf = (now: FoundNow | undefined): string | undefined =>
  now && new TextDecoder().decode(now.found.value)

const hot = suite('hot reads')

hot('what was found is told again, unread, until something is committed', async () => {
  const world = await open()
  await world.put(key, '1')
  const first = world.find(key)
  assert.is(textOf(first), '1')
  const position = first?.found.version.seq ?? 0
  assert.is(first?.found.session, tokenOf(mac, 'things', { slot: 0, feed: feeds.one, position }))
  assert.equal(first?.receipt, { home: 'one', servedBy: 'one', role: 'home', stalenessMs: 0 })
  assert.is(world.find(key)?.found, first?.found)
  assert.is(world.read.length, 1)
  await world.put('b' as Key, '1')
  assert.is(world.find(key)?.found, first?.found, 'read again, and the same')
  assert.is(world.read.length, 2)
  for (let n = 2; n < 20; n++) {
    await world.put(key, `${n}`)
    assert.is(textOf(world.find(key)), `${n}`)
    assert.is(textOf(world.find(key)), `${n}`)
  }
  assert.is(world.read.length, 20)
})

hot('nothing is told before its commit', async () => {
  const world = await open()
  await world.put(key, 'old')
  assert.is(textOf(world.find(key)), 'old')
  const committed = world.put(key, 'new')
  assert.is(textOf(world.find(key)), 'old')
  await committed
  assert.is(textOf(world.find(key)), 'new')
})

hot('what was deleted, has expired or never was is not found', async () => {
  const world = await open()
  assert.is(world.find(key), undefined)
  await world.put(key, '1')
  assert.is(textOf(world.find(key)), '1')
  await world.put(key, undefined)
  assert.is(world.find(key), undefined)
  await world.put(key, '2', 1_000)
  assert.is(textOf(world.find(key)), '2')
  world.clock.advance(999)
  assert.is(textOf(world.find(key)), '2')
  world.clock.advance(1)
  assert.is(world.find(key), undefined)
})

hot('a policy that takes the right away is heeded at once', async () => {
  const world = await open()
  await world.put(key, '1')
  assert.is(textOf(world.find(key)), '1')
  const others = regions.filter(region => region !== 'one')
  world.table = tableWith({ serve: others })
  assert.is(world.find(key), undefined)
  world.table = tableWith({ home: others, store: others })
  assert.is(world.find(key), undefined)
  world.table = tableWith({ prefix: 'b/' })
  assert.is(world.find(key), undefined)
  world.table = tableWith({})
  assert.is(textOf(world.find(key)), '1')
})

hot('a replica says each time how old it is now', async () => {
  const world = await open('two')
  await world.put(key, '1')
  world.ageMs = 7
  const first = world.find(key)
  assert.equal(first?.receipt, { home: 'one', servedBy: 'two', role: 'replica', stalenessMs: 7 })
  world.ageMs = 8
  const second = world.find(key)
  assert.is(second?.receipt.stalenessMs, 8)
  assert.is(second?.found, first?.found)
  assert.is(world.read.length, 1)
})

hot('what is damaged is left to who can repair it', async () => {
  const world = await open()
  await world.put(key, '1')
  await damageRecord(world.store.engine, key)
  assert.is(world.find(key), undefined)
})

hot('a store that has failed tells nothing more', async () => {
  const world = await open()
  await world.put(key, '1')
  assert.is(textOf(world.find(key)), '1')
  world.kind.crash('store')
  assert.is(world.find(key), undefined)
  assert.instance(world.failures[0], EngineFailure)
})

hot('what was found of one key is not told of another', async () => {
  const world = await open()
  await world.put(key, '1')
  await world.put('b' as Key, '2')
  for (const [name, text] of Object.entries({ a: '1', b: '2', c: undefined })) {
    assert.is(textOf(world.find(name as Key)), text)
  }
})

const at = (position: number, feed = feeds.one) => ({ slot: 0, feed, position })
const seqOf = (now: FoundNow | undefined): number => now?.found.version.seq ?? 0

hot(
  'a session goes on from its token, and is told the same one where that says it all',
  async () => {
    const world = await open()
    await world.put(key, '1')
    const seq = seqOf(world.find(key))
    const other = tokenOf(mac, 'elsewhere', at(7))
    const first = world.find(key, other)
    const session = Session.decode(mac, first?.session)
    assert.equal(session.seen('things', 0), [{ feed: feeds.one, position: seq }])
    assert.equal(session.seen('elsewhere', 0), [{ feed: feeds.one, position: 7 }])
    assert.is(world.find(key, first?.session)?.session, first?.session)
    assert.is(world.find(key)?.session, tokenOf(mac, 'things', at(seq)), 'and a new one is new')
    assert.is(world.read.length, 1, 'kept for all of them')
    const ahead = tokenOf(mac, 'things', at(seq + 1_000))
    assert.is(textOf(world.find(key, ahead)), '1', 'a home has all that there is')
    for (const strange of ['', 'no token', `n${other.slice(1)}`])
      assert.is(world.find(key, strange), undefined)
  },
)

hot('what has become complete everywhere is left out after a while', async () => {
  const world = await open()
  await world.put(key, '1')
  const token = world.find(key)?.session
  world.isEverywhere = () => true
  assert.is(world.find(key, token)?.session, tokenOfRest(mac))
  world.isEverywhere = () => false
  const named = world.find(key, tokenOfRest(mac))?.session
  assert.ok(Session.decode(mac, named).hasRest)
  assert.is(world.find(key, named)?.session, named)
  world.isEverywhere = () => true
  assert.is(world.find(key, named)?.session, named)
  world.clock.advance(1_000)
  assert.is(world.find(key, named)?.session, tokenOfRest(mac))
})

hot('a replica answers the sessions of which it has all, and no others', async () => {
  const world = await open('two')
  await world.put(key, '1')
  const seq = seqOf(world.find(key))
  const [seen, ahead] = [seq, seq + 1].map(position => tokenOf(mac, 'things', at(position)))
  for (let n = 0; n < 2; n++) {
    assert.is(textOf(world.find(key, seen)), '1')
    assert.is(world.find(key, ahead), undefined)
  }
  await world.put('b' as Key, '1')
  assert.is(textOf(world.find(key, ahead)), '1', 'it has it now')
  const degraded = new Session()
  for (let slot = 0; slot < 500; slot++) degraded.add('d', { slot, feed: 1, position: 2 ** 40 })
  assert.is(
    world.find(
      key,
      degraded.encode(mac, () => false),
    ),
    undefined,
  )
})

hot('a replica in doubt about what it has leaves out nothing', async () => {
  const world = await open('two')
  await world.put(key, '1')
  const rest = tokenOfRest(mac)
  assert.is(textOf(world.find(key, rest)), '1')
  world.ageMs = undefined
  world.clock.advance(1_000)
  assert.is(world.find(key, rest), undefined)
  assert.is(textOf(world.find(key)), '1')
  world.ageMs = 3
  assert.is(textOf(world.find(key, rest)), '1')
  await world.store.commit(store => {
    const state = store.feedState(0, feeds.two)
    store.putFeedState(0, feeds.two, { ...state, end: state.complete + 1 })
  })
  assert.is(world.find(key, rest), undefined, 'the slot is between two states')
  assert.is(textOf(world.find(key)), '1')
})

hot.run()
