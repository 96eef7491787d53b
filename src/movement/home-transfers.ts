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

/** A group, or the key of a damaged record, whose group can't be told. */
type Found = { readonly group: Group } | { readonly damaged: string }

export class HomeTransfers {
  readonly #options: HomeTransfersOptions
  readonly #placement: Placement

  constructor(options: HomeTransfersOptions, placement: Placement) {
    this.#options = options
    this.#placement = placement
  }

  /** Goes over all groups once. Returns how many there was something to do about. */
  async pass(): Promise<number> {
    let found = 0
    await atOnce(this.#homedHere(), limits.policyMovesAtOnce, async one => {
      found += 1
      if ('group' in one) await quietly(this.#do(one.group))
      else this.#options.onDamaged(this.#placement.id, one.damaged)
    })
    return found + (await this.#settleAll())
  }

  /** Through all slots, page by page: a slot of few groups keeps no place from others. */
  async *#homedHere(): AsyncGenerator<Found> {
    const { shards } = this.#options
    const { slots } = this.#placement.data
    const max = limits.markersPerTurn
    for (let slot = 0; slot < slots; slot++) {
      let after: Position | null = 0
      while (after !== null) {
        const request: { slot: Slot; after: Position; max: number } = { slot, after, max }
        const page: HomedHere = await shards.call(this.#placement.id, slot, 'homedHere', request)
        for (const damaged of page.damaged) yield { damaged }
        for (const group of page.groups) if (this.#isToDo(group)) yield { group }
        after = page.next
      }
    }
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
    const { movements } = this.#options
    let found = 0
    await atOnce(this.#unsettled(), limits.policyMovesAtOnce, async group => {
      found += 1
      await quietly(movements.settle(this.#placement, group))
    })
    return found
  }

  async *#unsettled(): AsyncGenerator<string> {
    const { shards } = this.#options
    const dataset = this.#placement.id
    for (let store = 0; store < shards.storeCount(dataset); store++) {
      let after: string | null = null
      do {
        const request: { after: string | null; max: number } = { after, max: limits.markersPerTurn }
        const page = await shards.callStore(dataset, store, 'unsettledGroups', request)
        yield* page.groups
        after = page.next
      } while (after !== null)
    }
  }
}

/** So many at a time. */
async function atOnce<T>(
  all: AsyncIterable<T>,
  most: number,
  task: (one: T) => Promise<unknown>,
): Promise<void> {
  const left = all[Symbol.asyncIterator]()
  const worker = async (): Promise<void> => {
    for (let one = await left.next(); !one.done; one = await left.next()) await task(one.value)
  }
  await Promise.all(Array.from({ length: most }, worker))
}

/** What can't be done now is found again by the next pass. */
async function quietly(task: Promise<unknown>): Promise<void> {
  try {
    await task
  } catch (error) {
    if (!(error instanceof DenizenError || error instanceof PeerFailure)) throw error
  }
}
