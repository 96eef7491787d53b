/**
 * The copy of a region that stays, looked at before other regions erase theirs: every record of it
 * can be read, and it has what each copy that is going to be erased has. What they have and it
 * lacks can be taken from them now, and from nobody afterwards.
 */
import { limits } from '../model/limits.ts'
import type { Placement } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import type { VerifiedRecords } from './policy-rows.ts'
import type { MovementOperations } from './shard-operations.ts'

export interface StayingCopyOptions {
  readonly self: RegionId
  readonly shards: ShardClient<MovementOperations>
  /**
   * Compares this region's copy with another's, mends it, and returns how many records it still
   * owes. Throws `DenizenError`, `PeerFailure`.
   */
  readonly compare: (placement: Placement, region: RegionId) => Promise<number>
  /** A record of this region is damaged: it is repaired soon. */
  readonly onDamaged: (dataset: string, key: string) => void
}

export class StayingCopy {
  readonly #options: StayingCopyOptions
  readonly #placement: Placement
  /** Whose copies this one has been found to have all of. */
  readonly #compared = new Set<RegionId>()

  constructor(options: StayingCopyOptions, placement: Placement) {
    this.#options = options
    this.#placement = placement
  }

  /** What is not as it should be yet; undefined where others may erase theirs. */
  async look(): Promise<string | undefined> {
    const { self, shards } = this.#options
    const { id: dataset, data } = this.#placement
    if (!this.#placement.isReadable(self)) return undefined
    const erasing = data.store.filter(region => !this.#placement.isReadable(region))
    if (erasing.length === 0 && !data.changing?.leaving.length) return undefined
    for (const region of erasing) {
      const owed = this.#compared.has(region) ? 0 : await this.#compare(region)
      if (owed > 0) return `${owed} records that ${region} has were lost here and are fetched`
    }
    let damaged = 0
    for (let store = 0; store < shards.storeCount(dataset); store++) {
      damaged += await this.#countDamaged(store)
    }
    return damaged > 0
      ? `${damaged} damaged records are repaired before others erase theirs`
      : undefined
  }

  async #compare(region: RegionId): Promise<number> {
    const owed = await this.#options.compare(this.#placement, region)
    if (owed === 0) this.#compared.add(region)
    return owed
  }

  async #countDamaged(store: number): Promise<number> {
    const { shards, onDamaged } = this.#options
    const bounds = { max: limits.scrubRowsPerSlice, bytesMax: limits.scrubBytesPerSlice }
    let [count, after]: [number, string | null] = [0, null]
    do {
      const part: VerifiedRecords = await shards.callStore(
        ...([this.#placement.id, store, 'verifyRecords', { after, ...bounds }] as const),
      )
      for (const key of part.damaged) onDamaged(this.#placement.id, key)
      count += part.damaged.length
      after = part.next
    } while (after !== null)
    return count
  }
}
