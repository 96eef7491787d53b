/** Makes a copy differ from the others behind the back of its node; its digest goes along. */
import { utf8 } from '../../src/model/bytes.ts'
import type { FeedNumber } from '../../src/model/position.ts'
import type { Version } from '../../src/model/version.ts'
import type { Engine } from '../../src/storage/engine.ts'
import { recordEntry } from '../../src/storage/feed-entry.ts'
import { decodeHead, encodeRecord, soundHead } from '../../src/storage/record.ts'
import type { StoreReader } from '../../src/storage/store.ts'
import { StoreTransaction } from '../../src/storage/transaction.ts'
import { hasher } from './policies.ts'

async function alter(
  { engine, context }: StoreReader,
  task: (transaction: StoreTransaction) => void,
): Promise<void> {
  const writable = engine as Engine
  const transaction = new StoreTransaction(writable, context, new Map())
  task(transaction)
  await writable.commit(transaction.changes)
}

/** The record is gone; with `isNamed` false the index still names it. */
export const loseRecord = (store: StoreReader, key: string, isNamed = true): Promise<void> =>
  alter(store, transaction => transaction.dropRecord(transaction.slotOfKey(key), key, isNamed))

/** Another record lies there, an older one for example, and the index names it. */
export const putBack = (store: StoreReader, key: string, bytes: Uint8Array): Promise<void> =>
  alter(store, transaction => {
    const slot = transaction.slotOfKey(key)
    transaction.dropRecord(slot, key)
    const { feed, version, shared } = decodeHead(hasher, key, bytes)
    transaction.putRecord(slot, key, bytes, { feed, position: version.seq, shared }, undefined)
  })

/** A record that nobody has written lies there, and no index names it. */
export const makeUp = (
  store: StoreReader,
  key: string,
  made: { readonly feed: FeedNumber; readonly version: Version; readonly value: string },
): Promise<void> =>
  alter(store, transaction => {
    const slot = transaction.slotOfKey(key)
    const { feed, version, value } = made
    const bytes = encodeRecord(hasher, key, {
      ...{ feed, version, tombstone: false, expiresAtMs: 0, mediaType: '' },
      ...{ shared: false, value: utf8(value) },
    })
    // An entry at a place of its own, to be taken away again: another key may have this one.
    const place = { feed, position: version.seq, shared: true }
    transaction.putRecord(slot, key, bytes, place, soundHead(transaction.heldHead(key)))
    transaction.dropEntry(slot, feed, recordEntry(key, version.seq, true))
  })
