/** What an answer of this region says of itself. */
import type { KnownHome } from '../execution/home.ts'
import type { FeedPoint, Receipt } from '../execution/operation.ts'
import type { RegionId, Slot } from '../model/slot.ts'

/**
 * How old a copy may be, as replication knows it: of what is read in the same turn. In ms, never
 * less than it is; undefined where the copy can't say.
 */
export interface AgesNow {
  /**
   * `home`: the group's, as the very same copy knows it; a copy that has not got the mark that it
   * moved was complete while it was still home. Undefined: the greatest age over all feeds of the
   * slot that could have brought a change.
   */
  stalenessMs(dataset: string, slot: Slot, home: RegionId | undefined): number | undefined
}

/** The same of what is read later: its age is counted from what was known before. */
export interface Freshness extends AgesNow {
  asOf(dataset: string, slot: Slot): CopyAge
  /** Every region that may store the dataset is complete past the point. */
  isEverywhere(dataset: string, point: FeedPoint): boolean
}

/** Of one slot. `stalenessMs` is as old as the moment when it is called. */
export interface CopyAge {
  stalenessMs(home: RegionId | undefined): number | undefined
}

/** The copy of a slot that answered. */
export interface AnsweringCopy {
  readonly dataset: string
  readonly slot: Slot
  /** It may lack changes of the group's earlier homes: then it is as old as its oldest feed. */
  readonly lacksPast?: true | undefined
}

export interface Answering {
  readonly self: RegionId
  readonly freshness: AgesNow
}

/** `copy`: the one that answered, where its age is of interest. */
export function receiptOf(
  { self, freshness }: Answering,
  home: KnownHome | undefined,
  copy: AnsweringCopy | undefined,
): Receipt {
  const age = copy && ((of?: RegionId) => freshness.stalenessMs(copy.dataset, copy.slot, of))
  return receiptAt(self, home, age, copy?.lacksPast)
}

/** `stalenessMs`: as `CopyAge` has it, of the copy that answered, where its age is of interest. */
export function receiptAt(
  self: RegionId,
  home: KnownHome | undefined,
  stalenessMs: CopyAge['stalenessMs'] | undefined,
  lacksPast: true | undefined,
): Receipt {
  const region = home && { home: home.region }
  if (home?.region === self) return { ...region, servedBy: self, role: 'home', stalenessMs: 0 }
  // What it lacks of earlier homes may be as old as any feed is.
  const ageMs = stalenessMs?.(lacksPast ? undefined : home?.region)
  const age = ageMs === undefined ? {} : { stalenessMs: ageMs }
  return { ...region, servedBy: self, role: 'replica', ...age }
}

/** The way by which an answer came, if it was not the straight one. */
export interface Detour {
  readonly relay: RegionId
  /** Since the question was sent. */
  readonly tookMs: number
}

/** The way is a part of the answer's age: what is told at its end was read before. */
export function byWayOf(receipt: Receipt, { relay, tookMs }: Detour): Receipt {
  const { stalenessMs } = receipt
  return {
    ...{ ...receipt, relay },
    ...(stalenessMs !== undefined && { stalenessMs: stalenessMs + tookMs }),
  }
}

/** Whether an answer is provably no older than a bound in ms. */
export const isWithin = ({ stalenessMs }: Receipt, boundMs: number): boolean =>
  stalenessMs !== undefined && stalenessMs <= boundMs
