import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { compareBytes, compareUtf8 } from '../../src/model/bytes.ts'
import { decodeHomeMarker, encodeHomeMarker } from '../../src/storage/home-marker.ts'
import {
  decodeIdempotencyRecord,
  encodeIdempotencyRecord,
  FINGERPRINT_BYTES,
  type IdempotencyRecord,
} from '../../src/storage/idempotency-record.ts'
import {
  BOUNDARIES_MAX,
  decodeClaimCounter,
  decodeDigest,
  decodeFeedState,
  decodeGroupHome,
  encodeClaimCounter,
  encodeDigest,
  encodeFeedState,
  encodeGroupHome,
} from '../../src/storage/row-values.ts'
import {
  entryRowText,
  expiryKind,
  parseExpiryRow,
  parseFeedRow,
  recordRange,
  rowKeys,
  rowText,
  textRange,
} from '../../src/storage/rows.ts'

const within = (rowKey: Uint8Array, { from, to }: { from: Uint8Array; to: Uint8Array }): boolean =>
  compareBytes(rowKey, from) >= 0 && compareBytes(rowKey, to) < 0

test('the order of feed rows is that of slot, feed and position as numbers', () => {
  const numbers: [number, number, number][] = []
  for (const slot of [0, 1, 255, 256, 65_535]) {
    for (const feed of [1, 65_537, 2 ** 32 - 1]) {
      for (const position of [0, 1, 255, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) {
        numbers.push([slot, feed, position])
      }
    }
  }
  const keys = numbers.map(parts => rowKeys.feedEntry(...parts))
  assert.equal(keys.toSorted(compareBytes), keys)
  assert.equal(
    keys.map(parseFeedRow),
    numbers.map(([slot, feed, position]) => ({ slot, feed, position })),
  )
})

test('entries that share a position lie behind it and before the next, each with its text', () => {
  const rows = [
    rowKeys.feedEntry(1, 2, 3),
    ...['a', 'a/b', 'b', 'ü'].map(text => rowKeys.feedEntry(1, 2, 3, text)),
    rowKeys.feedEntry(1, 2, 4),
  ]
  assert.equal(rows.toSorted(compareBytes), rows)
  assert.equal(rows.map(entryRowText), [undefined, 'a', 'a/b', 'b', 'ü', undefined])
  assert.ok(rows.every(row => parseFeedRow(row).feed === 2))
})

test('what is due is ordered by its moment, and a moment begins before all that is due at it', () => {
  const rows = [
    rowKeys.expiry(999, expiryKind.idempotency, 'z'),
    rowKeys.expiry(1_000),
    rowKeys.expiry(1_000, expiryKind.record, 'b'),
    rowKeys.expiry(1_000, expiryKind.idempotency, 'a'),
    rowKeys.expiry(2 ** 41, expiryKind.record, 'a'),
  ]
  assert.equal(rows.toSorted(compareBytes), rows)
  assert.equal(parseExpiryRow(rows[4] as Uint8Array), { dueMs: 2 ** 41, kind: 1, text: 'a' })
})

test('the range of a prefix has its keys, and no other rows', () => {
  const keys = ['a', 'a/b', 'a/b/c', 'a0', 'b', 'ab', '\u{10ffff}', '\uffff', 'é']
  for (const prefix of ['', 'a', 'a/', 'é', '\u{10ffff}', '\uffff']) {
    const range = recordRange(prefix)
    for (const key of keys) {
      assert.is(within(rowKeys.record(key), range), key.startsWith(prefix), `${prefix} ${key}`)
      assert.not(within(rowKeys.home(key), range))
    }
    for (const after of keys) {
      const rest = recordRange(prefix, after)
      for (const key of keys) {
        const wanted = key.startsWith(prefix) && compareUtf8(key, after) > 0
        assert.is(within(rowKeys.record(key), rest), wanted, `${prefix} ${after} ${key}`)
      }
    }
  }
})

test('the range of homes excludes where it begins and includes where it ends', () => {
  const groups = ['a', 'a/b', 'b', 'c']
  const found = (after: string | null, upTo: string | null): string[] =>
    groups.filter(group => within(rowKeys.home(group), textRange('home', after, upTo)))
  assert.equal(found(null, null), groups)
  assert.equal(found('a', 'b'), ['a/b', 'b'])
  assert.equal(found('b', null), ['c'])
  assert.equal(found(null, 'a'), ['a'])
})

test('texts come back from row keys', () => {
  for (const key of ['a', 'ü/\u{1f600}']) assert.is(rowText(rowKeys.record(key)), key)
})

test('row values come back as they were', () => {
  const boundaries = Array.from({ length: BOUNDARIES_MAX }, (_, n) => ({
    generation: n + 1,
    previousEnd: n * 2 ** 32 + 5,
  }))
  const state = { end: 2 ** 53 - 1, complete: 2 ** 32, replacing: true, boundaries }
  assert.equal(decodeFeedState(encodeFeedState(state)), state)
  const marker = { region: 65_535, feed: 2 ** 32 - 1, term: 2 ** 52, position: 2 ** 33 + 1 }
  assert.equal(decodeHomeMarker(encodeHomeMarker(marker)), marker)
  assert.is(encodeHomeMarker(marker).length, 22, 'what builds of format 1 know stays as it was')
  const granted = { region: 513, feed: 65_537, term: 2 ** 32 + 1 }
  for (const home of [granted, { ...granted, moved: true } as const]) {
    assert.equal(decodeGroupHome(encodeGroupHome(home)), home)
  }
  const why = { kind: 'access', writes: 3, atMs: 2 ** 41 } as const
  const stopped = { to: 513, why: { ...why, kind: 'operator' } } as const
  const past = [
    { feed: 65_537, position: 2 ** 32 + 7 },
    { feed: 2 ** 31, position: 2 ** 53 - 1 },
  ]
  for (const more of [{ why }, { stopped }, { past }, { why, stopped, past }]) {
    assert.equal(decodeHomeMarker(encodeHomeMarker({ ...marker, ...more })), { ...marker, ...more })
  }
  const counter = { epoch: 3, n: 2 ** 40 }
  assert.equal(decodeClaimCounter(encodeClaimCounter(counter)), counter)
  const record: IdempotencyRecord = {
    ...{ version: { term: 2 ** 40, seq: 2 ** 50 }, feed: 2 ** 32 - 1, expiresAtMs: 2 ** 41 },
    fingerprint: Uint8Array.from({ length: FINGERPRINT_BYTES }, (_, n) => n * 16),
    succeeded: false,
    effects: ['read', 'created', 'replaced', 'deleted', 'absent'],
  }
  assert.equal(decodeIdempotencyRecord(encodeIdempotencyRecord(record)), record)
  const digest = { sum: 2n ** 64n - 1n, records: 2 ** 40, tombstones: 1, bytes: 2 ** 41 }
  assert.equal(decodeDigest(encodeDigest(digest)), digest)
})

test.run()
