/** The regions of a cluster: addresses as the cluster knows them, places from the region files. */
import type { Coordinates } from '../../model/region.ts'
import type { ClusterView } from '../../routing/service.ts'
import { requirePolicy } from '../required-policy.ts'
import type { Terminal } from '../terminal.ts'

export interface PlacedRegion {
  readonly id: string
  readonly url: string
  readonly country: string
  readonly coordinates: Coordinates
}

/** Those that can be reached and have a region file; a note says which are left out. */
export function placedRegions(
  view: ClusterView,
  configPath: string,
  terminal: Terminal,
): readonly PlacedRegion[] {
  const { regions } = requirePolicy(configPath)
  return view.regions.flatMap(({ region, url, reachable, self }) => {
    const place = regions.find(({ id }) => id === region)
    if (!place || url === undefined || (!reachable && !self)) {
      terminal.note(
        `${region} is left out: it ${place ? 'is not reachable' : 'has no region file'}`,
      )
      return []
    }
    const { latitude, longitude } = place
    return [{ id: region, url, country: place.country, coordinates: { latitude, longitude } }]
  })
}
