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
import { compareBytes } from '../model/bytes.ts'
import { DenizenError } from '../model/errors.ts'
import type { Key } from '../model/key.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { compareVersions } from '../model/version.ts'
import type { Clock } from '../runtime/clock.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import { admit, decide, type Intent, type Knowledge, type Topology } from './decide.ts'
import { type AnsweringCopy, type Freshness, receiptOf } from './receipt.ts'
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

interface Replica extends AnsweringCopy {
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
    const earlier = before instanceof Hot && isOf(before, dataset, key) ? before : undefined
    const isSame = earlier && this.#isAsItWas(earlier.reading)
    const hot = isSame ? earlier : this.#read(dataset, key, earlier)
    if (!hot || this.#isExpired(hot.reading)) return undefined
    const { replica } = hot.reading
    if (replica === undefined) return hot
    const receipt = receiptOf(this.#options, replica.home, replica)
    return new Hot(hot.found, { ...hot.reading, receipt })
  }

  #isAsItWas({ table, stamp, stampNow }: Reading): boolean {
    return stampNow() === stamp && table === this.#options.table()
  }

  #isExpired({ expiresAtMs }: Reading): boolean {
    return expiresAtMs !== 0 && expiresAtMs <= this.#options.clock.wallMs()
  }

  #read(dataset: string, key: Key, earlier: Hot | undefined): Hot | undefined {
    const { table } = this.#options
    const inForce = table()
    try {
      const placement = inForce.locate(dataset, key)
      if (!this.#answersFromCopy(placement, key)) return undefined
      return this.#find(inForce, placement, key, earlier)
    } catch (error) {
      if (error instanceof DenizenError) return undefined
      throw error
    }
  }

  #answersFromCopy(placement: Placement, key: Key): boolean {
    const { topology } = this.#options
    if (admit(placement, topology, undefined, () => undefined).kind !== 'serve') return false
    const group = placement.groupOf(key)
    const decision = decide(firstRead(topology.self), placement, group, unasked, topology)
    return decision.action === 'execute' && decision.as === 'copy'
  }

  #find(
    table: PlacementTable,
    placement: Placement,
    key: Key,
    earlier: Hot | undefined,
  ): Hot | undefined {
    const { self, shards, clock, sessionMac } = this.#options
    const { id: dataset } = placement
    const slot = placement.slotOf(placement.groupOf(key))
    const stampNow = shards.stampOf(dataset, slot)
    if (!stampNow) return undefined
    const before = stampNow()
    const request = { key, as: 'copy', seen: [], nowMs: clock.wallMs() } as const
    const reply = shards.readNow(dataset, slot, 'read', request)?.reply
    if (reply?.kind !== 'found') return undefined
    const { version, mediaType, value, home, point, expiresAtMs, lacksPast } = reply
    const copy = { dataset, slot, lacksPast }
    const isSame = earlier?.reading.table === table && isSameRecord(earlier.found, reply)
    const session = isSame ? earlier.found.session : tokenOf(sessionMac, dataset, point)
    const cacheable = placement.data.anywhere
    return new Hot(isSame ? earlier.found : { version, mediaType, value, session, cacheable }, {
      ...{ dataset: placement.data.name, key, table, stampNow, expiresAtMs },
      stamp: stampNow() === before ? before : Number.NaN,
      receipt: receiptOf(this.#options, home, copy),
      replica: home?.region === self ? undefined : { ...copy, home },
    })
  }
}

const isOf = ({ reading }: Hot, dataset: string, key: Key): boolean =>
  reading.key === key && reading.dataset === dataset

/** Something was committed, though not to this key. */
const isSameRecord = (
  one: FoundValue,
  other: Pick<FoundValue, 'version' | 'mediaType' | 'value'>,
): boolean =>
  compareVersions(one.version, other.version) === 0 &&
  one.mediaType === other.mediaType &&
  compareBytes(one.value, other.value) === 0

const unasked: Knowledge = { kind: 'unasked' }

const firstRead = (hint: RegionId): Intent => ({
  ...{ kind: 'read', creates: false, consistency: 'session', behind: false },
  hint,
})
