/**
 * The shortest way of reads that find a value in this region's copy: at once, in this very thread,
 * and for values that are read again and again without reading and checking them again.
 *
 * What was found is kept with the stamp of its store. It is told again only while the store still
 * has that stamp, that is, while no commit has become visible to any thread since it was read; so
 * it is never older than what any thread has shown. `decide` and `admit` decide as on the long way.
 */
import type { KnownHome } from '../execution/home.ts'
import { DenizenError } from '../model/errors.ts'
import type { Key } from '../model/key.ts'
import { limits } from '../model/limits.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import { RecentMap } from '../model/recent-map.ts'
import type { RegionId, Slot } from '../model/slot.ts'
import type { Clock } from '../runtime/clock.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import { admit, decide, type Intent, type Topology } from './decide.ts'
import { type Freshness, receiptOf } from './receipt.ts'
import type { FoundNow, FoundValue } from './service.ts'
import { type Mac, tokenOf } from './session.ts'
import type { RoutingOperations } from './shard-operations.ts'

export interface HotReadsOptions {
  readonly self: RegionId
  readonly table: () => PlacementTable
  readonly topology: Topology
  readonly shards: ShardClient<RoutingOperations>
  readonly freshness: Freshness
  readonly sessionMac: Mac
  readonly clock: Clock
}

interface Hot {
  /** The policy that it was found under. */
  readonly table: PlacementTable
  /** Of the store, when it was read and now. */
  readonly stamp: number
  readonly stampNow: () => number
  /** Wall-clock ms; 0: never. */
  readonly expiresAtMs: number
  /** Where the age of the copy plays no part, the receipt is the same each time. */
  readonly answer: FoundNow
  readonly replica: Replica | undefined
}

interface Replica {
  readonly dataset: string
  readonly slot: Slot
  readonly home: KnownHome | undefined
}

export class HotReads {
  readonly #options: HotReadsOptions
  readonly #byDataset = new Map<string, RecentMap<Key, Hot>>()

  constructor(options: HotReadsOptions) {
    this.#options = options
  }

  /** See `Service.findNow`. */
  find(dataset: string, key: Key): FoundNow | undefined {
    const kept = this.#byDataset.get(dataset)?.get(key)
    const hot = kept && this.#isAsItWas(kept) ? kept : this.#read(dataset, key)
    if (!hot || this.#isExpired(hot)) return undefined
    if (hot.replica === undefined) return hot.answer
    const receipt = receiptOf(this.#options, hot.replica.home, hot.replica)
    return { found: hot.answer.found, receipt }
  }

  #isAsItWas({ table, stamp, stampNow }: Hot): boolean {
    return stampNow() === stamp && table === this.#options.table()
  }

  #isExpired({ expiresAtMs }: Hot): boolean {
    return expiresAtMs !== 0 && expiresAtMs <= this.#options.clock.wallMs()
  }

  #read(dataset: string, key: Key): Hot | undefined {
    const { table } = this.#options
    const inForce = table()
    try {
      const placement = inForce.locate(dataset, key)
      if (!this.#answersFromCopy(placement, key)) return undefined
      const hot = this.#find(inForce, placement, key)
      if (hot && hot.answer.found.value.length <= limits.hotValueBytesMax) {
        this.#keep(dataset, key, hot)
      }
      return hot
    } catch (error) {
      if (error instanceof DenizenError) return undefined
      throw error
    }
  }

  #answersFromCopy(placement: Placement, key: Key): boolean {
    const { topology } = this.#options
    if (admit(placement, topology, undefined, () => undefined).kind !== 'serve') return false
    const decision = decide(
      ...([firstRead(topology.self), placement, placement.groupOf(key)] as const),
      ...([{ kind: 'unasked' }, topology] as const),
    )
    return decision.action === 'execute' && decision.as === 'copy'
  }

  #find(table: PlacementTable, placement: Placement, key: Key): Hot | undefined {
    const { self, shards, clock, sessionMac } = this.#options
    const { id: dataset } = placement
    const slot = placement.slotOf(placement.groupOf(key))
    const stampNow = shards.stampOf(dataset, slot)
    if (!stampNow) return undefined
    const before = stampNow()
    const request = { key, as: 'copy', seen: [], nowMs: clock.wallMs() } as const
    const reply = shards.readNow(dataset, slot, 'read', request)?.reply
    if (reply?.kind !== 'found') return undefined
    const { version, mediaType, value, home, point, expiresAtMs } = reply
    const session = tokenOf(sessionMac, dataset, point)
    const cacheable = placement.data.anywhere
    const found: FoundValue = { version, mediaType, value, session, cacheable }
    return {
      ...{ table, stampNow, expiresAtMs },
      stamp: stampNow() === before ? before : Number.NaN,
      answer: { found, receipt: receiptOf(this.#options, home, { dataset, slot }) },
      replica: home?.region === self ? undefined : { dataset, slot, home },
    }
  }

  #keep(dataset: string, key: Key, hot: Hot): void {
    let ofDataset = this.#byDataset.get(dataset)
    if (!ofDataset) {
      ofDataset = new RecentMap(limits.hotValuesMax)
      this.#byDataset.set(dataset, ofDataset)
    }
    ofDataset.set(key, hot)
  }
}

const firstRead = (hint: RegionId): Intent => ({
  ...{ kind: 'read', creates: false, consistency: 'session', behind: false },
  hint,
})
