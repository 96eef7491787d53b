/**
 * The shortest way of reads that find a value in this region's copy: at once, in this very thread,
 * and where who asks has kept what was found before, without reading and checking it again.
 *
 * What was found bears the stamp of its store. It is told again only while the store still has that
 * stamp, that is, while no commit has become visible to any thread since it was read; so it is
 * never older than what any thread has shown. `decide` and `admit` decide as on the long way.
 */
import type { KnownHome } from '../execution/home.ts'
import type { FeedPoint, Receipt } from '../execution/operation.ts'
import type { HasSeenRequest } from '../execution/operations/read.ts'
import { compareBytes } from '../model/bytes.ts'
import { DenizenError } from '../model/errors.ts'
import type { Key } from '../model/key.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { RegionId, Slot } from '../model/slot.ts'
import { compareVersions } from '../model/version.ts'
import type { Clock } from '../runtime/clock.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import { admit, decide, type Intent, type Knowledge, type Topology } from './decide.ts'
import type { FoundNow, FoundValue } from './found-now.ts'
import { type AgesNow, receiptOf } from './receipt.ts'
import type { KnownSession, SessionTokens } from './session-tokens.ts'
import type { RoutingOperations } from './shard-operations.ts'

export interface HotReadsOptions {
  readonly self: RegionId
  readonly table: () => PlacementTable
  readonly topology: Topology
  readonly shards: ShardClient<RoutingOperations>
  readonly freshness: AgesNow
  readonly sessions: SessionTokens
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
  readonly point: FeedPoint
  /** Of the placement. */
  readonly id: string
}

/** What was found, and what has to be so for it to be found again. */
class Hot implements FoundNow {
  readonly found: FoundValue
  readonly receipt: Receipt
  readonly session: string
  readonly reading: Reading
  /** The last session for which this very state of the copy was found to have enough. */
  readonly enoughFor: KnownSession | undefined

  constructor(found: FoundValue, reading: Reading, session: string, of?: KnownSession) {
    this.found = found
    this.receipt = reading.receipt
    this.session = session
    this.reading = reading
    this.enoughFor = of
  }
}

export class HotReads {
  readonly #options: HotReadsOptions

  constructor(options: HotReadsOptions) {
    this.#options = options
  }

  /** See `Service.findNow`. */
  find(
    dataset: string,
    key: Key,
    token: string | undefined,
    before: FoundNow | undefined,
  ): FoundNow | undefined {
    const { sessions, clock } = this.#options
    const of = token === undefined ? undefined : sessions.known(token, clock.monotonicMs())
    if (token !== undefined && (!of || of.session.degraded)) return undefined
    const earlier = before instanceof Hot && isOf(before, dataset, key) ? before : undefined
    const isSame = earlier && this.#isAsItWas(earlier.reading)
    const hot = isSame ? earlier : this.#read(dataset, key, earlier)
    if (!hot || this.#isExpired(hot.reading)) return undefined
    const { replica, id, point } = hot.reading
    if (of && replica && !this.#hasEnough(of, hot)) return undefined
    // What was kept may have been told to another session.
    const session = of ? sessions.after(of, id, point) : hot.found.session
    if (replica === undefined) {
      return session === hot.session ? hot : new Hot(hot.found, hot.reading, session)
    }
    const receipt = receiptOf(this.#options, replica.home, replica)
    return new Hot(hot.found, { ...hot.reading, receipt }, session, of ?? hot.enoughFor)
  }

  /** Whether this copy may answer a session, as `read` and `judged` say on the long way. */
  #hasEnough(of: KnownSession, { reading, enoughFor }: Hot): boolean {
    if (of === enoughFor) return true
    const { id, point } = reading
    const { slot } = point
    const { hasRest: whole } = of.session
    if (whole && this.#options.freshness.stalenessMs(id, slot, undefined) === undefined)
      return false
    const seen = of.session.seen(id, slot)
    // What was read and what is asked now have to be of one state.
    return this.#hasSeen(id, { slot, seen, whole }) && this.#isAsItWas(reading)
  }

  #hasSeen(id: string, request: HasSeenRequest): boolean {
    try {
      return this.#options.shards.readNow(id, request.slot, 'hasSeen', request)?.reply === true
    } catch (error) {
      if (error instanceof DenizenError) return false
      throw error
    }
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
    const { self, shards, clock, sessions } = this.#options
    const { id: dataset } = placement
    const slot = placement.slotOf(placement.groupOf(key))
    const stampNow = shards.stampOf(dataset, slot)
    if (!stampNow) return undefined
    const before = stampNow()
    const request = { key, as: 'copy', seen: [], nowMs: clock.wallMs() } as const
    const reply = shards.readNow(dataset, slot, 'read', request)?.reply
    if (reply?.kind !== 'found') return undefined
    const { version, mediaType, value, home, point, expiresAtMs } = reply
    const isSame = earlier?.reading.table === table && isSameRecord(earlier.found, reply)
    const session = isSame ? earlier.found.session : sessions.of(dataset, point)
    const cacheable = placement.data.anywhere
    const found = isSame ? earlier.found : { version, mediaType, value, session, cacheable }
    const reading: Reading = {
      ...{ dataset: placement.data.name, key, table, stampNow, expiresAtMs },
      stamp: stampNow() === before ? before : Number.NaN,
      receipt: receiptOf(this.#options, home, { dataset, slot }),
      replica: home?.region === self ? undefined : { dataset, slot, home },
      ...{ point, id: dataset },
    }
    return new Hot(found, reading, session)
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
