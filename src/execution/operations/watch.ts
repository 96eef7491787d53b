/**
 * `current`: what a store holds under keys that have changed. A watch reads it after it has heard
 * of the change, so it gets that version or a later one, and no key's versions go backwards.
 */
import type { Key } from '../../model/key.ts'
import type { Version } from '../../model/version.ts'
import { isExpired } from '../../storage/record.ts'
import type { StoreReader } from '../../storage/store.ts'
import type { ListItem } from '../operation.ts'

export type KeyChange =
  | ({ readonly kind: 'put' } & ListItem & Required<Pick<ListItem, 'value'>>)
  /** Without a version where the group was erased, or its home has lost a change. */
  | { readonly kind: 'delete'; readonly key: Key; readonly version?: Version }

export interface CurrentRequest {
  readonly keys: readonly Key[]
  /** The reply ends after the value that exceeds it. */
  readonly bytesMax: number
  /** Wall clock. */
  readonly nowMs: number
}

export interface CurrentReply {
  /**
   * None for keys that have expired: that is told once their home has made it durable, and the
   * tombstone is a change of its own.
   */
  readonly changes: readonly KeyChange[]
  /** Of the keys, from the first. */
  readonly taken: number
}

export function current(store: StoreReader, request: CurrentRequest): CurrentReply {
  const changes: KeyChange[] = []
  let [taken, bytes] = [0, 0]
  for (const key of request.keys) {
    if (bytes > request.bytesMax) break
    taken += 1
    const record = store.record(key)
    if (record === undefined) changes.push({ kind: 'delete', key })
    else if (record.tombstone) changes.push({ kind: 'delete', key, version: record.version })
    else if (!isExpired(record, request.nowMs)) {
      const { version, mediaType, value } = record
      changes.push({ kind: 'put', key, version, mediaType, value })
      bytes += value.length
    }
  }
  return { changes, taken }
}
