/**
 * The contexts of a thread's stores, one for each dataset. A change of the policy is taken up in
 * place: whoever holds a context finds the new placement in its next turn, and never two in one.
 */
import { AccessRuns } from '../model/access-runs.ts'
import { GroupHolds } from '../model/group-holds.ts'
import type { Hasher } from '../model/hash.ts'
import { type Placement, PlacementTable } from '../model/placement.ts'
import { RegionNumbers } from '../model/slot.ts'
import { hmacSha256 } from '../runtime/mac.ts'
import type { ShardConfiguration } from './shard-messages.ts'
import type { StoreContext } from './store-context.ts'

type Configuration = Omit<ShardConfiguration, 'stores'>
type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export class StoreContexts {
  readonly #hasher: Hasher
  readonly #contexts = new Map<string, Mutable<StoreContext>>()
  #table: PlacementTable

  constructor(hasher: Hasher, configuration: Configuration) {
    this.#hasher = hasher
    this.#table = this.#adopt(configuration)
  }

  /** Undefined for a dataset that the policy does not know. */
  of(dataset: string): StoreContext | undefined {
    return this.#table.byId(dataset) && this.#contexts.get(dataset)
  }

  /** Acts by another policy, or another phase of its change, from now on. */
  adopt(configuration: Configuration): void {
    this.#table = this.#adopt(configuration)
  }

  #adopt({ policy, policyEpoch, registrarEpochs, ...rest }: Configuration): PlacementTable {
    const erasureMac = hmacSha256(rest.erasureKey)
    const table = new PlacementTable(policy, policyEpoch, this.#hasher)
    const regions = new RegionNumbers(rest.regionNumbers)
    for (const placement of table.placements) {
      const held = this.#contexts.get(placement.id)
      const context = held ?? {
        ...{ hasher: this.#hasher, placement, regions },
        ...{ self: rest.self, ownFeed: rest.ownFeed },
        holds: new GroupHolds(),
        hashOfGroup: (group: string) => erasureMac(`${placement.id}\n${group}`),
      }
      context.accesses = accessesOf(placement, held)
      context.placement = placement
      context.regions = regions
      context.registrarEpoch = registrarEpochs[placement.id]
      this.#contexts.set(placement.id, context)
    }
    return table
  }
}

/** Runs go on being counted, unless the policy asks for others. */
function accessesOf(
  { data: { rehome } }: Placement,
  held: StoreContext | undefined,
): AccessRuns | undefined {
  if (!rehome) return undefined
  const isSame = held?.placement.data.rehome?.after === rehome.after
  return (isSame ? held.accesses : undefined) ?? new AccessRuns(rehome.after)
}
