/**
 * Homes that a change of the policy moves away from this region, group by group, and those that
 * stay and have to be entered at the registrar, because the next policy does not compute them. The
 * groups are found in this region's own feed, over and over until a pass finds none.
 */
import { DenizenError } from '../model/errors.ts'
import { limits } from '../model/limits.ts'
import type { Placement } from '../model/placement.ts'
import type { Position } from '../model/position.ts'
import type { RegionId, Slot } from '../model/slot.ts'
import { IMPLICIT_TERM } from '../model/version.ts'
import { PeerFailure } from '../peers/peers.ts'
import type { Claims } from '../routing/claims.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import type { HomedHere } from './policy-rows.ts'
import type { MovementOperations } from './shard-operations.ts'

export interface TransferringMovements {
  /** True once this region is not the home any more. */
  moveForPolicy(placement: Placement, group: string, to: RegionId): Promise<boolean>
  settle(placement: Placement, group: string): Promise<unknown>
}

export interface HomeTransfersOptions {
  readonly self: RegionId
  readonly shards: ShardClient<MovementOperations>
  readonly claims: Claims
  readonly movements: TransferringMovements
  readonly byNearness: readonly RegionId[]
  readonly reachable: (region: RegionId) => boolean
  readonly onDamaged: (dataset: string, key: string) => void
}

type Group = HomedHere['groups'][number]

/** Of a dataset: of each a page of groups is at hand. */
const SLOTS_AT_ONCE = 16

export class HomeTransfers {
  readonly #options: HomeTransfersOptions
  readonly #placement: Placement
  readonly #turns = new Turns(limits.policyMovesAtOnce)

  constructor(options: HomeTransfersOptions, placement: Placement) {
    this.#options = options
    this.#placement = placement
  }

  /** Goes over all groups once. Returns how many there was something to do about. */
  async pass(): Promise<number> {
    const slots = Array.from({ length: this.#placement.data.slots }, (_, slot) => slot)
    let found = 0
    // A move takes some round trips: one slot after the other, few groups would be on their way.
    await atOnce(slots, SLOTS_AT_ONCE, async slot => {
      const ofSlot = await this.#passSlot(slot)
      found += ofSlot
    })
    return found + (await this.#settleAll())
  }

  async #passSlot(slot: Slot): Promise<number> {
    const { shards } = this.#options
    const max = limits.markersPerTurn
    let found = 0
    let after: Position | null = 0
    while (after !== null) {
      const request: { slot: Slot; after: Position; max: number } = { slot, after, max }
      const page: HomedHere = await shards.call(this.#placement.id, slot, 'homedHere', request)
      const work = page.groups.filter(group => this.#isToDo(group))
      found += work.length + page.damaged.length
      for (const key of page.damaged) this.#options.onDamaged(this.#placement.id, key)
      await Promise.all(work.map(group => this.#turns.run(() => quietly(this.#do(group)))))
      after = page.next
    }
    return found
  }

  #isToDo({ group, term }: Group): boolean {
    if (this.#goesAway(group)) return true
    return term === IMPLICIT_TERM && !this.#placement.beginsComputed(group)
  }

  /** A home that the policy never wanted here was brought here: it stays where it may. */
  #goesAway(group: string): boolean {
    const { self } = this.#options
    if (!this.#placement.mayHome(self)) return true
    const preferred = this.#placement.preferredHome(group)
    const wasComputed = this.#placement.computedHome(group) === self
    return wasComputed && preferred !== undefined && preferred !== self
  }

  async #do({ group }: Group): Promise<void> {
    const { claims, movements, shards } = this.#options
    if (!this.#goesAway(group)) {
      const home = await claims.claim(this.#placement, group)
      const slot = this.#placement.slotOf(group)
      await shards.call(this.#placement.id, slot, 'beginTerm', { group, home })
      return
    }
    const to = this.#takerOf(group)
    if (to !== undefined) await movements.moveForPolicy(this.#placement, group, to)
  }

  #takerOf(group: string): RegionId | undefined {
    const { self, byNearness, reachable } = this.#options
    const preferred = this.#placement.preferredHome(group)
    if (preferred !== undefined) return preferred
    return byNearness.find(
      region => region !== self && this.#placement.mayHome(region) && reachable(region),
    )
  }

  /** Groups that are between two homes, of which this region is one. */
  async #settleAll(): Promise<number> {
    const { shards, movements } = this.#options
    const dataset = this.#placement.id
    let found = 0
    for (let store = 0; store < shards.storeCount(dataset); store++) {
      let after: string | null = null
      do {
        const request: { after: string | null; max: number } = { after, max: limits.markersPerTurn }
        const page = await shards.callStore(dataset, store, 'unsettledGroups', request)
        found += page.groups.length
        await atOnce(page.groups, limits.policyMovesAtOnce, group =>
          quietly(movements.settle(this.#placement, group)),
        )
        after = page.next
      } while (after !== null)
    }
    return found
  }
}

/** So many at a time, whoever asks; the others in the order in which they came. */
class Turns {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(most: number) {
    this.#free = most
  }

  async run(task: () => Promise<void>): Promise<void> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>(resolve => void this.#waiting.push(resolve))
    try {
      await task()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free += 1
    }
  }
}

/** So many at a time. */
async function atOnce<T>(
  all: readonly T[],
  most: number,
  task: (one: T) => Promise<unknown>,
): Promise<void> {
  const left = all.values()
  const worker = async (): Promise<void> => {
    for (const one of left) await task(one)
  }
  await Promise.all(Array.from({ length: Math.min(most, all.length) }, worker))
}

/** What can't be done now is found again by the next pass. */
async function quietly(task: Promise<unknown>): Promise<void> {
  try {
    await task
  } catch (error) {
    if (!(error instanceof DenizenError || error instanceof PeerFailure)) throw error
  }
}
