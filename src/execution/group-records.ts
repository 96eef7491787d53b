/** The records of a group in its store, and what tells one state of them from another. */
import { utf8, utf8Length } from '../model/bytes.ts'
import type { Key } from '../model/key.ts'
import { formatVersion } from '../model/version.ts'
import type { StoredRecord } from '../storage/record.ts'
import type { StoreReader } from '../storage/store.ts'

/**
 * In key order, tombstones among them: the group's own name and, where it has all segments of
 * groups, what lies below it. Throws `damaged_record`.
 */
export function* recordsOfGroup(
  store: StoreReader,
  group: string,
  after?: string,
): Generator<{ readonly key: Key; readonly record: StoredRecord }> {
  const record = after === undefined ? store.record(group) : undefined
  if (record) yield { key: group as Key, record }
  const { groupBySegments } = store.context.placement.data
  if (group.split('/').length !== groupBySegments) return
  yield* store.records(`${group}/`, after)
}

export interface GroupState {
  /** Live keys. */
  readonly records: number
  /** Of their keys and values. */
  readonly bytes: number
  /**
   * Names the state: which keys there are, deleted ones among them, in which versions. A key never
   * has a version twice, so two equal tags mean that nothing has changed in between.
   */
  readonly tag: string
}

export function groupState(store: StoreReader, group: string): GroupState {
  const { hasher } = store.context
  let [records, bytes, hash] = [0, 0, 0n]
  for (const { key, record } of recordsOfGroup(store, group)) {
    const name = utf8(`${formatVersion(record.version)} ${key}`)
    hash = hasher.h64(name, hash)
    if (record.tombstone) continue
    records += 1
    bytes += utf8Length(key) + record.value.length
  }
  return { records, bytes, tag: `${records}-${hash.toString(16).padStart(16, '0')}` }
}

/** Of a group without a key. */
export const emptyGroup: GroupState = { records: 0, bytes: 0, tag: `0-${'0'.repeat(16)}` }
