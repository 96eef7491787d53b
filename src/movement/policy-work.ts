/**
 * What one region has to do in a phase of a change of the policy before it can say that it is
 * through: registrars take over, copies catch up, homes move away, what leaving regions had is made
 * this region's own. It acts for the record that its node has adopted, and begins from what is
 * durable: after a crash it does again what it had done, to the same effect.
 */
import { type ClusterRecord, feedOf } from '../coordination/cluster-record.ts'
import { DenizenError } from '../model/errors.ts'
import { limits, timing } from '../model/limits.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { LeftCopy } from '../model/policy-change-view.ts'
import type { Position } from '../model/position.ts'
import type { RegionId } from '../model/slot.ts'
import { PeerFailure } from '../peers/peers.ts'
import { allFeedStates, type ReplicationOperations } from '../replication/shard-operations.ts'
import type { Claims } from '../routing/claims.ts'
import type { RoutingOperations } from '../routing/shard-operations.ts'
import type { Clock } from '../runtime/clock.ts'
import { addDigests, emptyDigest } from '../storage/row-values.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import { HomeTransfers, type TransferringMovements } from './home-transfers.ts'
import { ownEnds, slotsOf } from './own-ends.ts'
import type { Progress } from './policy-messages.ts'
import type { PolicyPeers } from './policy-peers.ts'
import type { AdoptedPart } from './policy-rows.ts'
import type { MovementOperations } from './shard-operations.ts'
import { StayingCopy, type StayingCopyOptions } from './staying-copy.ts'

export interface PolicyWorkOptions extends StayingCopyOptions {
  readonly self: RegionId
  /** By which the node acts. */
  readonly adopted: ClusterRecord
  readonly table: PlacementTable
  readonly shards: ShardClient<ReplicationOperations & RoutingOperations & MovementOperations>
  readonly claims: Claims
  readonly movements: TransferringMovements
  readonly peers: PolicyPeers
  /** Regions in the order in which they take over what this one gives up. */
  readonly byNearness: readonly RegionId[]
  readonly reachable: (region: RegionId) => boolean
  readonly clock: Clock
}

/**
 * How often a record is looked for that was lost, after its repair was asked for: no other copy may
 * have it either, and nothing would end that.
 */
const LOST_LOOKS_MAX = 50

export class PolicyWork {
  readonly #options: PolicyWorkOptions
  #isDone = false
  #leftCopies: readonly LeftCopy[] = []
  #waitsFor: string | undefined
  #stopped = false

  constructor(options: PolicyWorkOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#options.adopted.next) void this.#run()
  }

  stop(): void {
    this.#stopped = true
  }

  progress(): Progress {
    const waitsFor = this.#isDone ? undefined : this.#waitsFor
    const leftCopies = [...this.#leftCopies]
    return { done: this.#isDone, leftCopies, ...(waitsFor !== undefined && { waitsFor }) }
  }

  /** Only bugs reject. */
  async #run(): Promise<void> {
    while (!this.#isDone && !this.#stopped) {
      try {
        await this.#work()
        this.#isDone = true
      } catch (error) {
        if (!(error instanceof DenizenError || error instanceof PeerFailure)) throw error
        this.#waitsFor = error.message
        await this.#pause()
      }
    }
  }

  async #work(): Promise<void> {
    switch (this.#options.adopted.next?.phase) {
      case 'copy':
        await this.#inheritHomes()
        return await this.#catchUp()
      case 'transfer':
        await this.#catchUp()
        return await this.#transfer()
      case 'settle':
        await this.#catchUp()
        await this.#verify()
        await this.#adoptFeeds()
        this.#leftCopies = await this.#countLeftCopies()
    }
  }

  /** Those that are another under the next policy. */
  #changing(): Placement[] {
    return [...this.#options.table.placements].filter(({ data }) => data.changing)
  }

  /** Takes over what the registrars before have granted; each of them grants nothing any more. */
  async #inheritHomes(): Promise<void> {
    const { self, claims, peers, shards } = this.#options
    for (const placement of this.#changing()) {
      const before = new Set(
        slotsOf(placement)
          .filter(slot => claims.registrarOfSlot(placement, slot)?.region === self)
          .map(slot => claims.registrarBefore(placement, slot)),
      )
      for (const region of before) {
        if (region === undefined || region === self) continue
        this.#waitsFor = `${placement.id}: what ${region} has granted as its registrar`
        for await (const homes of peers.granted(region, placement.id)) {
          const byStore = Map.groupBy(homes, ({ group }) =>
            shards.storeOfSlot(placement.id, placement.slotOf(group)),
          )
          for (const [store, some] of byStore) {
            await shards.callStore(placement.id, store, 'inheritHomes', { homes: some })
          }
        }
      }
    }
  }

  /** Until this copy has all that the homes had when they came to this phase. */
  async #catchUp(): Promise<void> {
    const { self, peers } = this.#options
    for (const placement of this.#changing()) {
      if (!placement.mayStore(self)) continue
      for (const source of placement.sources) {
        if (source === self) continue
        this.#waitsFor = `${placement.id}: where the feeds of ${source} end`
        await this.#reach(placement, source, await peers.ends(source, placement.id))
      }
    }
  }

  async #reach(placement: Placement, source: RegionId, ends: readonly Position[]): Promise<void> {
    const { adopted, shards } = this.#options
    const feed = feedOf(adopted, source)
    while (!this.#stopped) {
      const states = await allFeedStates(shards, placement.id)
      const bySlot = new Map(
        states.filter(state => state.feed === feed).map(({ slot, state }) => [slot, state]),
      )
      const behind = ends.filter((end, slot) => (bySlot.get(slot)?.complete ?? 0) < end)
      if (behind.length === 0) return
      this.#waitsFor = `${placement.id}: ${behind.length} of ${ends.length} slots of ${source} are not copied to their ends`
      await this.#pause()
    }
  }

  /** Until this region is home of nothing that the next policy wants elsewhere. */
  async #transfer(): Promise<void> {
    const { self } = this.#options
    for (const placement of this.#changing()) {
      if (!placement.isSource(self)) continue
      const transfers = new HomeTransfers(this.#options, placement)
      for (let left = await transfers.pass(); left > 0; left = await transfers.pass()) {
        if (this.#stopped) return
        this.#waitsFor = `${placement.id}: ${left} groups were still homed here, or on their way`
        await this.#pause()
      }
    }
  }

  /** See `adoptFeed`. */
  async #adoptFeeds(): Promise<void> {
    const { self, adopted, shards, onDamaged } = this.#options
    for (const placement of this.#changing()) {
      if (!placement.mayHome(self)) continue
      for (const leaving of placement.data.changing?.leaving ?? []) {
        const feed = feedOf(adopted, leaving)
        this.#waitsFor = `${placement.id}: what only the feeds of ${leaving} lead to`
        for (const slot of slotsOf(placement)) {
          let after: Position | null = 0
          let looks = 0
          while (after !== null && !this.#stopped) {
            const part: AdoptedPart = await shards.call(placement.id, slot, 'adoptFeed', {
              ...{ slot, feed, after, max: limits.markersPerTurn },
              passesLost: looks >= LOST_LOOKS_MAX,
            })
            looks = part.next === after ? looks + 1 : 0
            after = part.next
            if (part.unsound === undefined) continue
            onDamaged(placement.id, part.unsound)
            this.#waitsFor = `${placement.id}: the repair of a record that ${leaving} has had`
            await this.#pause()
          }
        }
      }
    }
  }

  /** Until what stays here is sound and all of it: what others erase can't mend it any more. */
  async #verify(): Promise<void> {
    for (const placement of this.#changing()) {
      const copy = new StayingCopy(this.#options, placement)
      for (let found = await copy.look(); found !== undefined; found = await copy.look()) {
        if (this.#stopped) return
        this.#waitsFor = `${placement.id}: ${found}`
        await this.#pause()
      }
    }
  }

  /** What this region has of datasets that it is no home of any more, or does not store. */
  async #countLeftCopies(): Promise<LeftCopy[]> {
    const { self, shards } = this.#options
    const copies: LeftCopy[] = []
    for (const placement of this.#changing()) {
      const { id: dataset, data } = placement
      const isLeaving = data.changing?.leaving.includes(self) || !placement.isReadable(self)
      if (!isLeaving || !shards.stores(dataset)) continue
      const digests = (await shards.callAll(dataset, 'digests', {})).flat()
      const { records, bytes, sum } = digests.reduce(
        (all, { digest }) => addDigests(all, digest),
        emptyDigest,
      )
      const isErased = !placement.isReadable(self)
      copies.push({
        ...{ dataset, region: self, ends: await ownEnds(this.#options, placement) },
        ...{ isErased, records, bytes, digest: sum.toString(16).padStart(16, '0') },
      })
    }
    return copies
  }

  #pause(): Promise<void> {
    const { clock } = this.#options
    return new Promise(resolve => void clock.after(timing.policyLookMs, resolve))
  }
}
