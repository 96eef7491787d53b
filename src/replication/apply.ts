/**
 * The follower's side in the shard. A chunk is applied in the shard's one commit, so a range that
 * fits one chunk appears at once. Records go in with the version they were made with, and never
 * over a newer one (invariant T); their bytes are stored as they came, after their checksum holds.
 */
import { compareUtf8 } from '../model/bytes.ts'
import { DenizenError } from '../model/errors.ts'
import { groupOfScope } from '../model/idempotency.ts'
import type { Key } from '../model/key.ts'
import type { FeedNumber, Position } from '../model/position.ts'
import { compareVersions, type Version } from '../model/version.ts'
import { decodeErasure, type Erasure } from '../storage/erasure.ts'
import { entryKind, markerEntry } from '../storage/feed-entry.ts'
import { decodeHomeMarker, tellsMore } from '../storage/home-marker.ts'
import { decodeIdempotencyRecord } from '../storage/idempotency-record.ts'
import { applyErasure } from '../storage/purge.ts'
import { damagedHead, decodeHead, type HeldHead, type VerifiedHead } from '../storage/record.ts'
import type { StoreTransaction } from '../storage/transaction.ts'
import type { FeedChunk, FeedItem, ReplaceChunk } from './messages.ts'

export type ApplyReply =
  | { readonly kind: 'applied'; readonly end: Position; readonly complete: Position }
  /** The chunk does not begin where this copy stands: follow again from there. */
  | { readonly kind: 'gap' }

export function applyChunk(store: StoreTransaction, chunk: FeedChunk): ApplyReply {
  const { slot, feed, after, to, complete, items } = chunk
  checkFeed(store, feed)
  const state = store.feedState(slot, feed)
  if (state.end !== after || state.replacing) return { kind: 'gap' }
  for (const item of items) {
    if (item.position <= after || item.position > to) {
      throw new DenizenError('bad_request', 'an item of a chunk lies outside the chunk')
    }
    applyItem(store, slot, feed, item)
  }
  const next = { ...state, end: to, complete: complete ? to : state.complete }
  store.putFeedState(slot, feed, next)
  return { kind: 'applied', end: next.end, complete: next.complete }
}

/** Applies one change of a feed. Throws `bad_request`, `damaged_record`. */
export function applyItem(
  store: StoreTransaction,
  slot: number,
  feed: FeedNumber,
  item: FeedItem,
): void {
  const { kind, text, bytes } = item
  if (kind === entryKind.home) applyMarker(store, slot, feed, item)
  else if (kind === entryKind.idempotency) applyIdempotency(store, slot, text, bytes)
  else if (kind === entryKind.erasure) {
    const erasure = decodeErasure(bytes)
    checkErasure(slot, erasure)
    applyErasure(store, text, erasure, { feed, position: item.position })
  } else applyRecord(store, slot, feed, item)
}

function applyRecord(
  store: StoreTransaction,
  slot: number,
  feed: FeedNumber,
  { position, kind, text: key, bytes }: FeedItem,
): void {
  checkSlot(store, slot, key)
  const incoming = decodeHead(store.context.hasher, key, bytes)
  if (isErased(store, key, incoming)) return
  const held = store.heldHead(key)
  if (held === damagedHead) refuseUnlessNewest(incoming, feed, position)
  else if (held && compareVersions(incoming.version, held.version) <= 0) {
    store.putEntry(slot, feed, { position, kind, text: key })
    return
  }
  const shared = kind === entryKind.sharedRecord
  store.putRecord(slot, key, bytes, { feed, position, shared }, held)
}

/**
 * The version that lies here is damaged, and so unknown. What its home has written at this place of
 * its feed, or further on, is newer; anything else may be older, and waits until the copy has been
 * repaired. It can be further on where the place is that of an entry of what another home had
 * written (`adoptFeed`): to wait for a repair would be in vain, as that waits for the feed.
 */
function refuseUnlessNewest(incoming: VerifiedHead, feed: FeedNumber, position: Position): void {
  if (incoming.feed === feed && incoming.version.seq >= position) return
  throw new DenizenError('damaged_record', 'a change has to wait for the repair of its record')
}

function applyIdempotency(
  store: StoreTransaction,
  slot: number,
  scope: string,
  bytes: Uint8Array,
): void {
  checkSlot(store, slot, groupOfScope(scope))
  const record = decodeIdempotencyRecord(bytes)
  if (store.isErased(groupOfScope(scope), record.version.term)) return
  store.putIdempotencyRecord(slot, scope, record)
}

/** As with records, what the feed names now may have been written by a later home. */
function applyMarker(
  store: StoreTransaction,
  slot: number,
  feed: FeedNumber,
  { position, text: group, bytes }: FeedItem,
): void {
  checkSlot(store, slot, group)
  const marker = decodeHomeMarker(bytes)
  if (store.isErased(group, marker.term)) return
  if (tellsMore(marker, store.homeMarker(group))) {
    store.putHomeMarker(slot, group, marker, { feed, position })
  } else store.putEntry(slot, feed, markerEntry(group, position))
}

function checkFeed(store: StoreTransaction, feed: FeedNumber): void {
  if (feed === store.context.ownFeed) {
    throw new DenizenError('bad_request', 'a region hosts its feed, and follows it nowhere')
  }
}

function checkSlot(store: StoreTransaction, slot: number, key: string): void {
  if (store.slotOfKey(key) !== slot) {
    throw new DenizenError('bad_request', 'a record was sent for a slot that is not its own')
  }
}

/**
 * Applies a part of a replacing snapshot: the slot's keys in (from, to] become what the source has.
 * A record that the source does not have is dropped if the source has seen its change, or if it
 * belongs to a part of the source's own feed that the source has lost.
 */
export function applyReplace(store: StoreTransaction, part: ReplaceChunk): ApplyReply {
  const { slot, feed, from, to, records, markers, idempotency = [], erasures = [] } = part
  checkFeed(store, feed)
  const cursors = new Map(part.cursors.map(one => [one.feed, one.position]))
  const state = store.feedState(slot, feed)
  if (from !== null && !state.replacing) return { kind: 'gap' }
  if (from === null) {
    for (const entry of store.feedEntries(slot, feed, cursors.get(feed) ?? 0)) {
      // The source has lost it, and with it the mutation that it answers for.
      if (entry.kind === entryKind.idempotency) store.dropIdempotencyRecord(slot, entry.text)
      store.dropEntry(slot, feed, entry)
    }
  }
  for (const { hash, bytes } of erasures) {
    const erasure = decodeErasure(bytes)
    checkErasure(slot, erasure)
    applyErasure(store, hash, erasure, enterable(store, erasure))
  }
  const sent = new Set(records.map(({ key }) => key))
  for (const key of keysOfSlot(store, slot, from, to)) {
    const held = store.heldHead(key)
    if (sent.has(key) || !held || held === damagedHead) continue
    if (gone(held, feed, cursors)) store.dropRecord(slot, key)
  }
  for (const { key, bytes } of records) {
    checkSlot(store, slot, key)
    const incoming = decodeHead(store.context.hasher, key, bytes)
    const held = store.heldHead(key)
    if (unknownToHost(store, slot, incoming) || isErased(store, key, incoming)) continue
    if (replaces(store, slot, { key, incoming, held, feed, cursors })) {
      const { feed: of, shared, version } = incoming
      store.putRecord(slot, key, bytes, { feed: of, position: version.seq, shared }, held)
    }
  }
  for (const { scope, bytes } of idempotency) {
    if (unknownToHost(store, slot, decodeIdempotencyRecord(bytes))) continue
    applyIdempotency(store, slot, scope, bytes)
  }
  for (const { group, bytes } of markers) {
    const marker = decodeHomeMarker(bytes)
    checkSlot(store, slot, group)
    if (store.isErased(group, marker.term)) continue
    if (tellsMore(marker, store.homeMarker(group))) store.putHomeMarker(slot, group, marker)
  }
  const position = cursors.get(feed) ?? 0
  const done = to === null
  const next = done
    ? { ...state, end: position, complete: position, replacing: false }
    : { ...state, end: 0, complete: 0, replacing: true }
  store.putFeedState(slot, feed, next)
  return { kind: 'applied', end: next.end, complete: next.complete }
}

type Cursors = ReadonlyMap<FeedNumber, Position>

interface Meeting {
  readonly key: string
  readonly incoming: VerifiedHead
  readonly held: HeldHead | undefined
  /** The source's own. */
  readonly feed: FeedNumber
  readonly cursors: Cursors
}

function replaces(
  store: StoreTransaction,
  slot: number,
  { key, incoming, held, feed, cursors }: Meeting,
): boolean {
  if (held === damagedHead) return !store.hasChangeAfter(slot, key, cursors)
  const newer = !held || compareVersions(incoming.version, held.version) > 0
  return newer || lost(held, feed, cursors)
}

/** Which change it was that something holds. */
interface Changed {
  readonly feed: FeedNumber
  readonly version: Version
}

/** The host of the feed has lost this change, with its disk or by a restore. */
const lost = (held: Changed, feed: FeedNumber, cursors: Cursors): boolean =>
  held.feed === feed && held.version.seq > (cursors.get(feed) ?? 0)

/**
 * A change of this region's own feed that this region itself has lost. Its feed can't take it back:
 * the position may be given out again. The source loses it when it follows this region.
 */
const unknownToHost = (store: StoreTransaction, slot: number, incoming: Changed): boolean =>
  incoming.feed === store.context.ownFeed &&
  incoming.version.seq > store.feedState(slot, incoming.feed).end

/** The source has had this change, and does not have the key any more. */
const gone = (held: Changed, feed: FeedNumber, cursors: Cursors): boolean =>
  lost(held, feed, cursors) || held.version.seq <= (cursors.get(held.feed) ?? -1)

/** Of a life of its group that is over. */
const isErased = (store: StoreTransaction, key: string, { version }: VerifiedHead): boolean =>
  store.isErased(store.context.placement.groupOf(key as Key), version.term)

function checkErasure(slot: number, erasure: Erasure): void {
  if (erasure.slot === slot) return
  throw new DenizenError('bad_request', 'an erasure was sent for a slot that is not its own')
}

/** The place of an erasure that did not come by its feed: none beyond what this host knows. */
export const enterable = (store: StoreTransaction, erasure: Erasure): Erasure | undefined => {
  const { slot, feed, position } = erasure
  const isLost = feed === store.context.ownFeed && position > store.feedState(slot, feed).end
  return isLost ? undefined : erasure
}

/** True of what has to be alone in its commit: see `applyErasure`. */
export const hasErasures = ({ items }: { readonly items: readonly FeedItem[] }): boolean =>
  items.some(({ kind }) => kind === entryKind.erasure)

/** Committed keys of a slot in (from, to]. */
function* keysOfSlot(
  store: StoreTransaction,
  slot: number,
  from: string | null,
  to: string | null,
): IterableIterator<string> {
  for (const { key } of store.recordRows('', from ?? undefined)) {
    if (to !== null && compareUtf8(key, to) > 0) return
    if (store.slotOfKey(key) === slot) yield key
  }
}
