/**
 * `list`: the live records of one store under a prefix, in key order. The router merges stores. A
 * page looks at a bounded number of rows: millions of tombstones must not hold up the thread.
 */
import type { Key } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import type { Slot } from '../../model/slot.ts'
import { isExpired } from '../../storage/record.ts'
import type { StoreReader } from '../../storage/store.ts'
import { recordsOfGroup } from '../group-records.ts'
import { standingOf } from '../home.ts'
import type { ListItem } from '../operation.ts'
import { hasSeen, type SeenPoints } from './read.ts'
import type { NotAtHome } from './write.ts'

export interface ListStoreRequest {
  readonly prefix: string
  /** Instead of a prefix: the group whose keys are listed. */
  readonly ofGroup?: string
  /** Exclusive. */
  readonly after: string | undefined
  readonly limit: number
  readonly bytesMax: number
  readonly values: boolean
  /** Wall clock: what has expired by then is left out. */
  readonly nowMs: number
  /** What the session has seen, by slot. */
  readonly seen: readonly { readonly slot: Slot; readonly points: SeenPoints }[]
  /** Slots that must not be between two states. */
  readonly whole?: readonly Slot[]
}

export interface ListStoreReply {
  readonly items: readonly ListItem[]
  /** The page has all that there is up to this key, which may be a deleted one; null: all. */
  readonly upTo: Key | null
}

/** All keys are of one group, and only its home may answer. */
export interface ListAtHomeRequest extends ListStoreRequest {
  readonly group: string
}

export function listAtHome(
  store: StoreReader,
  request: ListAtHomeRequest,
): ReturnType<typeof list> | NotAtHome {
  const standing = standingOf(store, request.group, undefined)
  // Claimed by this region, but no write was acknowledged yet: there is nothing. Of a group that
  // was erased that is not certain: whoever named this region may have gone by the ledger.
  const isHome =
    standing.kind === 'home' || (standing.kind === 'homeless' && standing.over === undefined)
  return isHome ? list(store, request) : standing
}

const rowsOf = (store: StoreReader, { prefix, after, ofGroup }: ListStoreRequest) =>
  ofGroup === undefined ? store.records(prefix, after) : recordsOfGroup(store, ofGroup, after)

/** A copy that has not got all that the session has seen says so instead. */
export function list(
  store: StoreReader,
  request: ListStoreRequest,
): ListStoreReply | { readonly behind: true } {
  const { seen, whole = [] } = request
  const hasAll =
    seen.every(({ slot, points }) => hasSeen(store, slot, points)) &&
    whole.every(slot => hasSeen(store, slot, [], true))
  if (!hasAll) return { behind: true }
  const items: ListItem[] = []
  let upTo: Key | null = null
  let [rows, bytes] = [0, 0]
  for (const { key, record } of rowsOf(store, request)) {
    const isFull = items.length >= request.limit || bytes >= request.bytesMax
    if (isFull || rows >= limits.listRowsMax) return { items, upTo }
    upTo = key
    rows += 1
    if (record.tombstone || isExpired(record, request.nowMs)) continue
    const { version, mediaType, value, expiresAtMs } = record
    items.push({
      ...{ key, version, mediaType },
      ...(request.values && { value }),
      ...(expiresAtMs !== 0 && { expiresAtMs }),
    })
    bytes += key.length + (request.values ? value.length : 0)
  }
  return { items, upTo: null }
}
