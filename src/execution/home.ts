/**
 * What a copy knows of a group's home. Three sources, the strongest first: the marker that a home
 * writes into its feed; what the policy computes; and, where the group is the whole key, the record
 * itself, which carries the term and the feed of the home that wrote it (such groups have no
 * marker).
 */
import { assert } from '../model/assert.ts'
import { feedRegionNumber } from '../model/position.ts'
import type { RegionId, Slot } from '../model/slot.ts'
import { IMPLICIT_TERM } from '../model/version.ts'
import type { RecordHead } from '../storage/record.ts'
import type { GroupHome } from '../storage/row-values.ts'
import type { StoreReader } from '../storage/store.ts'
import type { StoreTransaction } from '../storage/transaction.ts'

export interface KnownHome {
  readonly region: RegionId
  readonly term: number
}

/** `held` is the record of a key of the group: it counts where the group is the whole key. */
export function findHome(
  store: StoreReader,
  group: string,
  held: RecordHead | undefined,
): KnownHome | undefined {
  const { placement, regions } = store.context
  const wholeKey = placement.data.groupBySegments === null
  const marker = wholeKey ? undefined : store.homeMarker(group)
  if (marker) return { region: regions.idOf(marker.region), term: marker.term }
  const computed = placement.computedHome(group)
  if (computed !== undefined) return { region: computed, term: IMPLICIT_TERM }
  if (!wholeKey || !held) return undefined
  return { region: regions.idOf(feedRegionNumber(held.feed)), term: held.version.term }
}

/** As `findHome`, where the registrar may just have answered a claim that this region made. */
export function homeWithClaim(
  store: StoreReader,
  group: string,
  held: RecordHead | undefined,
  claimed: GroupHome | undefined,
): KnownHome | undefined {
  const found = findHome(store, group, held)
  if (!claimed || (found && found.term >= claimed.term)) return found
  return { region: store.context.regions.idOf(claimed.region), term: claimed.term }
}

/** Writes a claimed home into the feed, with the first write of its group. */
export function markHome(
  store: StoreTransaction,
  slot: Slot,
  group: string,
  claimed: GroupHome | undefined,
): void {
  const { placement, ownFeed } = store.context
  if (!claimed || placement.data.groupBySegments === null || store.homeMarker(group)) return
  assert(claimed.feed === ownFeed, 'a claim names the feed that the home writes')
  store.putHomeMarker(slot, group, { ...claimed, position: store.appendPosition(slot) })
}
