/** `readMany`: `read` for many keys of one store at once, each answered as it would be alone. */
import type { Key } from '../../model/key.ts'
import type { Slot } from '../../model/slot.ts'
import type { StoreReader } from '../../storage/store.ts'
import { ValueCopies } from '../../storage/value-copies.ts'
import { type ReadReply, type ReadRequest, readAt, type WantedPoints } from './read.ts'

export interface ReadManyRequest extends Pick<ReadRequest, 'as' | 'whole' | 'nowMs'> {
  readonly keys: readonly Key[]
  /** Of each key's group. */
  readonly slots: readonly Slot[]
  /** For each key. */
  readonly seen: readonly WantedPoints[]
}

export function readMany(store: StoreReader, request: ReadManyRequest): ReadReply[] {
  const { keys, slots, seen, as, whole = false, nowMs } = request
  const { placement } = store.context
  const copies = new ValueCopies()
  return keys.map((key, index) => {
    const at = { group: placement.groupOf(key), slot: slots[index] as Slot }
    return readAt(store, at, { key, as, seen: seen[index] ?? null, whole, nowMs }, copies)
  })
}
