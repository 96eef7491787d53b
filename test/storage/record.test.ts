import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/model/bytes.ts'
import { DenizenError } from '../../src/model/errors.ts'
import {
  decodeRecord,
  encodeRecord,
  isTombstone,
  type StoredRecord,
} from '../../src/storage/record.ts'
import { hasher } from '../support/policies.ts'

const record: StoredRecord = {
  version: { term: 2 ** 32 + 7, seq: 3 * 2 ** 32 + 1 },
  feed: 65_537,
  tombstone: false,
  shared: true,
  expiresAtMs: 2 ** 41 + 5,
  mediaType: 'application/json',
  value: utf8('{"grüße": true}'),
}
const tombstone: StoredRecord = {
  ...record,
  tombstone: true,
  shared: false,
  expiresAtMs: 0,
  mediaType: '',
  value: new Uint8Array(),
}
const isDamaged = (error: unknown): boolean =>
  error instanceof DenizenError && error.code === 'damaged_record'

test('what was encoded is decoded', () => {
  for (const one of [record, tombstone]) {
    const bytes = encodeRecord(hasher, 'a/b', one)
    assert.equal(decodeRecord(hasher, 'a/b', bytes), one)
    assert.is(isTombstone(bytes), one.tombstone)
  }
})

test('any flipped bit is found', () => {
  const bytes = encodeRecord(hasher, 'a/b', record)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = bytes.slice()
    const at = bit >> 3
    damaged[at] = (damaged[at] as number) ^ (1 << (bit & 7))
    assert.throws(() => decodeRecord(hasher, 'a/b', damaged), isDamaged, `bit ${bit}`)
  }
})

test('a record that was cut off, or has bytes behind it, is found', () => {
  const bytes = encodeRecord(hasher, 'a/b', record)
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decodeRecord(hasher, 'a/b', bytes.subarray(0, length)), isDamaged)
  }
  const longer = new Uint8Array(bytes.length + 1)
  longer.set(bytes)
  assert.throws(() => decodeRecord(hasher, 'a/b', longer), isDamaged)
})

test('a record under another key is damaged', () => {
  const bytes = encodeRecord(hasher, 'a/b', record)
  assert.throws(() => decodeRecord(hasher, 'a/c', bytes), isDamaged)
})

test('the text of the failure has nothing of the key or value', () => {
  const bytes = encodeRecord(hasher, 'secret-key', record)
  try {
    decodeRecord(hasher, 'other', bytes)
    assert.unreachable()
  } catch (error) {
    assert.not.match(String(error), /secret|other|gr/)
  }
})

test.run()
