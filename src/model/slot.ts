/** Slots and the small identifiers that go with them. */
import type { Hasher } from './hash.ts'

/** A region's id in the policy, a DNS label: `eu-west`. */
export type RegionId = string
/** A region's number in coordination: 1 and up, never reused; the high half of feed numbers. */
export type RegionNumber = number
/** 0 ≤ slot < the dataset's slot count. */
export type Slot = number

/** The slot of a group: xxHash32 modulo the dataset's slot count. */
export const slotOf = (hasher: Hasher, group: string, slots: number): Slot =>
  hasher.h32(group) % slots
