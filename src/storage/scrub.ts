/**
 * Walks a store and holds what it finds against what it should be: every record against its
 * checksum, every entry of a feed against what it points to, the digests against the records. It
 * goes in slices, so that nobody waits for it; each begins where the last one ended.
 */
import { DenizenError } from '../model/errors.ts'
import type { Slot } from '../model/slot.ts'
import { claimedRecord } from './damaged-record.ts'
import type { DigestAudit } from './digest-audit.ts'
import type { EngineReader, Row } from './engine.ts'
import { decodeEntryRow, entryKind, type FeedEntry, pointsToRecord } from './feed-entry.ts'
import { decodeHead } from './record.ts'
import { digestOf, type SlotDigest } from './row-values.ts'
import { justAfter, parseFeedRow, rowKeys, rowText, tableRange } from './rows.ts'
import type { StoreReader } from './store.ts'

export interface ScrubRequest {
  /** Where the last slice ended; undefined begins. */
  readonly from?: Uint8Array
  /** A slice ends with the row that reaches one of them. */
  readonly rowsMax: number
  readonly bytesMax: number
}

/** Something is wrong with a row. Its text may be unknown, where that itself is damaged. */
export interface Damage {
  readonly slot: Slot
  /** The key of the record that is damaged or missing. */
  readonly key?: string
  readonly kind: 'record' | 'entry' | 'missing'
}

export interface ScrubReply {
  /** Where the next slice begins; undefined when the store has been walked. */
  readonly next?: Uint8Array
  readonly records: number
  readonly entries: number
  readonly damage: readonly Damage[]
  /** Given once, by the slice that came to the last record: slots whose digests are wrong. */
  readonly digests: readonly { readonly slot: Slot; readonly difference: SlotDigest }[]
}

const records = tableRange('record')
const entries = tableRange('feedEntry')

export function scrub(audit: DigestAudit, request: ScrubRequest): ScrubReply {
  const { from = records.from } = request
  if (from === records.from) audit.begin()
  return from[0] === records.from[0]
    ? scrubRecords(audit, { ...request, from })
    : scrubEntries(audit.store, { ...request, from })
}

type Slice = Required<ScrubRequest>

function scrubRecords(audit: DigestAudit, { from, ...bounds }: Slice): ScrubReply {
  const damage: Damage[] = []
  const walked = walk(audit.store, { from, to: records.to }, bounds, row =>
    damage.push(...checkRecord(audit, row)),
  )
  const next = walked.next ?? entries.from
  const digests = walked.next ? [] : audit.end()
  return { next, records: walked.rows, entries: 0, damage, digests }
}

function checkRecord(audit: DigestAudit, { key: rowKey, value }: Row): Damage[] {
  const { store } = audit
  const key = rowText(rowKey)
  const slot = store.slotOfKey(key)
  audit.pass(key)
  try {
    audit.count(slot, digestOf(key, decodeHead(store.context.hasher, key, value)))
    return []
  } catch (error) {
    if (!(error instanceof DenizenError)) throw error
    // As much as the digest gives up for it once it is replaced, so that the two stay in step.
    const claimed = claimedRecord(store, slot, key)?.head
    if (claimed) audit.count(slot, digestOf(key, claimed))
    return [{ slot, key, kind: 'record' }]
  }
}

function scrubEntries(store: StoreReader, { from, ...bounds }: Slice): ScrubReply {
  const damage: Damage[] = []
  const { rows, next } = walk(store, { from, to: entries.to }, bounds, row =>
    damage.push(...checkEntry(store.engine, row)),
  )
  return { ...(next && { next }), records: 0, entries: rows, damage, digests: [] }
}

/** What is wrong with the row of a feed's entry, if anything. */
export function checkEntry(engine: EngineReader, row: Row): Damage[] {
  const { slot } = parseFeedRow(row.key)
  let entry: FeedEntry
  try {
    entry = decodeEntryRow(row)
  } catch (error) {
    if (!(error instanceof DenizenError)) throw error
    return [{ slot, kind: 'entry' }]
  }
  if (engine.peek(targetOf(entry)) !== undefined) return []
  return [{ slot, kind: 'missing', ...(pointsToRecord(entry.kind) && { key: entry.text }) }]
}

function targetOf({ kind, text }: FeedEntry): Uint8Array {
  if (kind === entryKind.home) return rowKeys.home(text)
  if (kind === entryKind.erasure) return rowKeys.erasure(text)
  return kind === entryKind.idempotency ? rowKeys.idempotency(text) : rowKeys.record(text)
}

/** Looks at the rows of a range until a bound is reached; `next` is where the range goes on. */
function walk(
  { engine }: StoreReader,
  range: { readonly from: Uint8Array; readonly to: Uint8Array },
  { rowsMax, bytesMax }: Omit<Slice, 'from'>,
  look: (row: Row) => void,
): { readonly rows: number; readonly next?: Uint8Array } {
  let rows = 0
  let bytes = 0
  for (const row of engine.range(range)) {
    look(row)
    rows += 1
    bytes += row.key.length + row.value.length
    if (rows >= rowsMax || bytes >= bytesMax) return { rows, next: justAfter(row.key) }
  }
  return { rows }
}
