/**
 * Stored bytes that the disk gives back changed: records, rows beside them, entries and headers of
 * the log. The first byte of a case says which; the rest is what was read.
 */
import { concatBytes, utf8 } from '../../../src/model/bytes.ts'
import { DenizenError } from '../../../src/model/errors.ts'
import type { RowChange } from '../../../src/storage/engine.ts'
import { decodeEntryRow, entryRowKey, entryRowValue } from '../../../src/storage/feed-entry.ts'
import {
  decodeIdempotencyRecord,
  encodeIdempotencyRecord,
} from '../../../src/storage/idempotency-record.ts'
import { encodeEntry, readEntry } from '../../../src/storage/log/entry.ts'
import {
  encodeHeader,
  entriesAt,
  headerOffsets,
  readHeader,
} from '../../../src/storage/log/segment-header.ts'
import { PackedRows } from '../../../src/storage/packed-rows.ts'
import { claimedHead, decodeRecord, encodeRecord } from '../../../src/storage/record.ts'
import {
  decodeFeedState,
  decodeGroupHome,
  encodeFeedState,
} from '../../../src/storage/row-values.ts'
import { parseExpiryRow, rowKeys } from '../../../src/storage/rows.ts'
import { hasher } from '../../support/policies.ts'
import { mutate } from '../mutate.ts'
import { type FuzzTarget, rule } from '../target.ts'

const KEY = 'eu/anna'
const version = { term: 3, seq: 2 ** 32 + 7 }
const salt = utf8('saltsalt')
const record = encodeRecord(hasher, KEY, {
  ...{ version, feed: 5, tombstone: false, shared: true, expiresAtMs: 1_700_000_000_000 },
  ...{ mediaType: 'application/json', value: utf8('{"a":1}') },
})
const changes = [
  { key: utf8('a'), value: utf8('one') },
  { key: utf8('b'), value: null },
]
const entry = new Uint8Array(encodeEntry(PackedRows.of(changes), salt, 7))
const entryRow = (kind: 1 | 3 | 6) => ({
  ...{ position: version.seq, kind, text: KEY },
  ...(kind === 6 && { of: { feed: 7, position: 2 ** 32 + 9 } }),
})
const header = new Uint8Array(entriesAt)
for (const at of headerOffsets) header.set(encodeHeader({ sequence: 9, afterCommit: 3, salt }), at)

interface Kind {
  /** As it was written. */
  readonly valid: Uint8Array
  read(bytes: Uint8Array): void
}

const kinds: readonly Kind[] = [
  {
    valid: record,
    read: bytes => {
      claimedHead(bytes)
      decodeRecord(hasher, KEY, bytes)
      rule(Buffer.compare(bytes, record) === 0, 'a changed record is found out')
    },
  },
  {
    valid: encodeIdempotencyRecord({
      ...{ version, feed: 5, expiresAtMs: 9, fingerprint: new Uint8Array(16) },
      ...{ succeeded: true, effects: ['read', 'created', 'absent'] },
    }),
    read: bytes => void decodeIdempotencyRecord(bytes),
  },
  ...([1, 3, 6] as const).flatMap((kind): readonly Kind[] => {
    const [key, value] = [entryRowKey(3, 5, entryRow(kind)), entryRowValue(entryRow(kind))]
    return [
      { valid: key, read: bytes => void decodeEntryRow({ key: bytes, value }) },
      { valid: value, read: bytes => void decodeEntryRow({ key, value: bytes }) },
    ]
  }),
  { valid: rowKeys.expiry(9, 1, KEY), read: bytes => void parseExpiryRow(bytes) },
  {
    valid: encodeFeedState({
      ...{ end: version.seq, complete: version.seq, replacing: false },
      boundaries: [{ generation: 1, previousEnd: 0 }],
    }),
    read: bytes => {
      decodeFeedState(bytes)
      decodeGroupHome(bytes)
    },
  },
  {
    valid: entry,
    read: bytes => {
      const found = readEntry(bytes, 0, salt)
      rule(!found || textOf(found.changes) === textOf(changes), 'a changed entry is found out')
    },
  },
  {
    valid: header,
    read: bytes => {
      const found = readHeader(bytes)
      rule(!found || found.sequence === 9, 'a changed header is found out')
    },
  },
]

const textOf = (rows: readonly RowChange[]): string =>
  rows.map(({ key, value }) => `${key.toHex()} ${value?.toHex()}`).join()

export const open = (): FuzzTarget => ({
  generate(random) {
    const kind = random.below(kinds.length)
    const { valid } = kinds[kind] as Kind
    const bytes = random.oneIn(20) ? valid : mutate(random, valid, [salt, new Uint8Array(8)])
    return concatBytes(Uint8Array.of(kind), bytes)
  },
  check(input) {
    const [first = 0] = input
    try {
      kinds[first % kinds.length]?.read(input.subarray(1))
    } catch (error) {
      if (!(error instanceof DenizenError && error.code === 'damaged_record')) throw error
    }
  },
})
