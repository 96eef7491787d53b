/** What an answer of this region says of itself. */
import type { KnownHome } from '../execution/home.ts'
import type { Receipt } from '../execution/operation.ts'
import type { RegionId, Slot } from '../model/slot.ts'

/** How old a copy may be, as replication knows it. */
export interface Freshness {
  /** `home` undefined: the greatest over all feeds of the slot that could have brought a change. */
  stalenessMs(dataset: string, slot: Slot, home: RegionId | undefined): number | undefined
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
  readonly freshness: Freshness
}

/** `copy`: the one that answered, where its age is of interest. */
export function receiptOf(
  { self, freshness }: Answering,
  home: KnownHome | undefined,
  copy: AnsweringCopy | undefined,
): Receipt {
  const region = home && { home: home.region }
  if (home?.region === self) return { ...region, servedBy: self, role: 'home', stalenessMs: 0 }
  const ofFeed = copy?.lacksPast ? undefined : home?.region
  const stalenessMs = copy && freshness.stalenessMs(copy.dataset, copy.slot, ofFeed)
  const age = stalenessMs === undefined ? {} : { stalenessMs }
  return { ...region, servedBy: self, role: 'replica', ...age }
}
