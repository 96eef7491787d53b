import type { PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { StoreLocation } from '../storage/shard-messages.ts'

/** Stores of each dataset in a region. */
const STORES = 2

/** The stores of a region under a policy. */
export const storesOf = (table: PlacementTable, region: RegionId): StoreLocation[] =>
  [...table.placements]
    .filter(placement => placement.mayHold(region))
    .flatMap(({ id: dataset }) =>
      Array.from({ length: STORES }, (_, store) => ({
        ...{ dataset, store, directory: `${dataset} ${store}` },
      })),
    )
