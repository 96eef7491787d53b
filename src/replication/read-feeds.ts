/** The source's side in the shard: chunks of feeds, from short snapshots. */
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import { limits } from '../model/limits.ts'
import { type FeedNumber, generationOf, type Position } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import { encodeErasure } from '../storage/erasure.ts'
import { entryKind, type FeedEntry } from '../storage/feed-entry.ts'
import { encodeHomeMarker } from '../storage/home-marker.ts'
import { decodeHead } from '../storage/record.ts'
import { currentGeneration, type FeedState } from '../storage/row-values.ts'
import type { StoreReader } from '../storage/store.ts'
import type { FeedChunk, FeedItem } from './messages.ts'

export interface ReadFeedsRequest {
  readonly requests: readonly { readonly slot: Slot; readonly after: Position }[]
  readonly bytesMax: number
}

export type SlotChunk =
  | ({
      readonly kind: 'chunk'
      /** The key of a record that the feed can't go past, as it is damaged here. */
      readonly damaged?: string
    } & FeedPart)
  /** The follower can't go on from where it is. */
  | { readonly kind: 'resync'; readonly slot: Slot }

type FeedPart = Omit<FeedChunk, 'type' | 'dataset'>

/** Bytes that an item counts beside its record: for credit, not for the wire. */
export const ITEM_OVERHEAD_BYTES = 32

/** Chunks of this region's own feed, as many as fit. Slots left out are asked for again. */
export function readFeeds(store: StoreReader, request: ReadFeedsRequest): SlotChunk[] {
  const chunks: SlotChunk[] = []
  let left = request.bytesMax
  for (const { slot, after } of request.requests) {
    if (left <= 0) break
    const state = store.feedState(slot, store.context.ownFeed)
    if (!goesOn(state, after)) {
      chunks.push({ kind: 'resync', slot })
      continue
    }
    const chunk = readChunk(store, slot, after, state, Math.min(left, limits.chunkBytesMax))
    left -= chunk.bytes
    chunks.push(chunk)
  }
  return chunks
}

/**
 * Whether a follower that stands at `after` can go on reading the feed. It can't if it holds
 * positions that this host does not know: the host lost them, with its disk or by a restore. Feeds
 * are kept whole as yet, so that one which has nothing reads from the start; once entries that all
 * regions have are dropped (`gcFloor`), whoever is below the floor can't go on either.
 */
export function goesOn(state: FeedState, after: Position): boolean {
  if (after === 0) return true
  const generation = generationOf(after)
  if (generation === currentGeneration(state)) return after <= state.end
  const next = state.boundaries.find(boundary => boundary.generation === generation + 1)
  return next !== undefined && after <= next.previousEnd
}

function readChunk(
  store: StoreReader,
  slot: Slot,
  after: Position,
  state: FeedState,
  bytesMax: number,
): Extract<SlotChunk, { kind: 'chunk' }> {
  const feed: FeedNumber = store.context.ownFeed
  const items: FeedItem[] = []
  let bytes = 0
  let to = after
  let complete = true
  for (const entry of store.feedEntries(slot, feed, after)) {
    if (bytes >= bytesMax && entry.position !== to) {
      complete = false
      break
    }
    if (isGone(store, entry)) {
      to = entry.position
      continue
    }
    // What was written together shares a position, and stays together.
    const item = soundItem(store, entry)
    if (!item) return { kind: 'chunk', feed, slot, after, bytes, ...upTo(entry, items, after) }
    items.push(item)
    bytes += item.bytes.length + item.text.length + ITEM_OVERHEAD_BYTES
    to = entry.position
  }
  assert(to <= state.end, 'no entry lies past the end of its feed')
  if (complete) to = state.end
  return { kind: 'chunk', slot, feed, after, to, complete, items, bytes }
}

/** An idempotency record that is not kept any more: an entry in another feed may have led to it. */
export const isGone = (store: StoreReader, { kind, text }: FeedEntry): boolean =>
  kind === entryKind.idempotency && store.idempotencyRecord(text) === undefined

/** What comes before a damaged record, and so before all that shares its position. */
function upTo({ position, text: damaged }: FeedEntry, read: readonly FeedItem[], after: Position) {
  const items = read.filter(item => item.position < position)
  return { items, to: items.at(-1)?.position ?? after, complete: false, damaged }
}

function soundItem(store: StoreReader, entry: FeedEntry): FeedItem | undefined {
  try {
    return readItem(store, entry)
  } catch (error) {
    if (error instanceof DenizenError && error.code === 'damaged_record') return undefined
    throw error
  }
}

/** What an entry of a feed stands for. Throws `damaged_record`. */
export function readItem(store: StoreReader, { position, kind, text }: FeedEntry): FeedItem {
  if (kind === entryKind.home) {
    const marker = store.homeMarker(text)
    assert(marker, 'a feed entry of a home points to a marker')
    return { position, kind, text, bytes: encodeHomeMarker(marker) }
  }
  if (kind === entryKind.erasure) {
    const erasure = store.erasureOf(text)
    assert(erasure, 'a feed entry of an erasure points to the ledger')
    return { position, kind, text, bytes: encodeErasure(erasure) }
  }
  if (kind === entryKind.idempotency) {
    const bytes = store.idempotencyBytes(text)
    assert(bytes, 'a feed entry of an idempotency record goes with it')
    return { position, kind, text, bytes }
  }
  const bytes = store.recordBytes(text)
  if (!bytes) throw new DenizenError('damaged_record', 'a feed entry points to no record')
  decodeHead(store.context.hasher, text, bytes)
  return { position, kind: kind === entryKind.entered ? entryKind.record : kind, text, bytes }
}
