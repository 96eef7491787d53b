/**
 * Counts where the groups of a store have their homes, and where a policy that is not in force
 * would put them. It goes over the records in slices; each begins where the last one ended.
 */
import { findHome } from '../execution/home.ts'
import { nearestRegions } from '../model/distance.ts'
import { DenizenError } from '../model/errors.ts'
import { addLines, type CensusLine } from '../model/home-census.ts'
import type { Key } from '../model/key.ts'
import { Placement, type PlacementData, type PolicyRegion } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { IMPLICIT_TERM } from '../model/version.ts'
import { decodeHead, soundHead, type VerifiedHead } from '../storage/record.ts'
import { digestOf } from '../storage/row-values.ts'
import { justAfter, rowText, tableRange } from '../storage/rows.ts'
import type { StoreReader } from '../storage/store.ts'

export interface CensusRequest {
  /** Where the last slice ended, and the group of its last record; undefined begins. */
  readonly from?: Uint8Array
  readonly group?: string
  /** A slice ends with the row that reaches one of them. */
  readonly rowsMax: number
  readonly bytesMax: number
  /** The partitions of the dataset under the policy that is not in force. */
  readonly desired: readonly PlacementData[]
  /** Regions of both policies. */
  readonly regions: readonly PolicyRegion[]
}

export interface CensusReply {
  /** What the next slice begins with; undefined when the store has been walked. */
  readonly next?: { readonly from: Uint8Array; readonly group?: string }
  readonly damaged: number
  readonly lines: readonly CensusLine[]
}

const records = tableRange('record')

export function homeCensus(store: StoreReader, request: CensusRequest): CensusReply {
  const { rowsMax, bytesMax } = request
  const range = { from: request.from ?? records.from, to: records.to }
  const projection = new Projection(store, request)
  const lines: CensusLine[] = []
  let group = request.group
  let [rows, bytes, damaged] = [0, 0, 0]
  for (const { key: rowKey, value } of store.engine.range(range)) {
    rows += 1
    bytes += rowKey.length + value.length
    const key = rowText(rowKey) as Key
    const head = verifiedHead(store, key, value)
    if (!head) damaged += 1
    if (head && !head.tombstone) {
      const owner = store.context.placement.groupOf(key)
      const isFirst = owner !== group && !hasOwnRecord(store, key, owner)
      lines.push({ ...projection.lineOf(key, owner, head), groups: isFirst ? 1 : 0 })
      group = owner
    }
    if (rows >= rowsMax || bytes >= bytesMax) {
      const next = { from: justAfter(rowKey), ...(group !== undefined && { group }) }
      return { next, damaged, lines: addLines(lines) }
    }
  }
  return { damaged, lines: addLines(lines) }
}

function verifiedHead(store: StoreReader, key: Key, bytes: Uint8Array): VerifiedHead | undefined {
  try {
    return decodeHead(store.context.hasher, key, bytes)
  } catch (error) {
    if (error instanceof DenizenError) return undefined
    throw error
  }
}

/**
 * The keys of a group `a` follow each other, but for `a` itself: `a-b` comes between it and `a/b`.
 * So the group was counted already where it has a record of its own.
 */
function hasOwnRecord(store: StoreReader, key: Key, group: string): boolean {
  if (key === group) return false
  return soundHead(store.heldHead(group))?.tombstone === false
}

/** Where groups of a store would be under the other policy. */
class Projection {
  readonly #store: StoreReader
  readonly #desired: readonly Placement[]
  readonly #regions: CensusRequest['regions']
  /** By placement and home: the nearest region that may home there. */
  readonly #nearest = new Map<string, RegionId | null>()

  constructor(store: StoreReader, { desired, regions }: CensusRequest) {
    this.#store = store
    this.#desired = desired
      .map(data => new Placement(data, store.context.hasher))
      .sort((a, b) => b.data.prefix.length - a.data.prefix.length)
    this.#regions = regions
  }

  lineOf(key: Key, group: string, head: VerifiedHead): Omit<CensusLine, 'groups'> {
    const placement = this.#desired.find(it => it.hasKey(key))
    const home = findHome(this.#store, group, head)
    const { records, bytes } = digestOf(key, head)
    const isClaimed = home !== undefined && home.term !== IMPLICIT_TERM
    const from = home?.region ?? null
    const to = placement ? this.#homeUnder(placement, group, from, isClaimed) : null
    return { into: placement?.id ?? null, from, to, records, bytes }
  }

  #homeUnder(
    placement: Placement,
    group: string,
    home: RegionId | null,
    isClaimed: boolean,
  ): RegionId | null {
    const mayStay = home !== null && placement.mayHome(home)
    // A group that was moved away from its computed home stays there while the rule is the same.
    if (mayStay && isClaimed && this.#hasSameHoming(placement)) return home
    const computed = placement.computedHome(group)
    if (computed !== undefined) return computed
    if (mayStay || home === null) return home
    return this.#nearestTo(home, placement)
  }

  #hasSameHoming(placement: Placement): boolean {
    const { homing } = this.#store.context.placement.data
    return JSON.stringify(homing) === JSON.stringify(placement.data.homing)
  }

  #nearestTo(home: RegionId, placement: Placement): RegionId | null {
    const name = `${placement.id}\n${home}`
    const known = this.#nearest.get(name)
    if (known !== undefined) return known
    const nearest = nearestHome(home, placement.data.home, this.#regions)
    this.#nearest.set(name, nearest)
    return nearest
  }
}

/** The candidate of a home that may not stay: the nearest region that may home. */
function nearestHome(
  home: RegionId,
  candidates: readonly RegionId[],
  regions: readonly PolicyRegion[],
): RegionId | null {
  const from = regions.find(({ id }) => id === home)
  const permitted = regions
    .filter(({ id }) => candidates.includes(id))
    .map(({ id, latitude, longitude }) => ({ id, coordinates: { latitude, longitude } }))
  return (from && nearestRegions(from, permitted)[0]?.id) ?? null
}
