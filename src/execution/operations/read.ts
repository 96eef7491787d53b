/**
 * `read`: one key from this copy. As `home` it answers only if this region is the group's home (a
 * strong read); as `copy` it answers from whatever this copy has, unless the session has seen more.
 */
import type { Key } from '../../model/key.ts'
import type { FeedNumber, Position } from '../../model/position.ts'
import type { Slot } from '../../model/slot.ts'
import type { Version } from '../../model/version.ts'
import type { StoreReader } from '../../storage/store.ts'
import { findHome, type KnownHome } from '../home.ts'
import type { FeedPoint } from '../operation.ts'

/** Points of feeds, of one slot, that the answer must not be older than. */
export type SeenPoints = readonly { readonly feed: FeedNumber; readonly position: Position }[]

export interface ReadRequest {
  readonly key: Key
  readonly as: 'home' | 'copy'
  readonly seen: SeenPoints
}

export type ReadReply =
  | {
      readonly kind: 'found'
      readonly version: Version
      readonly mediaType: string
      readonly value: Uint8Array
      readonly home: KnownHome | undefined
      readonly point: FeedPoint
    }
  | {
      readonly kind: 'absent'
      readonly home: KnownHome | undefined
      /** The tombstone's point: a session that saw the absence must not see the value again. */
      readonly point: FeedPoint | undefined
    }
  /** The session has seen more than this copy has. */
  | { readonly kind: 'behind'; readonly home: KnownHome | undefined }
  /** Asked as home, but the home is elsewhere, or not known here. */
  | { readonly kind: 'elsewhere'; readonly home: KnownHome }
  | { readonly kind: 'homeless' }

export function read(store: StoreReader, { key, as, seen }: ReadRequest): ReadReply {
  const { placement, self } = store.context
  const group = placement.groupOf(key)
  const slot = placement.slotOf(group)
  const home = findHome(store, group)
  if (as === 'home') {
    if (!home) return { kind: 'homeless' }
    if (home.region !== self) return { kind: 'elsewhere', home }
  } else if (home?.region !== self && !hasSeen(store, slot, seen)) {
    return { kind: 'behind', home }
  }
  const record = store.record(key)
  if (!record) return { kind: 'absent', home, point: undefined }
  const point = { slot, feed: record.feed, position: record.version.seq }
  if (record.tombstone) return { kind: 'absent', home, point }
  const { version, mediaType, value } = record
  return { kind: 'found', version, mediaType, value, home, point }
}

/**
 * True when this copy holds, completely, all that the session has seen of the slot. While a long
 * range of a feed or a replacing snapshot is being applied, the slot mixes states, and no session
 * may look at it.
 */
export function hasSeen(store: StoreReader, slot: Slot, seen: SeenPoints): boolean {
  if (seen.length === 0) return true
  for (const { state } of store.feedsOfSlot(slot)) {
    if (state.replacing || state.complete < state.end) return false
  }
  return seen.every(({ feed, position }) => store.feedState(slot, feed).complete >= position)
}
