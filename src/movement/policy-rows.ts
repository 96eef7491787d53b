/** What a change of the policy reads and writes in the shard. */
import { standingOf } from '../execution/home.ts'
import { DenizenError } from '../model/errors.ts'
import { groupOfScope } from '../model/idempotency.ts'
import type { Key } from '../model/key.ts'
import type { FeedNumber, Position } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import {
  type EntryKind,
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
  /** Records that were lost are not waited for. */
  readonly passesLost?: boolean
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
  { slot, feed, after, max, passesLost }: AdoptFeedRequest,
): AdoptedPart {
  const { ownFeed } = store.context
  let looked = 0
  let done = after
  let at = after
  let entering: Entered[] = []
  const enter = (): void => {
    for (const entry of entering) {
      store.putEntry(slot, ownFeed, { ...entry, position: store.appendPosition(slot) })
    }
    entering = []
    done = at
  }
  for (const { position, kind, text } of store.feedEntries(slot, feed, after)) {
    if (position !== at) {
      enter()
      if (looked >= max) return { next: done }
      at = position
    }
    looked += 1
    const entered = entryInstead(store, slot, kind, text)
    if (entered === 'damaged' || (entered === 'lost' && !passesLost)) {
      return { next: done, unsound: text }
    }
    if (entered && entered !== 'lost') entering.push(entered)
  }
  enter()
  return { next: null }
}

type Entered = Omit<FeedEntry, 'position'>

/** What this region's own feed gets for an entry, if anything; `lost`: there is no record. */
function entryInstead(
  store: StoreTransaction,
  slot: Slot,
  kind: EntryKind,
  text: string,
): Entered | 'damaged' | 'lost' | undefined {
  const { placement, self } = store.context
  if (kind === entryKind.home) return undefined
  // Of a group that is gone nobody is the home: one region does it for all.
  if (kind === entryKind.erasure)
    return placement.data.home[0] === self ? { kind, text } : undefined
  const isIdempotency = kind === entryKind.idempotency
  const group = isIdempotency ? groupOfScope(text) : placement.groupOf(text as Key)
  if (standingOf(store, group, soundHead(store.heldHead(group))).kind !== 'home') return undefined
  if (isIdempotency) {
    const record = store.idempotencyRecord(text)
    const entry = record && { position: record.version.seq, kind, text }
    return entry && !hasEntry(store, slot, record.feed, entry) ? { kind, text } : undefined
  }
  const held = store.heldHead(text)
  if (!held) return 'lost'
  // It would lead to nothing that a follower could read.
  if (held === damagedHead) return 'damaged'
  const { feed, version, shared } = held
  if (hasEntry(store, slot, feed, recordEntry(text, version.seq, shared))) return undefined
  return { kind: entryKind.entered, text, of: { feed, position: version.seq } }
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
