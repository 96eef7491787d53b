/** What a change of the policy reads and writes in the shard. */
import { standingOf } from '../execution/home.ts'
import { DenizenError } from '../model/errors.ts'
import { groupOfScope } from '../model/idempotency.ts'
import type { Key } from '../model/key.ts'
import type { FeedNumber, Position } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import {
  enteredEntry,
  entryKind,
  entryRowKey,
  type FeedEntry,
  recordEntry,
} from '../storage/feed-entry.ts'
import { damagedHead, decodeHead, soundHead } from '../storage/record.ts'
import type { GroupHome } from '../storage/row-values.ts'
import type { StoreReader } from '../storage/store.ts'
import type { StoreTransaction } from '../storage/transaction.ts'

export interface HomedHereRequest {
  readonly slot: Slot
  readonly after: Position
  /** Entries of the feed that are looked at. */
  readonly max: number
}

export interface HomedHere {
  readonly groups: readonly { readonly group: string; readonly term: number }[]
  /** Records that are damaged, and alone would tell where their groups are homed. */
  readonly damaged: readonly string[]
  /** Where to go on; null: this was all. */
  readonly next: Position | null
}

/**
 * The groups of a slot that this region is home of. Whatever it homes has left an entry in its
 * feed: what its home wrote, or the marker with which it became the home.
 */
export function homedHere(store: StoreReader, { slot, after, max }: HomedHereRequest): HomedHere {
  const { placement, ownFeed } = store.context
  const groups = new Map<string, number>()
  const damaged = new Set<string>()
  const page = (next: Position | null): HomedHere => ({
    ...{ groups: listOf(groups), damaged: [...damaged], next },
  })
  let looked = 0
  let last = after
  for (const { position, kind, text } of store.feedEntries(slot, ownFeed, after)) {
    if (looked >= max && position !== last) return page(last)
    looked += 1
    last = position
    if (kind === entryKind.idempotency || kind === entryKind.erasure) continue
    const group = kind === entryKind.home ? text : placement.groupOf(text as Key)
    if (groups.has(group)) continue
    const held = store.heldHead(group)
    const standing = standingOf(store, group, soundHead(held))
    if (standing.kind === 'home') groups.set(group, standing.home.term)
    else if (held === damagedHead && standing.kind === 'homeless') damaged.add(group)
  }
  return page(null)
}

const listOf = (groups: ReadonlyMap<string, number>): HomedHere['groups'] =>
  [...groups].map(([group, term]) => ({ group, term }))

export interface AdoptFeedRequest {
  readonly slot: Slot
  /** Of a region that is about to leave: nothing is added to it any more. */
  readonly feed: FeedNumber
  readonly after: Position
  readonly max: number
}

export interface AdoptedPart {
  /** Where to go on; null: all is done. */
  readonly next: Position | null
  /** It has to be repaired before: the record is damaged, or was lost. */
  readonly unsound?: string
}

/**
 * Enters what only a leaving region's feed leads to into this region's own, for the groups that are
 * homed here: nobody follows that feed any more, so that whoever gets a copy later would not find
 * it. The records stay as they are, with their versions.
 */
export function adoptFeed(
  store: StoreTransaction,
  { slot, feed, after, max }: AdoptFeedRequest,
): AdoptedPart {
  const { placement, ownFeed, self } = store.context
  // Of a group that is gone nobody is the home: one region does it for all.
  const adoptsErasures = placement.data.home[0] === self
  let looked = 0
  let last = after
  let before = after
  for (const { position, kind, text } of store.feedEntries(slot, feed, after)) {
    if (looked >= max && position !== last) return { next: last }
    looked += 1
    if (position !== last) before = last
    last = position
    if (kind === entryKind.home) continue
    if (kind === entryKind.erasure) {
      if (!adoptsErasures) continue
      store.putEntry(slot, ownFeed, { position: store.appendPosition(slot), kind, text })
      continue
    }
    const isIdempotency = kind === entryKind.idempotency
    const group = isIdempotency ? groupOfScope(text) : placement.groupOf(text as Key)
    if (standingOf(store, group, soundHead(store.heldHead(group))).kind !== 'home') continue
    if (isIdempotency) {
      const record = store.idempotencyRecord(text)
      if (
        !record ||
        hasEntry(store, slot, record.feed, { position: record.version.seq, kind, text })
      ) {
        continue
      }
      store.putEntry(slot, ownFeed, { position: store.appendPosition(slot), kind, text })
    } else {
      const head = soundHead(store.heldHead(text))
      // It would lead to nothing that a follower could read.
      if (!head) return { next: before, unsound: text }
      const entry = recordEntry(text, head.version.seq, head.shared)
      if (hasEntry(store, slot, head.feed, entry)) continue
      const place = { feed: head.feed, position: head.version.seq }
      store.putEntry(slot, ownFeed, enteredEntry(text, store.appendPosition(slot), place))
    }
  }
  return { next: null }
}

/**
 * This region's own feed leads to it. That the feed is its own is not enough: a region that left
 * and came back goes on with its feed, and has none of the entries from before.
 */
const hasEntry = (
  { engine, context }: StoreReader,
  slot: Slot,
  feed: FeedNumber,
  entry: FeedEntry,
): boolean => feed === context.ownFeed && engine.get(entryRowKey(slot, feed, entry)) !== undefined

export interface BeginTermRequest {
  readonly group: string
  /** As the registrar has granted it to this region, which is the home already. */
  readonly home: GroupHome
}

/** A home that was computed goes on under a term of its own. False where this is not the home. */
export function beginTerm(store: StoreTransaction, { group, home }: BeginTermRequest): boolean {
  const { placement, regions, self } = store.context
  const standing = standingOf(store, group, soundHead(store.heldHead(group)))
  if (standing.kind !== 'home' || standing.isErased) return false
  if (regions.idOf(home.region) !== self) return false
  if (standing.home.term >= home.term) return true
  const slot = placement.slotOf(group)
  const { region, feed, term } = home
  store.putHomeMarker(slot, group, { region, feed, term, position: store.appendPosition(slot) })
  return true
}

export interface VerifyRecordsRequest {
  readonly after: string | null
  /** A part ends with the record that reaches one of them. */
  readonly max: number
  readonly bytesMax: number
}

export interface VerifiedRecords {
  /** Keys of records that fail their checksum. */
  readonly damaged: readonly string[]
  /** Where to go on; null: this was all. */
  readonly next: string | null
}

/** Reads records back from disk: before other copies are erased, this one has to be sound. */
export function verifyRecords(
  store: StoreReader,
  { after, max, bytesMax }: VerifyRecordsRequest,
): VerifiedRecords {
  const damaged: string[] = []
  let looked = 0
  let read = 0
  for (const { key, bytes } of store.recordRows('', after ?? undefined)) {
    looked += 1
    read += bytes.length
    if (!isSound(store, key, bytes)) damaged.push(key)
    if (looked >= max || read >= bytesMax) return { damaged, next: key }
  }
  return { damaged, next: null }
}

function isSound({ context }: StoreReader, key: string, bytes: Uint8Array): boolean {
  try {
    decodeHead(context.hasher, key, bytes)
    return true
  } catch (error) {
    if (error instanceof DenizenError && error.code === 'damaged_record') return false
    throw error
  }
}
