/** Policies for tests: plain data, as coordination keeps it. */
import { type Hasher, loadHasher } from '../../src/model/hash.ts'
import {
  type PlacementData,
  PlacementTable,
  type PolicyData,
  type PolicyRegion,
} from '../../src/model/placement.ts'
import type { RegionId } from '../../src/model/slot.ts'

export const hasher: Hasher = await loadHasher()

/** A dataset whose copies are in `store`; home and serve are the same unless told. */
export function dataset(
  name: string,
  store: readonly RegionId[],
  changes: Partial<PlacementData> = {},
): PlacementData {
  return {
    id: `${name}${changes.prefix === undefined ? '' : `/${changes.prefix}`}`,
    name,
    prefix: '',
    slots: 4,
    groupBySegments: null,
    homing: { kind: 'hint' },
    outside: 'redirect',
    anywhere: false,
    law: [],
    home: store,
    store,
    serve: store,
    forbidden: {},
    ...changes,
  }
}

/** Regions lie on the equator, ten degrees from each other, so that their order is nearness. */
export const policy = (
  regions: readonly RegionId[],
  placements: readonly PlacementData[],
): PolicyData => ({
  cluster: 'test',
  keeper: regions[0] ?? '',
  regions: regions.map(
    (id, index): PolicyRegion => ({
      id,
      name: id,
      country: 'IE',
      operator: 'Operator',
      operatorCountry: 'IE',
      latitude: 0,
      longitude: index * 10,
    }),
  ),
  placements,
})

export const tableOf = (data: PolicyData): PlacementTable => new PlacementTable(data, 1, hasher)
