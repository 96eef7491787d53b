/**
 * What a copy knows of a group's home. Three sources, the strongest first: the marker that a home
 * writes into its feed; what the policy computes; and, where the group is the whole key, the record
 * itself, which carries the term and the feed of the home that wrote it.
 */
import { feedRegionNumber } from '../model/position.ts'
import type { RegionId } from '../model/slot.ts'
import { IMPLICIT_TERM } from '../model/version.ts'
import type { StoreReader } from '../storage/store.ts'

export interface KnownHome {
  readonly region: RegionId
  readonly term: number
}

export function findHome(store: StoreReader, group: string): KnownHome | undefined {
  const { placement, regions } = store.context
  const marker = store.homeMarker(group)
  if (marker) return { region: regions.idOf(marker.region), term: marker.term }
  const computed = placement.computedHome(group)
  if (computed !== undefined) return { region: computed, term: IMPLICIT_TERM }
  if (placement.data.groupBySegments !== null) return undefined
  const record = store.record(group)
  if (!record) return undefined
  const region = regions.idOf(feedRegionNumber(record.feed))
  return { region, term: record.version.term }
}
