/**
 * `read`: one key from this copy. As `home` it answers only if this region is the group's home (a
 * strong read); as `copy` it answers from whatever this copy has, unless the session has seen more.
 */
import { DenizenError } from '../../model/errors.ts'
import type { Key } from '../../model/key.ts'
import type { FeedNumber, Position } from '../../model/position.ts'
import type { Slot } from '../../model/slot.ts'
import type { Version } from '../../model/version.ts'
import { damagedHead, isExpired, type StoredRecord } from '../../storage/record.ts'
import type { StoreReader } from '../../storage/store.ts'
import type { ValueCopies } from '../../storage/value-copies.ts'
import {
  erasurePoint,
  findHome,
  isCompleteTo,
  type KnownHome,
  lacksPast,
  standingOf,
} from '../home.ts'
import type { FeedPoint } from '../operation.ts'
import type { NotAtHome } from './write.ts'

/** Points of feeds, of one slot, that the answer must not be older than. */
export type SeenPoints = readonly { readonly feed: FeedNumber; readonly position: Position }[]

/** null asks for nothing: any state will do (`eventual`). */
export type WantedPoints = SeenPoints | null

export interface ReadRequest {
  readonly key: Key
  readonly as: 'home' | 'copy'
  readonly seen: WantedPoints
  /**
   * The slot must not be between two states, whatever `seen` names: what is asked of the copy is
   * true of its complete states only.
   */
  readonly whole?: boolean
  /** The reading region's wall clock. */
  readonly nowMs: number
}

export type ReadReply =
  | {
      readonly kind: 'found'
      readonly version: Version
      readonly mediaType: string
      readonly value: Uint8Array
      readonly home: KnownHome | undefined
      readonly point: FeedPoint
      /** Wall-clock ms of the home; 0: never. */
      readonly expiresAtMs: number
      readonly lacksPast?: LacksPast
    }
  | {
      readonly kind: 'absent'
      readonly home: KnownHome | undefined
      /** Of tombstone or erasure: a session that saw the absence must not see the value again. */
      readonly point: FeedPoint | undefined
      readonly lacksPast?: LacksPast
    }
  /**
   * The session has seen more than this copy has, or the value has expired here: only the home can
   * say that it is gone.
   */
  | { readonly kind: 'behind'; readonly home: KnownHome | undefined }
  /** Asked as home. */
  | NotAtHome
  /** The record fails its checksum. Its home is not known where only the record would tell. */
  | { readonly kind: 'damaged'; readonly home: KnownHome | undefined }
  /** This is the home: `expireKey` has to make the absence durable before it is told. */
  | { readonly kind: 'expired' }

/** The copy may lack changes of earlier homes: the age of its home's feed says too little. */
type LacksPast = true

export function read(store: StoreReader, request: ReadRequest): ReadReply {
  const { placement } = store.context
  const group = placement.groupOf(request.key)
  return readAt(store, { group, slot: placement.slotOf(group) }, request)
}

/** As `read`, where the key's group and slot are known; `copies`: where more are read. */
export function readAt(
  store: StoreReader,
  { group, slot }: { readonly group: string; readonly slot: Slot },
  { key, as, seen, whole, nowMs }: ReadRequest,
  copies?: ValueCopies,
): ReadReply {
  const held = recordOrDamage(store, key, copies)
  const record = held === damagedHead ? undefined : held
  const standing = standingOf(store, group, record)
  const atHome = standing.kind === 'home'
  const home = 'home' in standing ? standing.home : findHome(store, group, record)
  const isUnknown = held === damagedHead && standing.kind === 'homeless'
  if (as === 'home' && !atHome && !isUnknown) return standing
  if (held === damagedHead) return { kind: 'damaged', home }
  if (!atHome && seen && !hasSeen(store, slot, seen, whole)) return { kind: 'behind', home }
  const age = !atHome && lacksPast(store, group) ? ({ lacksPast: true } as const) : undefined
  if (!record) return { kind: 'absent', home, point: erasurePoint(store, group), ...age }
  if (isExpired(record, nowMs)) {
    if (!seen) return { kind: 'absent', home, point: undefined, ...age }
    return atHome ? { kind: 'expired' } : { kind: 'behind', home }
  }
  const point = { slot, feed: record.feed, position: record.version.seq }
  if (record.tombstone) return { kind: 'absent', home, point, ...age }
  const { version, mediaType, value, expiresAtMs } = record
  return { kind: 'found', version, mediaType, value, home, point, expiresAtMs, ...age }
}

function recordOrDamage(
  store: StoreReader,
  key: Key,
  copies: ValueCopies | undefined,
): StoredRecord | typeof damagedHead | undefined {
  try {
    return store.record(key, copies)
  } catch (error) {
    if (error instanceof DenizenError && error.code === 'damaged_record') return damagedHead
    throw error
  }
}

export interface HasSeenRequest {
  readonly slot: Slot
  readonly seen: SeenPoints
  readonly whole: boolean
}

/**
 * True when this copy holds, completely, all that the session has seen of the slot. While a long
 * range of a feed or a replacing snapshot is being applied, the slot mixes states, and no session
 * may look at it.
 */
export function hasSeen(store: StoreReader, slot: Slot, seen: SeenPoints, whole = false): boolean {
  if (seen.length === 0 && !whole) return true
  for (const { state } of store.feedsOfSlot(slot)) {
    if (state.replacing || state.complete < state.end) return false
  }
  return seen.every(({ feed, position }) => isCompleteTo(store, slot, feed, position))
}
