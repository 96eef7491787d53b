/**
 * Scrubs the stores of a node, one slice of one store at a time: each store once in a while by
 * itself, and all of them when an operator asks. Damaged records go to be repaired. It runs in the
 * main thread, its slices in the shards.
 */
import { DenizenError } from '../model/errors.ts'
import { limits, timing } from '../model/limits.ts'
import type { Slot } from '../model/slot.ts'
import type { ScrubReport } from '../routing/scrub-report.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import type { RepairOperations } from './shard-operations.ts'

export interface ScrubberOptions {
  readonly shards: ShardClient<RepairOperations>
  /** Of this node. */
  readonly datasets: () => readonly string[]
  readonly clock: Clock
  readonly log: Logger
  readonly onDamaged: (dataset: string, key: string) => void
}

type ScrubView = Omit<ScrubReport, 'repairs' | 'comparisons'>

interface Tally {
  readonly dataset: string
  readonly stores: number
  storesDone: number
  records: number
  entries: number
  readonly damage: Map<Slot, number>
  digestsCorrected: number
}

export class Scrubber {
  readonly #options: ScrubberOptions
  #tallies: readonly Tally[] = []
  #running: Promise<void> | undefined
  /** Somebody waits for the scrub under way. */
  #isAsked = false
  #stopped = false
  #cancelTimer: () => void = () => {}
  #wake: () => void = () => {}

  constructor(options: ScrubberOptions) {
    this.#options = options
  }

  /** From now on the node scrubs by itself. */
  start(afterMs: number = timing.scrubFirstMs): void {
    this.#cancelTimer = this.#options.clock.after(afterMs, () => {
      this.#run()
      this.start(timing.scrubIntervalMs)
    })
  }

  stop(): void {
    this.#stopped = true
    this.#cancelTimer()
    this.#wake()
  }

  /** Scrubs everything, or hurries the scrub under way. */
  ask(): ScrubView {
    this.#isAsked = true
    this.#run()
    return this.view()
  }

  view(): ScrubView {
    return {
      running: this.#running !== undefined,
      datasets: this.#tallies.map(({ damage, ...tally }) => ({
        ...tally,
        damage: [...damage].map(([slot, count]) => ({ slot, count })),
      })),
    }
  }

  #run(): void {
    const { log } = this.#options
    this.#running ??= this.#scrubAll()
      .catch((error: unknown) => {
        if (!(error instanceof DenizenError)) throw error
        if (!this.#stopped) log.warn('a scrub did not come to its end', { code: error.code })
      })
      .finally(() => {
        this.#running = undefined
        this.#isAsked = false
      })
  }

  async #scrubAll(): Promise<void> {
    const { datasets, shards } = this.#options
    this.#tallies = datasets().map(dataset => ({
      ...{ dataset, stores: shards.storeCount(dataset), storesDone: 0 },
      ...{ records: 0, entries: 0, damage: new Map(), digestsCorrected: 0 },
    }))
    for (const tally of this.#tallies) {
      for (let store = 0; store < tally.stores; store++) {
        await this.#scrubStore(tally, store)
        tally.storesDone += 1
      }
    }
  }

  async #scrubStore(tally: Tally, store: number): Promise<void> {
    const { shards, onDamaged } = this.#options
    const { dataset } = tally
    const bounds = { rowsMax: limits.scrubRowsPerSlice, bytesMax: limits.scrubBytesPerSlice }
    let from: Uint8Array | undefined
    do {
      const request = { ...bounds, ...(from && { from }) }
      const slice = await shards.callStore(dataset, store, 'scrub', request)
      tally.records += slice.records
      tally.entries += slice.entries
      for (const { slot, key } of slice.damage) {
        tally.damage.set(slot, (tally.damage.get(slot) ?? 0) + 1)
        if (key !== undefined) onDamaged(dataset, key)
      }
      if (slice.digests.length > 0) await this.#correct(tally, store, slice.digests)
      from = slice.next
      await this.#rest(this.#isAsked ? timing.scrubAskedPauseMs : timing.scrubPauseMs)
    } while (from && !this.#stopped)
  }

  /** The records have been verified one by one: they are right, and the digest is made anew. */
  async #correct(
    tally: Tally,
    store: number,
    digests: RepairOperations['correctDigests']['request']['digests'],
  ): Promise<void> {
    const { shards, log } = this.#options
    const { dataset } = tally
    await shards.callStore(dataset, store, 'correctDigests', { digests })
    tally.digestsCorrected += digests.length
    log.error('digests of a store were wrong', { dataset, store, digests: digests.length })
  }

  #rest(delayMs: number): Promise<void> {
    return new Promise(resolve => {
      const cancel = this.#options.clock.after(delayMs, resolve)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
  }
}
