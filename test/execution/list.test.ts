/** The part of a list that one store has: how far a page looks. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type ListStoreReply, list } from '../../src/execution/operations/list.ts'
import { write } from '../../src/execution/operations/write.ts'
import { utf8 } from '../../src/model/bytes.ts'
import type { Key } from '../../src/model/key.ts'
import { limits } from '../../src/model/limits.ts'
import { openStore, type TestStore } from '../support/store.ts'

const placement = { slots: 1, homing: { kind: 'pinned', region: 'one' } } as const

const writeAll = (store: TestStore, keys: readonly string[], text: string | undefined) =>
  store.commit(transaction => {
    for (const key of keys) {
      const value = text === undefined ? undefined : { bytes: utf8(text), mediaType: '' }
      write(transaction, { key: key as Key, value, precondition: {}, nowMs: 0 })
    }
  })

function page(store: TestStore, after: string | undefined, limit = 10): ListStoreReply {
  const bounds = { limit, bytesMax: 1e6, values: false, nowMs: 0, seen: [] }
  const reply = list(store.reader, { prefix: 'k', after, ...bounds })
  if ('behind' in reply) throw new Error('nothing was seen')
  return reply
}

const pages = suite('pages of a store')

pages('a page says how far it reaches, unless it has all', async () => {
  const store = await openStore({ placement })
  await writeAll(store, ['a', 'k1', 'k2', 'k3', 'z'], 'x')
  assert.is(page(store, undefined, 2).upTo, 'k2')
  assert.is(page(store, 'k2', 2).upTo, null)
  assert.is(page(store, undefined, 3).upTo, null)
})

pages('it looks at a bounded number of rows, and goes on behind deleted ones', async () => {
  const store = await openStore({ placement })
  const keys = Array.from(
    { length: limits.listRowsMax + 50 },
    (_, n) => `k${`${n}`.padStart(6, '0')}`,
  )
  await writeAll(store, keys, 'x')
  await writeAll(store, keys.slice(0, -1), undefined)
  const first = page(store, undefined)
  assert.equal([first.items.length, first.upTo], [0, keys[limits.listRowsMax - 1]])
  const second = page(store, first.upTo ?? undefined)
  assert.equal(
    second.items.map(({ key }) => key),
    keys.slice(-1),
  )
  assert.is(second.upTo, null)
})

pages('what expires says when', async () => {
  const store = await openStore({ placement })
  const value = { bytes: utf8('x'), mediaType: '' }
  await store.commit(transaction => {
    const common = { precondition: {}, nowMs: 1_000 }
    write(transaction, { key: 'k1' as Key, value: { ...value, ttlMs: 500 }, ...common })
    write(transaction, { key: 'k2' as Key, value, ...common })
  })
  assert.equal(
    page(store, undefined).items.map(({ expiresAtMs }) => expiresAtMs),
    [1_500, undefined],
  )
})

pages.run()
