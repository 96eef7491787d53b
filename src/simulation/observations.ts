/**
 * Observations: what clients can't see, and so no history shows. The simulator looks into disks,
 * copies and wires for them. Plain data, with the values and versions of the history beside them.
 */
import type { RegionId } from '../model/slot.ts'

/** What one copy holds under one key. */
export interface CopyRow {
  readonly dataset: string
  readonly key: string
  /** `term.seq`. */
  readonly version: string
  /** null: a tombstone. */
  readonly value: string | null
}

/** What would be read from the disks if all processes ended now; unsynced bytes are not in it. */
export interface DurableState {
  /** On the history's clock: what was acknowledged before is in it. */
  readonly atMs: number
  /** Every region of the world has an entry. */
  readonly regions: ReadonlyMap<RegionId, readonly CopyRow[]>
  /** Regions whose disks were lost (not only unsynced bytes) at some time before. */
  readonly lostDisks: ReadonlySet<RegionId>
  /** Tombstones may have been collected by now, so a missing row may stand for one. */
  readonly tombstonesCollected: boolean
}

/** One step of a copy, in the order in which its readers could see it. */
export type CopyChange = {
  readonly region: RegionId
  readonly dataset: string
} & (
  | {
      readonly kind: 'row'
      readonly key: string
      readonly version: string
      readonly value: string | null
    }
  /** The policy, or the loss of its disk, has taken the copy (of this key, or all of it) away. */
  | { readonly kind: 'removed'; readonly key?: string }
)

/** Fewer disks than a reply had said had a write, or a later one of its key. */
export interface Shortfall {
  readonly dataset: string
  readonly key: string
  /** `term.seq` */
  readonly version: string
  /** Regions that had it on disk, as the reply says. */
  readonly acks: number
  readonly holders: readonly RegionId[]
  /** What had just happened. */
  readonly when: string
  readonly atMs: number
  /** The latest policy by then, in force or coming. */
  readonly epoch: number
}

/** A disk, searched for an erased group that nobody has written since. */
export interface ErasureSight {
  readonly dataset: string
  readonly group: string
  readonly region: RegionId
  /** That name it; undefined: the region has not confirmed the erasure, though it had the time. */
  readonly rows: number | undefined
  readonly atMs: number
}

/** A group that went to another partition: it was erased in the state that had been copied. */
export interface Departure {
  readonly dataset: string
  readonly group: string
  /** Of all its keys. */
  readonly copy: readonly CopiedKey[]
  /** Under which its life here has ended. */
  readonly term: number
  /** When its end was known. */
  readonly atMs: number
}

export interface CopiedKey {
  readonly key: string
  /** `term.seq`; null: the key was absent. */
  readonly version: string | null
}

/** A dataset is what has a residency of its own: a partition is one. */
export interface PolicyInForce {
  readonly epoch: number
  readonly datasets: ReadonlyMap<string, PermittedRegions>
}

export interface PermittedRegions {
  readonly store: ReadonlySet<RegionId>
  readonly serve: ReadonlySet<RegionId>
}

/** Bytes of keys or values of a dataset that were seen, and where. */
export interface SeenBytes {
  readonly dataset: string
  readonly place:
    | { readonly kind: 'disk'; readonly region: RegionId }
    | { readonly kind: 'log'; readonly region: RegionId }
    | { readonly kind: 'wire'; readonly from: RegionId; readonly to: RegionId }
  /** Epochs of all policies in force at that moment: two while one follows the other. */
  readonly epochs: readonly number[]
  readonly atMs: number
}
