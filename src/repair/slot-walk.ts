/**
 * Two copies of a slot are compared page by page, in the order of their keys: a page's digest, and
 * where those differ its heads. Each page is of one commit, and bounded, as those of a scrub are.
 * Digests of pages need no common place to be compared: where they are the same, so are the pages,
 * and a page that differs only because it is being written comes to nothing in `differencesOf`.
 */
import { compareUtf8 } from '../model/bytes.ts'
import { DenizenError } from '../model/errors.ts'
import type { FeedNumber, Position } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import { goesOn } from '../replication/read-feeds.ts'
import { pointsToRecord } from '../storage/feed-entry.ts'
import { damagedHead, isTombstone, recordChecksum, type VerifiedHead } from '../storage/record.ts'
import type { StoreReader } from '../storage/store.ts'
import { isClosed } from './closed-feeds.ts'
import { type CopyHead, type CopyHeads, type Difference, differencesOf } from './compare-copies.ts'
import type { HeldRecord, SoundRecord, Witness } from './judge-record.ts'

export interface PageRequest {
  readonly slot: Slot
  /** Keys in (after, upTo]; null: no bound. */
  readonly after: string | null
  readonly upTo: string | null
  /** It ends with the row, of any slot, that reaches one of them. */
  readonly rowsMax: number
  readonly bytesMax: number
}

/** What of a page its digest says. */
export interface PageDigest {
  /** As far as the page goes; null: to its end. */
  readonly upTo: string | null
  /** Of live records, as the digest of a slot; in hexadecimal. */
  readonly sum: string
  readonly records: number
}

export function digestOfPage(store: StoreReader, request: PageRequest): PageDigest {
  const { slot, rowsMax, bytesMax } = request
  let [rows, bytes, records, sum] = [0, 0, 0, 0n]
  for (const row of rowsOf(store, request)) {
    if (store.slotOfKey(row.key) === slot && !isTombstone(row.bytes)) {
      sum += recordChecksum(row.bytes)
      records += 1
    }
    rows += 1
    bytes += row.bytes.length
    const isFull = rows >= rowsMax || bytes >= bytesMax
    if (isFull) return { upTo: row.key, sum: hexOf(sum), records }
  }
  return { upTo: request.upTo, sum: hexOf(sum), records }
}

export type PageRequestWithDigest = PageRequest & Pick<PageDigest, 'sum' | 'records'>

/** Another copy's page as this one has it: the same, or what is in it. */
export type ComparedPage =
  | { readonly kind: 'same' }
  | ({
      readonly kind: 'heads'
      readonly upTo: string | null
      /** Keys of records that can't be read: they are in no heads. */
      readonly damaged: readonly string[]
    } & CopyHeads)

export function comparePage(store: StoreReader, request: PageRequestWithDigest): ComparedPage {
  const own = digestOfPage(store, request)
  const isSame =
    own.upTo === request.upTo && own.sum === request.sum && own.records === request.records
  if (isSame) return { kind: 'same' }
  return { kind: 'heads', upTo: own.upTo, ...headsOf(store, { ...request, upTo: own.upTo }) }
}

export interface DifferencesRequest extends Pick<PageRequest, 'slot' | 'after' | 'upTo'> {
  readonly theirs: CopyHeads
}

export interface FoundDifference extends Difference {
  /** See `RecordCase`. */
  readonly isOfHistory: boolean
}

export interface FoundDifferences {
  readonly differences: readonly FoundDifference[]
  readonly damaged: readonly string[]
}

/** Throws `residency_violation` where the page has keys of elsewhere. */
export function findDifferences(store: StoreReader, request: DifferencesRequest): FoundDifferences {
  const { slot, theirs } = request
  const { placement } = store.context
  if (!theirs.heads.every(({ key }) => placement.hasKey(key) && store.slotOfKey(key) === slot)) {
    throw new DenizenError('residency_violation', 'a page has keys that are not of its slot')
  }
  const { damaged, ...mine } = headsOf(store, request)
  const { ownFeed } = store.context
  const own = store.feedState(slot, ownFeed)
  const theirPosition = theirs.cursors.find(({ feed }) => feed === ownFeed)?.position ?? 0
  const unread = new Set(damaged)
  const isWhole = [...store.feedsOfSlot(slot)].every(({ state }) => !state.replacing)
  if (!isWhole) return { differences: [], damaged }
  const differences = differencesOf(mine, theirs, feed => isClosed(store, feed))
    .filter(({ record }) => !unread.has(record.key))
    .map(difference => {
      const { feed, version } = difference.record
      const isPast = feed === ownFeed && theirPosition >= version.seq
      return { ...difference, isOfHistory: isPast && goesOn(own, theirPosition) }
    })
  return { differences, damaged }
}

/** Which record is in question. */
export interface RecordAsked {
  readonly key: string
  readonly feed: FeedNumber
  readonly position: Position
}

export interface WitnessRequest {
  readonly slot: Slot
  readonly records: readonly RecordAsked[]
}

export type Testimony = Omit<Witness, 'region'>

/** What this copy says of them, in their order. */
export const testify = (store: StoreReader, { slot, records }: WitnessRequest): Testimony[] =>
  records.map(({ key, feed, position }) => ({
    held: heldRecord(store, key),
    names: namesRecord(store, slot, { key, feed, position }),
    complete: store.feedState(slot, feed).complete,
  }))

export function heldRecord(store: StoreReader, key: string): HeldRecord {
  const held = store.heldHead(key)
  if (!held) return { state: 'absent' }
  if (held === damagedHead) return { state: 'damaged' }
  return soundRecord(held)
}

export const soundRecord = ({ version, checksum }: VerifiedHead): SoundRecord => ({
  ...{ state: 'sound', version, checksum: hexOf(checksum) },
})

/** True where the index of the feed has an entry of the key at that position. */
export function namesRecord(
  store: StoreReader,
  slot: Slot,
  { key, feed, position }: RecordAsked,
): boolean {
  for (const entry of store.feedEntries(slot, feed, position - 1)) {
    if (entry.position !== position) return false
    if (entry.text === key && pointsToRecord(entry.kind)) return true
  }
  return false
}

function headsOf(
  store: StoreReader,
  request: Pick<PageRequest, 'slot' | 'after' | 'upTo'>,
): CopyHeads & { readonly damaged: readonly string[] } {
  const heads: CopyHead[] = []
  const damaged: string[] = []
  for (const { key } of rowsOf(store, request)) {
    if (store.slotOfKey(key) !== request.slot) continue
    const head = store.heldHead(key)
    if (head === damagedHead) damaged.push(key)
    else if (head) heads.push(copyHead(key, head))
  }
  const cursors = Array.from(store.feedsOfSlot(request.slot), ({ feed, state }) => ({
    feed,
    position: state.complete,
  }))
  return { heads, cursors, damaged }
}

const copyHead = (key: string, { version, feed, tombstone, checksum }: VerifiedHead): CopyHead => ({
  ...{ key, feed, tombstone, checksum: hexOf(checksum) },
  version,
})

/** Rows of records of all slots, in order. */
function* rowsOf(
  store: StoreReader,
  { after, upTo }: Pick<PageRequest, 'after' | 'upTo'>,
): IterableIterator<{ key: string; bytes: Uint8Array }> {
  for (const row of store.recordRows('', after ?? undefined)) {
    if (upTo !== null && compareUtf8(row.key, upTo) > 0) return
    yield row
  }
}

const hexOf = (sum: bigint): string => BigInt.asUintN(64, sum).toString(16).padStart(16, '0')
