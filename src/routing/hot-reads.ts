/**
 * The shortest way of reads that find a value in this region's copy: at once, in this very thread,
 * and where who asks has kept what was found before, without reading and checking it again.
 *
 * What was found bears the stamp of its store. It is told again only while the store still has that
 * stamp, that is, while no commit has become visible to any thread since it was read; so it is
 * never older than what any thread has shown. `decide` and `admit` decide as on the long way.
 */
import type { KnownHome } from '../execution/home.ts'
import type { Receipt } from '../execution/operation.ts'
import { DenizenError } from '../model/errors.ts'
import type { Key } from '../model/key.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
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

interface Replica {
  readonly dataset: string
  readonly slot: Slot
  readonly home: KnownHome | undefined
}

interface Reading {
  readonly dataset: string
  readonly key: Key
  /** The policy that it was found under. */
  readonly table: PlacementTable
  /** Of the store, when it was read and now. */
  readonly stamp: number
  readonly stampNow: () => number
  /** Wall-clock ms; 0: never. */
  readonly expiresAtMs: number
  /** Where the age of the copy plays no part, the receipt is the same each time. */
  readonly receipt: Receipt
  readonly replica: Replica | undefined
}

/** What was found, and what has to be so for it to be found again. */
class Hot implements FoundNow {
  readonly found: FoundValue
  readonly receipt: Receipt
  readonly reading: Reading

  constructor(found: FoundValue, reading: Reading) {
    this.found = found
    this.receipt = reading.receipt
    this.reading = reading
  }
}

export class HotReads {
  readonly #options: HotReadsOptions

  constructor(options: HotReadsOptions) {
    this.#options = options
  }

  /** See `Service.findNow`. */
  find(dataset: string, key: Key, before: FoundNow | undefined): FoundNow | undefined {
    const isSame = before instanceof Hot && this.#isAsItWas(before.reading, dataset, key)
    const hot = isSame ? before : this.#read(dataset, key)
    if (!hot || this.#isExpired(hot.reading)) return undefined
    const { replica } = hot.reading
    if (replica === undefined) return hot
    const receipt = receiptOf(this.#options, replica.home, replica)
    return new Hot(hot.found, { ...hot.reading, receipt })
  }

  #isAsItWas(reading: Reading, dataset: string, key: Key): boolean {
    const { table, stamp, stampNow } = reading
    const isOfThis = reading.key === key && reading.dataset === dataset
    return isOfThis && stampNow() === stamp && table === this.#options.table()
  }

  #isExpired({ expiresAtMs }: Reading): boolean {
    return expiresAtMs !== 0 && expiresAtMs <= this.#options.clock.wallMs()
  }

  #read(dataset: string, key: Key): Hot | undefined {
    const { table } = this.#options
    const inForce = table()
    try {
      const placement = inForce.locate(dataset, key)
      return this.#answersFromCopy(placement, key) ? this.#find(inForce, placement, key) : undefined
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
    return new Hot(
      { version, mediaType, value, session, cacheable },
      {
        ...{ dataset: placement.data.name, key, table, stampNow, expiresAtMs },
        stamp: stampNow() === before ? before : Number.NaN,
        receipt: receiptOf(this.#options, home, { dataset, slot }),
        replica: home?.region === self ? undefined : { dataset, slot, home },
      },
    )
  }
}

const firstRead = (hint: RegionId): Intent => ({
  ...{ kind: 'read', creates: false, consistency: 'session', behind: false },
  hint,
})
