/** `list`: the live records of one store under a prefix, in key order. The router merges stores. */
import type { Slot } from '../../model/slot.ts'
import { isExpired } from '../../storage/record.ts'
import type { StoreReader } from '../../storage/store.ts'
import type { ListItem } from '../operation.ts'
import { hasSeen, type SeenPoints } from './read.ts'

export interface ListStoreRequest {
  readonly prefix: string
  /** Exclusive. */
  readonly after: string | undefined
  readonly limit: number
  readonly bytesMax: number
  readonly values: boolean
  /** Wall clock: what has expired by then is left out. */
  readonly nowMs: number
  /** What the session has seen, by slot. */
  readonly seen: readonly { readonly slot: Slot; readonly points: SeenPoints }[]
}

export interface ListStoreReply {
  readonly items: readonly ListItem[]
  /** False when the store has more under the prefix than this page holds. */
  readonly finished: boolean
}

/** A copy that has not got all that the session has seen says so instead. */
export function list(
  store: StoreReader,
  request: ListStoreRequest,
): ListStoreReply | { readonly behind: true } {
  if (!request.seen.every(({ slot, points }) => hasSeen(store, slot, points))) {
    return { behind: true }
  }
  const items: ListItem[] = []
  let bytes = 0
  for (const { key, record } of store.records(request.prefix, request.after)) {
    if (record.tombstone || isExpired(record, request.nowMs)) continue
    if (items.length >= request.limit || bytes >= request.bytesMax) {
      return { items, finished: false }
    }
    const { version, mediaType, value } = record
    items.push({ key, version, mediaType, ...(request.values ? { value } : {}) })
    bytes += key.length + (request.values ? value.length : 0)
  }
  return { items, finished: true }
}
