/** The dataset of the model, as nodes would have it: kept and homed anywhere. */

import { type ClusterRecord, foundCluster, registrarOf } from '../../coordination/cluster-record.ts'
import { assert } from '../../model/assert.ts'
import type { Hasher } from '../../model/hash.ts'
import type { Homing } from '../../model/home-rule.ts'
import { limits } from '../../model/limits.ts'
import { Placement, type PlacementData, type PolicyRegion } from '../../model/placement.ts'
import type { RegionId } from '../../model/slot.ts'

const name = 'users'

export class PlanetDataset {
  readonly placement: Placement
  readonly #record: ClusterRecord

  constructor(regions: readonly PolicyRegion[], homing: Homing, hasher: Hasher) {
    const ids = regions.map(({ id }) => id).sort()
    const data: PlacementData = {
      ...{ id: name, name, prefix: '', slots: limits.slots, groupBySegments: null },
      ...{ homing, outside: 'redirect', anywhere: true, law: [], forbidden: {} },
      ...{ home: ids, store: ids, serve: ids },
    }
    this.placement = new Placement(data, hasher)
    this.#record = foundCluster(
      { cluster: 'planet', keeper: ids[0] as string, regions, placements: [data] },
      hasher,
      { clusterId: 'planet', sessionKey: '0'.repeat(64), dataFormat: 1 },
    )
  }

  /** The region that arbitrates a group's home, as a new cluster has it. */
  registrarOf(group: string): RegionId {
    const registrar = registrarOf(this.#record, name, this.placement.slotOf(group))
    assert(registrar, 'every slot has a registrar')
    return registrar.region
  }
}
