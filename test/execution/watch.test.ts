/** What a watch is told of keys that have changed. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { current } from '../../src/execution/operations/watch.ts'
import { write } from '../../src/execution/operations/write.ts'
import type { Key } from '../../src/model/key.ts'
import { openStore, type TestStore } from '../support/store.ts'

const placement = { slots: 1, homing: { kind: 'pinned', region: 'one' } } as const

const put = (store: TestStore, key: string, bytes: number | undefined, ttlMs?: number) =>
  store.commit(transaction =>
    write(transaction, {
      key: key as Key,
      value:
        bytes === undefined
          ? undefined
          : { bytes: new Uint8Array(bytes), mediaType: '', ...(ttlMs && { ttlMs }) },
      precondition: {},
      nowMs: 1_000,
    }),
  )

const ask = (store: TestStore, keys: readonly string[], nowMs: number, bytesMax = 1_000) => {
  const { changes, taken } = current(store.reader, { keys: keys as Key[], nowMs, bytesMax })
  return { taken, told: changes.map(({ kind, key }) => `${kind} ${key}`) }
}

test('values, deletions with their version, and what is there no more', async () => {
  const store = await openStore({ placement })
  await put(store, 'a', 1)
  await put(store, 'b', 1)
  await put(store, 'b', undefined)
  assert.equal(ask(store, ['a', 'b', 'c'], 0).told, ['put a', 'delete b', 'delete c'])
  const { changes } = current(store.reader, { keys: ['b', 'c'] as Key[], nowMs: 0, bytesMax: 1 })
  const versions = changes.map(({ version }) => version !== undefined)
  assert.equal(versions, [true, false])
})

test('nothing of what has expired: its tombstone is still to come', async () => {
  const store = await openStore({ placement })
  await put(store, 'a', 1, 500)
  assert.equal(ask(store, ['a'], 1_499).told, ['put a'])
  assert.equal(ask(store, ['a'], 1_500), { taken: 1, told: [] })
})

test('a reply ends after the value that is too much', async () => {
  const store = await openStore({ placement })
  for (const key of ['a', 'b', 'c']) await put(store, key, 600)
  assert.is(ask(store, ['a', 'b', 'c'], 0).taken, 2)
  assert.is(ask(store, ['a', 'b', 'c'], 0, 10).taken, 1)
})

test.run()
