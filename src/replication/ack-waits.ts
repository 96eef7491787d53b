/** The shell around `Acks`: a promise for each write that waits, and the timer that ends that. */
import type { Family } from '../metrics/family.ts'
import { Histogram, secondsBounds } from '../metrics/histogram.ts'
import { assert } from '../model/assert.ts'
import type { FeedNumber, Position } from '../model/position.ts'
import type { RegionId, Slot } from '../model/slot.ts'
import type { Clock } from '../runtime/clock.ts'
import { type AckEffect, Acks, type AwaitedWrite } from './acks.ts'

/** Where a write lies. */
export interface WrittenPoint {
  readonly slot: Slot
  readonly feed: FeedNumber
  readonly position: Position
}

export interface AckWaitsOptions {
  readonly ownFeed: () => FeedNumber
  readonly clock: Clock
}

export class AckWaits {
  readonly #options: AckWaitsOptions
  readonly #acks = new Acks()
  readonly #ends = new Map<number, (regions: number) => void>()
  readonly #durations = new Histogram({
    name: 'denizen_acks_wait_seconds',
    help: 'How long a durable write waited for other regions; `outcome`: whether enough had it.',
    labels: ['dataset', 'outcome'],
    bounds: secondsBounds,
  })
  #cancelTimer: (() => void) | undefined
  #stopped = false

  constructor(options: AckWaitsOptions) {
    this.#options = options
  }

  /**
   * Resolves with the number of regions that have each write on disk, this one included: once all
   * are in as many regions as are asked for, or when time is over. Never rejects.
   */
  regionsWith(
    dataset: string,
    regions: number,
    writes: readonly WrittenPoint[],
  ): Promise<readonly number[]> {
    return Promise.all(
      writes.map(({ slot, feed, position }) => {
        // Of an earlier home of the group: who has that feed is not known here.
        if (feed !== this.#options.ownFeed() || this.#stopped) return 1
        return this.#regionsWith({ dataset, slot, position, regions })
      }),
    )
  }

  #regionsWith(write: AwaitedWrite): Promise<number> {
    const { clock } = this.#options
    const startMs = clock.monotonicMs()
    return new Promise(resolve => {
      const { id, effects } = this.#acks.onWrite(write, startMs)
      this.#ends.set(id, regions => {
        const outcome = regions >= write.regions ? 'reached' : 'too_few'
        this.#durations.observe((clock.monotonicMs() - startMs) / 1_000, write.dataset, outcome)
        resolve(regions)
      })
      this.#carryOut(effects)
      this.#setTimer()
    })
  }

  family(): Family {
    return this.#durations.family()
  }

  onComplete(...event: Parameters<Acks['onComplete']>): void {
    this.#carryOut(this.#acks.onComplete(...event))
  }

  onLost(region: RegionId): void {
    this.#acks.onLost(region)
  }

  stop(): void {
    this.#stopped = true
    this.#cancelTimer?.()
    this.#carryOut(this.#acks.onStop())
  }

  #carryOut(effects: readonly AckEffect[]): void {
    for (const { id, regions } of effects) {
      const end = this.#ends.get(id)
      assert(end, 'a write is settled once')
      this.#ends.delete(id)
      end(regions)
    }
  }

  /** One timer for all: for the write that comes due first. */
  #setTimer(): void {
    const { clock } = this.#options
    const { dueMs } = this.#acks
    if (this.#cancelTimer || dueMs === undefined) return
    this.#cancelTimer = clock.after(Math.max(0, dueMs - clock.monotonicMs()), () => {
      this.#cancelTimer = undefined
      this.#carryOut(this.#acks.onTime(clock.monotonicMs()))
      this.#setTimer()
    })
  }
}
