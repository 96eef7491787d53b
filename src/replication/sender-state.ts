/** What the source's side of a feeds stream knows of each dataset that is followed on it. */
import type { Position } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import type { SnapshotPart } from './read-snapshot.ts'

interface SlotState {
  end: Position
  sent: Position
  acked: Position
  /** The follower is durably complete up to here. */
  complete: Position
  /** A replacing snapshot is due or runs; what was sent before it does not count. */
  replacing: boolean
}

/** Of a follower that stands at a position; without one it has nothing. */
export const newSlotState = (at: Position = 0, complete: Position = 0): SlotState => ({
  ...{ end: 0, sent: at, acked: at, complete, replacing: false },
})

/** Where a follower stands. Null: it needs a replacing snapshot. */
export interface FollowedFrom {
  readonly slot: Slot
  readonly position: Position | null
  readonly complete: Position
}

/** The replacing snapshot that is being sent: parts of one slot, in key order. */
export interface Snapshot {
  readonly slot: Slot
  /** The last key that was sent; null before the first part. */
  from: string | null
  /** As they were when it began. */
  cursors: SnapshotPart['cursors']
}

export interface DatasetState {
  readonly round: number
  readonly slots: Map<Slot, SlotState>
  /** Slots with changes that have not been sent, in turn. */
  readonly waiting: Set<Slot>
  /** Slots that need a replacing snapshot, in turn. */
  readonly stale: Set<Slot>
  /** Slots that are to be read again after the next poll. */
  readonly stalled: Set<Slot>
  snapshot: Snapshot | undefined
  outstandingBytes: number
  reading: boolean
  /** Ends are known. Until then growth is only remembered. */
  following: boolean
  readonly grownBefore: Map<Slot, Position>
  readonly positions: readonly FollowedFrom[]
}

export const newDatasetState = (
  round: number,
  positions: DatasetState['positions'],
): DatasetState => ({
  ...{ round, positions },
  slots: new Map(),
  ...{ waiting: new Set(), stale: new Set(), stalled: new Set() },
  snapshot: undefined,
  outstandingBytes: 0,
  ...{ reading: false, following: false },
  grownBefore: new Map(),
})
