/** What of all that can befall messages a campaign has done too seldom to say anything about it. */
import type { FateCounts } from './fates.ts'
import { type Cell, cells } from './message-types.ts'

/** How often each type of message is to suffer each kind of fault. */
export const HITS_WANTED = 100

export interface ThinCell extends Cell {
  readonly hits: number
}

/** Those with fewer hits than are wanted. */
export const thinCells = (fates: FateCounts): readonly ThinCell[] =>
  cells
    .map(cell => ({ ...cell, hits: fates[cell.message]?.[cell.fault] ?? 0 }))
    .filter(({ hits }) => hits < HITS_WANTED)
