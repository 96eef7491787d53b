/** Copies of one dataset in several regions: the same live records in each slot, or not. */
import type { Slot } from '../../model/slot.ts'
import type { VerifiedDataset } from './verify.ts'

export interface VerifiedDirectory {
  readonly path: string
  readonly region: string
  readonly datasets: readonly VerifiedDataset[]
}

export interface Disagreement {
  readonly dataset: string
  /** Absent when the copies do not even have the same number of slots. */
  readonly slot?: Slot
  /** In the order of the directories. */
  readonly copies: readonly { readonly path: string; readonly records: number }[]
}

/** Tombstones do not count: copies drop them at different times. */
export function disagreements(directories: readonly VerifiedDirectory[]): readonly Disagreement[] {
  const ids = new Set(directories.flatMap(({ datasets }) => datasets.map(it => it.dataset)))
  return [...ids].flatMap(dataset => compareDataset(dataset, directories))
}

function compareDataset(
  dataset: string,
  directories: readonly VerifiedDirectory[],
): readonly Disagreement[] {
  const copies = directories.flatMap(({ path, datasets }) => {
    const slots = datasets.find(it => it.dataset === dataset)?.slots
    return slots ? [{ path, slots }] : []
  })
  const counts = new Set(copies.map(({ slots }) => slots.length))
  if (counts.size > 1) {
    const whole = copies.map(({ path, slots }) => ({
      path,
      records: slots.reduce((sum, { records }) => sum + records, 0),
    }))
    return [{ dataset, copies: whole }]
  }
  const slotCount = copies[0]?.slots.length ?? 0
  return Array.from({ length: slotCount }, (_, slot) => slot)
    .filter(slot => new Set(copies.map(({ slots }) => slots[slot]?.sum)).size > 1)
    .map(slot => ({
      dataset,
      slot,
      copies: copies.map(({ path, slots }) => ({ path, records: slots[slot]?.records ?? 0 })),
    }))
}
