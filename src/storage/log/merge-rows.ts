/** Merges rows of one order; where both have a key, the newer ones win. */
import { compareBytes } from '../../model/bytes.ts'
import type { RowChange } from '../engine.ts'

export function* mergeRows(
  newer: Iterator<RowChange>,
  older: Iterator<RowChange>,
  reverse: boolean,
): Generator<RowChange> {
  let one = newer.next()
  let other = older.next()
  while (one.done !== true && other.done !== true) {
    const order = compareBytes(one.value.key, other.value.key) * (reverse ? -1 : 1)
    if (order <= 0) {
      yield one.value
      one = newer.next()
    } else yield other.value
    if (order >= 0) other = older.next()
  }
  for (; one.done !== true; one = newer.next()) yield one.value
  for (; other.done !== true; other = older.next()) yield other.value
}
