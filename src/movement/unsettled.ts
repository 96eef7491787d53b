/**
 * Sees to it that no group stays between two homes. Operations that meet such a group drive its
 * move on; this does it for groups that nobody asks for: at a start for all that the rows name,
 * later for those whose move has come to no end.
 */
import { DenizenError } from '../model/errors.ts'
import { limits, timing } from '../model/limits.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { Clock } from '../runtime/clock.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import type { MovementOperations } from './shard-operations.ts'

export interface UnsettledOptions {
  readonly shards: ShardClient<MovementOperations>
  readonly table: () => PlacementTable
  readonly clock: Clock
  readonly settle: (placement: Placement, group: string) => Promise<unknown>
}

interface Group {
  readonly placement: Placement
  readonly group: string
}

export class Unsettled {
  readonly #options: UnsettledOptions
  readonly #groups = new Map<string, Group>()
  #cancel: () => void = () => {}
  #stopped = false

  constructor(options: UnsettledOptions) {
    this.#options = options
  }

  start(): void {
    void this.#find().then(() => this.#again())
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
  }

  /** A move has come to no end. Beyond the bound a group waits for who asks for it, or a start. */
  add(placement: Placement, group: string): void {
    if (this.#groups.size >= limits.unsettledGroupsMax) return
    this.#groups.set(`${placement.id}\n${group}`, { placement, group })
  }

  async #find(): Promise<void> {
    const { shards, table } = this.#options
    for (const placement of table().placements) {
      for (let store = 0; store < shards.storeCount(placement.id); store++) {
        await this.#findIn(placement, store)
      }
    }
  }

  async #findIn(placement: Placement, store: number): Promise<void> {
    let after: string | null = null
    do {
      const request: { after: string | null; max: number } = { after, max: limits.markersPerTurn }
      const found = await quietly(
        this.#options.shards.callStore(placement.id, store, 'unsettledGroups', request),
      )
      for (const group of found?.groups ?? []) this.add(placement, group)
      after = found?.next ?? null
    } while (after !== null && !this.#stopped)
  }

  #again(): void {
    if (this.#stopped) return
    this.#cancel = this.#options.clock.after(timing.unsettledIntervalMs, () => {
      void this.#settleSome().then(() => this.#again())
    })
  }

  async #settleSome(): Promise<void> {
    const some = [...this.#groups].slice(0, limits.movesAtOnce)
    await Promise.all(
      some.map(async ([name, { placement, group }]) => {
        this.#groups.delete(name)
        const settled = await quietly(this.#options.settle(placement, group))
        // Behind the others, so that one that can't be settled keeps none from it.
        if (settled === undefined) this.add(placement, group)
      }),
    )
  }
}

/** What can't be had now is asked for again. */
async function quietly<T>(task: Promise<T>): Promise<T | undefined> {
  try {
    return await task
  } catch (error) {
    if (error instanceof DenizenError) return undefined
    throw error
  }
}
