/** A scrub of a store that is written meanwhile: it finds what is wrong, and nothing else. */

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/model/bytes.ts'
import type { Key } from '../../src/model/key.ts'
import { feedNumber } from '../../src/model/position.ts'
import type { NodeOperations } from '../../src/node/shard-operations.ts'
import { createMemoryEngineKind } from '../../src/storage/memory-engine.ts'
import { rowKeys } from '../../src/storage/rows.ts'
import type { ScrubReply } from '../../src/storage/scrub.ts'
import { ShardClient } from '../../src/storage/shard-client.ts'
import { damageRecord } from '../support/damage.ts'
import { inProcessShard } from '../support/in-process-shard.ts'
import { dataset, policy } from '../support/policies.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { erasureKey } from '../support/store.ts'

const pinned = { homing: { kind: 'pinned', region: 'one' }, slots: 4 } as const
const keyOf = (n: number): Key => `k${String(n).padStart(3, '0')}` as Key

async function open() {
  const kind = createMemoryEngineKind()
  const fail = (trace: string): never => assert.unreachable(trace) as never
  const shards = new ShardClient<NodeOperations>({
    ports: [inProcessShard(kind)],
    stores: [{ dataset: 'things', store: 0, directory: 'd' }],
    onGrowth: () => {},
    ...{ onBug: fail, onFatal: fail, onViolation: () => fail('a violation') },
  })
  await shards.open({
    policy: policy(['one'], [dataset('things', ['one'], pinned)]),
    ...{ policyEpoch: 1, self: 'one', regionNumbers: { one: 1 }, ownFeed: feedNumber(1, 1) },
    registrarEpochs: {},
    erasureKey,
  })
  const write = (n: number, text: string | undefined, precondition = {}) =>
    shards.callStore('things', 0, 'write', {
      key: keyOf(n),
      value: text === undefined ? undefined : { bytes: utf8(text), mediaType: '' },
      ...{ precondition, nowMs: 0 },
    })
  return { engine: await kind.open('d'), shards, write }
}

type Opened = Awaited<ReturnType<typeof open>>

/** `between` runs while the scrub rests, and need not wait for what it begins. */
async function scrub({ shards }: Opened, between: () => void = () => {}) {
  const slices: ScrubReply[] = []
  let from: Uint8Array | undefined
  do {
    const bounds = { rowsMax: 3, bytesMax: 1_000_000, ...(from && { from }) }
    const slice = shards.callStore('things', 0, 'scrub', bounds)
    between()
    slices.push(await slice)
    from = slices.at(-1)?.next
    between()
  } while (from)
  return {
    records: slices.reduce((sum, { records }) => sum + records, 0),
    damage: slices.flatMap(({ damage }) => damage),
    digests: slices.flatMap(({ digests }) => digests),
  }
}

test('what is written meanwhile, and what is refused, is no difference', async () => {
  const store = await open()
  const random = seededRandom(7)
  await Promise.all(Array.from({ length: 60 }, (_, n) => store.write(n, 'x')))
  const writes: Promise<unknown>[] = []
  const found = await scrub(store, () => {
    for (let n = random.below(6); n > 0; n--) {
      const text = random.oneIn(3) ? undefined : `${random.below(1_000)}`
      writes.push(store.write(random.below(80), text))
    }
    // Refused in the middle of a transaction, and taken back.
    writes.push(store.write(1, 'x', { ifMatch: { term: 9, seq: 9 } }))
  })
  await Promise.all(writes)
  assert.ok(writes.length > 100)
  assert.equal(found.damage, [])
  assert.equal(found.digests, [])
  assert.equal((await scrub(store)).digests, [])
})

test('damaged records and entries without a record are found', async () => {
  const store = await open()
  for (let n = 0; n < 10; n++) await store.write(n, 'x')
  await damageRecord(store.engine, keyOf(4))
  await store.engine.commit([{ key: rowKeys.record(keyOf(7)), value: null }])
  const { damage, records, digests } = await scrub(store)
  assert.equal(
    damage.map(({ key, kind }) => [key, kind]),
    [
      [keyOf(4), 'record'],
      [keyOf(7), 'missing'],
    ],
  )
  assert.is(records, 9)
  assert.equal(
    digests.map(({ difference }) => difference.records),
    [-1],
    'of the missing one',
  )
})

test('a damaged record that is replaced meanwhile leaves the digest right', async () => {
  for (const round of [1, 2, 3, 4, 5, 6]) {
    const store = await open()
    for (let n = 0; n < 10; n++) await store.write(n, 'x')
    await damageRecord(store.engine, keyOf(4))
    let rests = 0
    const { digests } = await scrub(store, () => {
      rests += 1
      if (rests === round) void store.write(4, 'y')
    })
    assert.equal(digests, [], `${round}`)
    assert.equal((await scrub(store)).digests, [], `${round}`)
  }
})

test('a digest that is wrong is corrected by what it is off, under writes', async () => {
  const store = await open()
  for (let n = 0; n < 10; n++) await store.write(n, 'x')
  // Its flags: what it counted as can't be seen any more.
  await damageRecord(store.engine, keyOf(4), 9)
  await store.write(4, 'y')
  const { digests } = await scrub(store)
  assert.is(digests.length, 1)
  const writing = store.write(11, 'z')
  await store.shards.callStore('things', 0, 'correctDigests', { digests })
  await writing
  assert.equal((await scrub(store)).digests, [])
  const kept = await store.shards.callStore('things', 0, 'digests', {})
  assert.is(
    kept.reduce((sum, { digest }) => sum + digest.records, 0),
    11,
  )
})

test.run()
