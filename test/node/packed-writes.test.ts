/** What crosses threads as bytes is what it was before, in the order in which it was sent. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { WriteReply, WriteRequest } from '../../src/execution/operations/write.ts'
import { utf8 } from '../../src/model/bytes.ts'
import type { Key } from '../../src/model/key.ts'
import {
  packReplies,
  packRequests,
  unpackReplies,
  unpackRequests,
} from '../../src/node/packed-writes.ts'
import type { ShardReply, ShardRequest } from '../../src/storage/shard-requests.ts'

const packed = suite('packed writes')

const requestOf = (id: number, body: Partial<WriteRequest>, name = 'write'): ShardRequest => ({
  ...{ id, dataset: id % 2 === 0 ? 'cities' : 'tenants/eu/', store: id % 300, name },
  body: {
    key: `key-${id}` as Key,
    value: { bytes: utf8('a value'), mediaType: 'text/plain' },
    precondition: {},
    nowMs: 1_764_200_000_123,
    ...body,
  },
})
const acrossThreads = (requests: readonly ShardRequest[]): ShardRequest[] =>
  unpackRequests(structuredClone(packRequests(requests)))

packed('writes that ask for nothing travel as bytes alone', () => {
  const requests = [
    requestOf(1, {}),
    requestOf(2 ** 40, { key: 'grüße/\u{1f600}' as Key }),
    requestOf(3, { value: undefined }),
    requestOf(4, { value: { bytes: new Uint8Array(), mediaType: '' } }),
    requestOf(5, { key: 'k'.repeat(1_024) as Key }),
  ]
  assert.equal(packRequests(requests).others, [])
  assert.equal(acrossThreads(requests), requests)
})

packed('all others travel as they are, at their place', () => {
  const version = { term: 1, seq: 5 }
  const { value } = requestOf(1, {}).body as WriteRequest
  const requests = [
    requestOf(1, {}),
    requestOf(2, { precondition: { ifMatch: version } }),
    requestOf(3, { precondition: { ifNoneMatch: '*' } }),
    requestOf(4, {}),
    requestOf(5, { idempotency: { principal: '', key: 'once' } }),
    requestOf(6, { claimed: { region: 1, feed: 65_537, term: 2 } }),
    requestOf(7, value ? { value: { ...value, ttlMs: 0 } } : {}),
    requestOf(8, value ? { value: { ...value, bytes: new Uint8Array(100_000) } } : {}),
    requestOf(9, {}, 'expireKey'),
    requestOf(10, {}),
  ]
  assert.is(packRequests(requests).others.length, 7)
  assert.equal(acrossThreads(requests), requests)
  assert.equal(acrossThreads([]), [])
})

packed('replies come back whole, whichever way they took', () => {
  const written: WriteReply = {
    kind: 'written',
    version: { term: 2 ** 33, seq: 2 ** 52 + 1 },
    created: true,
    point: { slot: 63, feed: 2 ** 32 - 1, position: 2 ** 52 + 1 },
    home: { region: 'eu-west', term: 2 ** 33 },
  }
  const earlier = { ...written, point: { ...written.point, position: 7 } }
  const replies: ShardReply[] = [
    { id: 1, body: written },
    { id: 2 ** 40, body: { ...written, kind: 'deleted', created: false } },
    { id: 3, body: earlier },
    { id: 4, body: { kind: 'absent', home: written.home, current: undefined, point: undefined } },
    { id: 5, error: { code: 'disk_full', detail: 'full', applied: 'no', retry: 'no', extra: {} } },
    { id: 6, body: undefined },
    { id: 7, body: [1, 'written'] },
    { id: 8, body: { ...written, home: { region: 'us-east', term: 0 } } },
  ]
  const sent = packReplies(replies)
  assert.equal(
    sent.others.map(({ id }) => id),
    [3, 4, 5, 6, 7],
  )
  const byId = (one: ShardReply, other: ShardReply): number => one.id - other.id
  assert.equal(unpackReplies(structuredClone(sent)).sort(byId), replies.sort(byId))
})

packed('more than there is memory for at first', () => {
  const value = { bytes: new Uint8Array(10_000).fill(7), mediaType: 'a/b' }
  const requests = Array.from({ length: 50 }, (_, id) => requestOf(id, { value }))
  assert.equal(acrossThreads(requests), requests)
})

packed.run()
