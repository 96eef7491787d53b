/** What goes with a damaged record, as far as its bytes still say. */
import { compareBytes } from '../model/bytes.ts'
import type { Slot } from '../model/slot.ts'
import { entryRowKey, entryRowValue, recordEntry } from './feed-entry.ts'
import { claimedHead, type VerifiedHead } from './record.ts'
import type { StoreReader } from './store.ts'

export interface ClaimedRecord {
  readonly head: VerifiedHead
  /** Its feed has the entry that the head names, and that entry names the key. */
  readonly hasEntry: boolean
}

/**
 * Undefined where the bytes say nothing that can be so. Then an entry of a feed is left over, which
 * does no harm, and the slot's digest is off until the store has been scrubbed.
 */
export function claimedRecord(
  store: StoreReader,
  slot: Slot,
  key: string,
): ClaimedRecord | undefined {
  const bytes = store.recordBytes(key)
  const head = bytes && claimedHead(bytes)
  if (!head) return undefined
  const { records, tombstones } = store.digest(slot)
  if ((head.tombstone ? tombstones : records) === 0) return undefined
  const entry = recordEntry(key, head.version.seq, head.shared)
  const row = store.engine.get(entryRowKey(slot, head.feed, entry))
  return { head, hasEntry: row !== undefined && compareBytes(row, entryRowValue(entry)) === 0 }
}
