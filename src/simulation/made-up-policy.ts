/**
 * Worlds to run in: regions on a circle, and a dataset for each way of keeping one. What is drawn
 * from the seed is how many regions there are and which of them may do what.
 */
import type { PlacementData, PolicyData, PolicyRegion } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { SeededRandom } from './seeded-random.ts'

/** Few, so that feeds are shared; or so many that a session knows little of each. */
const SLOTS = [2, 24]
const KM_APART = 12

export function madeUpPolicy(random: SeededRandom): PolicyData {
  const count = 3 + random.below(3)
  const regions = Array.from({ length: count }, (_, index) => `r${index + 1}`)
  const some = (least: number): RegionId[] => {
    const from = random.below(count)
    const size = least + random.below(count - least)
    return Array.from({ length: size }, (_, n) => regions[(from + n) % count] as RegionId).sort()
  }
  const restricted = some(2)
  const alone = random.pick(regions)
  const hashed = some(2)
  const slots = random.pick(SLOTS)
  const placement = placementsOf(slots)
  return {
    cluster: 'simulated',
    keeper: random.pick(regions),
    regions: regions.map(placeOf),
    placements: [
      placement('open', regions, regions, { anywhere: true, rehome: { after: 2 } }),
      placement('kept', restricted, restricted, {
        home: restricted.slice(0, Math.max(2, restricted.length - 1)),
      }),
      placement('read-afar', restricted, regions, { groupBySegments: 1 }),
      placement('hashed', hashed, hashed, { homing: { kind: 'hash' }, rehome: { after: 2 } }),
      placement('grouped', regions, regions, { groupBySegments: 1, rehome: { after: 3 } }),
      placement('alone', [alone], regions, {}),
    ],
  }
}

const placeOf = (id: RegionId, index: number): PolicyRegion => ({
  ...{ id, name: id, country: 'IE', operator: 'Operator', operatorCountry: 'IE' },
  ...{ latitude: 0, longitude: index * KM_APART },
})

/** Regions that may come to the world later. */
export const newcomersTo = ({ regions }: PolicyData, count: number): PolicyRegion[] =>
  Array.from({ length: count }, (_, n) => placeOf(`r${regions.length + n + 1}`, regions.length + n))

const placementsOf =
  (slots: number) =>
  (
    name: string,
    store: readonly RegionId[],
    serve: readonly RegionId[],
    changes: Partial<PlacementData>,
  ): PlacementData => ({
    ...{ id: name, name, prefix: '', slots, groupBySegments: null, law: [] },
    ...{ homing: { kind: 'hint' }, outside: 'redirect', anywhere: false, forbidden: {} },
    ...{ home: store, store, serve },
    ...changes,
  })
