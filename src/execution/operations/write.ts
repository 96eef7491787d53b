/**
 * `write`: puts or deletes one key, if this region is the home of its group. The check of the home,
 * of the precondition and the write itself happen in one turn of the shard, so nothing can come
 * between them.
 */
import { assert } from '../../model/assert.ts'
import type { Key } from '../../model/key.ts'
import { compareVersions, type Version } from '../../model/version.ts'
import type { StoredRecord } from '../../storage/record.ts'
import type { GroupHome } from '../../storage/row-values.ts'
import type { StoreTransaction } from '../../storage/transaction.ts'
import { findHome, type KnownHome } from '../home.ts'
import type { FeedPoint, Precondition } from '../operation.ts'

export interface WriteRequest {
  readonly key: Key
  /** undefined deletes. */
  readonly value: { readonly bytes: Uint8Array; readonly mediaType: string } | undefined
  readonly precondition: Precondition
  /** The registrar's answer to a claim that this region has just made for the group. */
  readonly claimed?: GroupHome
}

export type WriteReply =
  | {
      readonly kind: 'written' | 'deleted'
      readonly version: Version
      readonly created: boolean
      readonly point: FeedPoint
      readonly home: KnownHome
    }
  /**
   * Nothing was written: a delete found nothing, or the precondition does not hold. `point` is
   * where what was met lies (a tombstone too), so that the session sees no older state later.
   */
  | {
      readonly kind: 'absent' | 'mismatch'
      readonly home: KnownHome
      /** The live version that was met. */
      readonly current: Version | undefined
      readonly point: FeedPoint | undefined
    }
  | { readonly kind: 'elsewhere'; readonly home: KnownHome }
  | { readonly kind: 'homeless' }

export function write(store: StoreTransaction, request: WriteRequest): WriteReply {
  const { key, value, claimed } = request
  const { placement, self, ownFeed } = store.context
  const group = placement.groupOf(key)
  const slot = placement.slotOf(group)
  const home = strongest(findHome(store, group), claimed && known(store, claimed))
  if (!home) return { kind: 'homeless' }
  if (home.region !== self) return { kind: 'elsewhere', home }
  assert(placement.mayHome(self), 'only a region that may home becomes a home')

  const before = store.record(key)
  const live = before !== undefined && !before.tombstone
  const current = live ? before.version : undefined
  const met = before && { slot, feed: before.feed, position: before.version.seq }
  if (!holds(request.precondition, current)) return { kind: 'mismatch', home, current, point: met }
  if (!value && !live) return { kind: 'absent', home, current, point: met }

  if (claimed && placement.data.groupBySegments !== null && !store.homeMarker(group)) {
    assert(claimed.feed === ownFeed, 'a claim names the feed that the home writes')
    store.putHomeMarker(slot, group, { ...claimed, position: store.appendPosition(slot) })
  }
  const seq = store.appendPosition(slot)
  const version: Version = { term: home.term, seq }
  assert(!before || compareVersions(version, before.version) > 0, 'versions of a key only go up')
  const record: StoredRecord = value
    ? { version, feed: ownFeed, tombstone: false, mediaType: value.mediaType, value: value.bytes }
    : { version, feed: ownFeed, tombstone: true, mediaType: '', value: new Uint8Array() }
  store.writeRecord(slot, key, record)
  const point = { slot, feed: ownFeed, position: seq }
  return { kind: value ? 'written' : 'deleted', version, created: !live, point, home }
}

const known = (store: StoreTransaction, home: GroupHome): KnownHome => ({
  region: store.context.regions.idOf(home.region),
  term: home.term,
})

const strongest = (a: KnownHome | undefined, b: KnownHome | undefined): KnownHome | undefined => {
  if (!a || !b) return a ?? b
  return b.term > a.term ? b : a
}

const holds = ({ ifMatch, ifNoneMatch }: Precondition, current: Version | undefined): boolean =>
  (ifMatch === undefined || matches(ifMatch, current)) &&
  (ifNoneMatch === undefined || !matches(ifNoneMatch, current))

const matches = (wanted: Version | '*', current: Version | undefined): boolean =>
  current !== undefined && (wanted === '*' || compareVersions(wanted, current) === 0)
