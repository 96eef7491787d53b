/** Damages what lies on a disk, behind the back of the node. */
import type { Engine } from '../../src/storage/engine.ts'
import { rowKeys } from '../../src/storage/rows.ts'

/** Flips a bit of the record's row: by default of its last byte, which belongs to the value. */
export function damageRecord(engine: Engine, key: string, at?: number): Promise<void> {
  const rowKey = rowKeys.record(key)
  const value = engine.get(rowKey)
  if (!value) throw new Error('there is no such record')
  const place = at ?? value.length - 1
  value[place] = (value[place] ?? 0) ^ 1
  return engine.commit([{ key: rowKey, value }])
}
