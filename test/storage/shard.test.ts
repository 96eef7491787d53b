/** The shard behind its port: group commit, failed requests, the last residency check, its end. */

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/model/bytes.ts'
import { DenizenError } from '../../src/model/errors.ts'
import type { Key } from '../../src/model/key.ts'
import { limits } from '../../src/model/limits.ts'
import { feedNumber, generationOf } from '../../src/model/position.ts'
import { RegionNumbers } from '../../src/model/slot.ts'
import { type NodeOperations, nodeHandlers } from '../../src/node/shard-operations.ts'
import type { FeedChunk } from '../../src/replication/messages.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import { createMemoryEngineKind, type MemoryEngineKind } from '../../src/storage/memory-engine.ts'
import { encodeRecord } from '../../src/storage/record.ts'
import { type Growth, Shard } from '../../src/storage/shard.ts'
import { ShardClient } from '../../src/storage/shard-client.ts'
import type { ShardReply } from '../../src/storage/shard-requests.ts'
import { changesOperation, type StorePoint } from '../../src/storage/store-changes.ts'
import { inProcessShard } from '../support/in-process-shard.ts'
import { dataset, hasher, policy, tableOf } from '../support/policies.ts'
import { erasureKey } from '../support/store.ts'

const regions = ['one', 'two']
const data = policy(regions, [
  dataset('things', regions, { homing: { kind: 'pinned', region: 'one' }, slots: 2 }),
])
const turns = async (count = 10): Promise<void> => {
  for (let n = 0; n < count; n++) await new Promise(resolve => setImmediate(resolve))
}

async function open(kind: MemoryEngineKind, self = 'one', roomBytes?: () => number) {
  const growth: Growth[] = []
  const failures: string[] = []
  const shards = new ShardClient<NodeOperations>({
    ports: [inProcessShard(kind, queueMicrotask, queueMicrotask, roomBytes)],
    stores: [{ dataset: 'things', store: 0, directory: 'd' }],
    onGrowth: one => growth.push(one),
    onBug: trace => failures.push(trace),
    onViolation: () => failures.push('violation'),
    onFatal: trace => failures.push(trace),
  })
  await shards.open({
    ...{ policy: data, policyEpoch: 1, self },
    regionNumbers: { one: 1, two: 2 },
    ownFeed: feedNumber(self === 'one' ? 1 : 2, 1),
    registrarEpochs: {},
    erasureKey,
  })
  shards.awaitGrowth()
  const put = (key: string, text = 'x') =>
    shards.callStore('things', 0, 'write', {
      key: key as Key,
      value: { bytes: utf8(text), mediaType: '' },
      precondition: {},
      nowMs: 0,
    })
  const get = (key: string) =>
    shards.callStore('things', 0, 'read', { key: key as Key, as: 'home', seen: [], nowMs: 0 })
  return { shards, growth, failures, put, get }
}

/** What a promise has come to by now. */
function watch(task: Promise<unknown>): { state: 'waits' | 'done' | DenizenError } {
  const watched: ReturnType<typeof watch> = { state: 'waits' }
  task.then(
    () => {
      watched.state = 'done'
    },
    error => {
      watched.state = error
    },
  )
  return watched
}

const manual = (): MemoryEngineKind => createMemoryEngineKind({ whenToFlush: () => {} })

const commits = suite('shard: group commit')

commits('no reply, no growth and nothing to read before the flush; then all together', async () => {
  const kind = manual()
  const { put, get, growth } = await open(kind)
  const first = watch(put('a'))
  await turns()
  const rest = ['b', 'c', 'd'].map(key => watch(put(key)))
  await turns()
  assert.is(kind.waitingCommits('d'), 1, 'the later ones gather')
  assert.equal(
    [first, ...rest].map(({ state }) => state),
    ['waits', 'waits', 'waits', 'waits'],
  )
  assert.equal(growth, [])
  assert.is((await get('a')).kind, 'absent')
  kind.flush('d')
  await turns()
  assert.is(first.state, 'done')
  assert.is((await get('a')).kind, 'found')
  assert.equal(
    rest.map(({ state }) => state),
    ['waits', 'waits', 'waits'],
  )
  assert.is(kind.waitingCommits('d'), 1, 'one commit for the three')
  kind.flush('d')
  await turns()
  assert.equal(
    rest.map(({ state }) => state),
    ['done', 'done', 'done'],
  )
  assert.is((await get('d')).kind, 'found')
})

commits('what would be too large for the log becomes several commits', async () => {
  const kind = manual()
  const { put, get } = await open(kind)
  const keys = Array.from({ length: 9 }, (_, n) => `large ${n}`)
  const writes = keys.map(key => watch(put(key, 'x'.repeat(limits.logCommitBytesMax / 8))))
  let before = 0
  for (let flushes = 0; before < keys.length; flushes++) {
    assert.ok(flushes < 10, 'each flush makes some of them durable')
    kind.flush('d')
    await turns()
    const done = writes.filter(({ state }) => state === 'done').length
    assert.ok(done - before <= 5, 'a half of it, and one more')
    before = done
  }
  for (const key of keys) assert.is((await get(key)).kind, 'found')
})

commits('growth is there to be asked for when a write is answered', async () => {
  const { put, shards, growth } = await open(createMemoryEngineKind())
  const counts: number[] = []
  await Promise.all(
    ['a', 'b', 'c'].map(async key => {
      await put(key)
      shards.receiveGrowth()
      counts.push(growth.flatMap(({ ends }) => ends).length)
    }),
  )
  assert.ok(counts.every(count => count > 0))
  shards.receiveGrowth()
  assert.is(growth.flatMap(({ ends }) => ends).length, counts.at(-1), 'nothing is told twice')
})

commits('growth is told before the reply', async () => {
  const kind = manual()
  const { put, growth } = await open(kind)
  let toldBefore = false
  const written = put('a').then(() => {
    toldBefore = growth.length === 1
  })
  await turns()
  kind.flush('d')
  await written
  assert.ok(toldBefore)
})

commits('who watches hears of a change once it can be read, and not before', async () => {
  const kind = manual()
  const { put, get, shards } = await open(kind)
  const ask = (since: StorePoint | null, wait: boolean) =>
    shards.callStore('things', 0, changesOperation, { since, wait })
  const begun = await ask(null, false)
  assert.ok(begun.kind === 'changes')
  let heard: readonly string[] = []
  const told = ask(begun.upTo, true).then(async reply => {
    if (reply.kind === 'changes') heard = reply.keys
    assert.is((await get('a')).kind, 'found')
  })
  void put('a')
  await turns()
  assert.equal(heard, [])
  kind.flush('d')
  await told
  assert.equal(heard, ['a'])
})

commits('a request that fails leaves nothing, and harms no other of the same commit', async () => {
  const kind = manual()
  const { put, get, shards, failures } = await open(kind)
  const feed = feedNumber(2, 1)
  const position = 2 ** 32 + 1
  const [slot, key] = [tableOf(data).byId('things')?.slotOf('b') ?? 0, 'b']
  const record = encodeRecord(hasher, key, {
    ...{ version: { term: 1, seq: position }, feed, tombstone: false },
    ...{ shared: false, expiresAtMs: 0 },
    ...{ mediaType: '', value: utf8('x') },
  })
  const good = { position, kind: 1, text: key, bytes: record } as const
  const halfGood: FeedChunk = {
    type: 'chunk',
    ...{ dataset: 'things', slot, feed, after: 0, to: position + 1 },
    ...{ complete: true, bytes: 0 },
    items: [good, { ...good, position: position + 1, bytes: new Uint8Array(60) }],
  }
  const running = watch(put('first'))
  await turns()
  const around = [
    watch(put('a')),
    watch(shards.callStore('things', 0, 'applyChunk', halfGood)),
    watch(put('c')),
  ]
  kind.flush('d')
  await turns()
  kind.flush('d')
  await turns()
  const [a, failed, c] = around.map(({ state }) => state)
  assert.equal([running.state, a, c], ['done', 'done', 'done'])
  assert.ok(failed instanceof DenizenError && failed.code === 'damaged_record')
  assert.equal(await Promise.all(['a', 'b', 'c'].map(async one => (await get(one)).kind)), [
    'found',
    'absent',
    'found',
  ])
  const states = await shards.callStore('things', 0, 'feedStates', {})
  assert.ok(states.every(state => state.feed === feedNumber(1, 1)))
  assert.equal(failures, [])
})

commits.run()

const ends = suite('shard: crashes and closing')

ends('a crash loses nothing that was acknowledged', async () => {
  for (const landed of [false, true]) {
    const kind = manual()
    const before = await open(kind)
    const acknowledged = before.put('a')
    await turns()
    kind.flush('d')
    await acknowledged
    const lost = watch(before.put('b'))
    await turns()
    kind.crash('d', { landed })
    await turns()
    assert.is(lost.state, 'waits', 'nobody was told')
    const after = await open(kind)
    assert.is((await after.get('a')).kind, 'found')
    assert.is((await after.get('b')).kind, landed ? 'found' : 'absent')
  }
})

ends('a position is never given out twice, whether the last one landed or not', async () => {
  for (const landed of [false, true]) {
    const kind = manual()
    const before = await open(kind)
    const written = before.put('a')
    await turns()
    kind.flush('d')
    const first = await written
    void before.put('a', '2')
    await turns()
    kind.crash('d', { landed })
    const after = await open(kind)
    const again = after.put('a', '3')
    await turns()
    kind.flush('d')
    const second = await again
    assert.ok(first.kind === 'written' && second.kind === 'written')
    assert.is(generationOf(first.version.seq), 1)
    assert.is(generationOf(second.version.seq), 2)
  }
})

ends('closing waits for what is being committed, and refuses what comes later', async () => {
  const kind = manual()
  const { put, shards } = await open(kind)
  const running = watch(put('a'))
  await turns()
  const queued = watch(put('b'))
  await turns()
  const closing = watch(shards.close())
  await turns()
  assert.equal([running.state, queued.state, closing.state], ['waits', 'waits', 'waits'])
  kind.flush('d')
  await turns()
  kind.flush('d')
  await turns()
  assert.equal([running.state, queued.state, closing.state], ['done', 'done', 'done'])
  const late = watch(put('c'))
  await turns()
  assert.ok(late.state instanceof DenizenError && late.state.code === 'not_ready')
})

ends('a disk that fails stops the shard: nothing is answered, all else is refused', async () => {
  const kind = manual()
  const { put, get, failures } = await open(kind)
  const written = watch(put('a'))
  await turns()
  kind.failNextFlush('d')
  kind.flush('d')
  await turns()
  assert.is(written.state, 'waits')
  assert.is(failures.length, 1)
  const read = watch(get('a'))
  await turns()
  assert.ok(read.state instanceof DenizenError && read.state.code === 'not_ready')
})

ends('a full disk refuses values first, then all, and nothing once there is room', async () => {
  let roomBytes = limits.diskReserveBytes + 100
  const { shards, put, get, failures } = await open(
    createMemoryEngineKind(),
    'one',
    () => roomBytes,
  )
  const remove = (key: string) =>
    shards.callStore('things', 0, 'write', {
      ...{ key: key as Key, value: undefined, precondition: {}, nowMs: 0 },
    })
  const code = (task: Promise<unknown>): Promise<unknown> =>
    task.then(
      () => 'done',
      (error: unknown) => (error instanceof DenizenError ? error.code : error),
    )
  assert.is(await code(put('a')), 'done')
  const together = [put('b'), put('c'), put('d')].map(code)
  assert.equal(await Promise.all(together), ['done', 'done', 'disk_full'], 'it counts')
  roomBytes = limits.diskReserveBytes - 1
  assert.equal(await Promise.all([put('e'), remove('b')].map(code)), ['disk_full', 'done'])
  roomBytes = limits.diskLastReserveBytes - 1
  assert.is(await code(remove('c')), 'disk_full')
  assert.is(await code(get('a')), 'done')
  roomBytes = limits.diskReserveBytes + 100
  assert.is(await code(put('e')), 'done')
  assert.equal(failures, [])
})

ends('what this region may not store is refused at the last step, too', async () => {
  const engine = await createMemoryEngineKind().open('d')
  const placement = tableOf(data).byId('things')
  assert.ok(placement)
  let permitted = true
  const replies: ShardReply[] = []
  const shard = new Shard({
    handlers: nodeHandlers,
    random: systemRandom,
    mayStore: () => permitted,
    onGrowth: () => {},
    onBug: error => assert.unreachable(String(error)),
    onFatal: error => assert.unreachable(String(error)),
  })
  const regionNumbers = new RegionNumbers({ one: 1, two: 2 })
  const own = { self: 'one', ownFeed: feedNumber(1, 1), hashOfGroup: String }
  const context = { hasher, placement, ...own }
  shard.open('things', 0, engine, { ...context, regions: regionNumbers })
  permitted = false
  const body = { key: 'a', value: { bytes: utf8('x'), mediaType: '' }, precondition: {} }
  shard.submit([{ id: 1, dataset: 'things', store: 0, name: 'write', body }], some =>
    replies.push(...some),
  )
  await turns()
  const [reply] = replies
  assert.ok(reply && 'error' in reply && reply.error.code === 'residency_violation')
  assert.is(engine.sizeBytes(), 0)
})

ends('a commit that follows another takes all that have gathered', async () => {
  const kind = manual()
  const engine = await kind.open('d')
  const [placement] = tableOf(data).placements
  if (!placement) throw new Error('the policy has a dataset')
  const ends: (() => void)[] = []
  const shard = new Shard({
    handlers: nodeHandlers,
    random: systemRandom,
    onGrowth: () => {},
    onBug: () => {},
    onFatal: () => {},
    mayStore: () => true,
    gather: () => new Promise(resolve => ends.push(resolve)),
  })
  const regionNumbers = new RegionNumbers({ one: 1, two: 2 })
  const own = { self: 'one', ownFeed: feedNumber(1, 1), hashOfGroup: String }
  const context = { hasher, placement, ...own }
  shard.open('things', 0, engine, { ...context, regions: regionNumbers })
  const replies: number[] = []
  const submit = (id: number): void => {
    const value = { bytes: utf8('x'), mediaType: '' }
    const body = { key: `${id}`, value, precondition: {}, nowMs: 0 }
    shard.submit([{ id, dataset: 'things', store: 0, name: 'write', body }], some =>
      replies.push(...some.map(({ id: of }) => of)),
    )
  }
  submit(1)
  assert.is(kind.waitingCommits('d'), 1, 'the first one begins at once')
  submit(2)
  kind.flush('d')
  await turns()
  assert.equal([replies, kind.waitingCommits('d'), ends.length], [[1], 0, 1])
  submit(3)
  ends.pop()?.()
  await turns()
  assert.is(kind.waitingCommits('d'), 1)
  kind.flush('d')
  await turns()
  assert.equal(replies, [1, 2, 3])
})

ends.run()
