/**
 * Drives expiry: again and again, each store of this node is asked to remove what is due, in turns
 * of bounded work, one store after the other. Nothing waits for it: readers hide what has expired
 * by themselves.
 */
import { DenizenError } from '../model/errors.ts'
import { limits, timing } from '../model/limits.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import type { RoutingOperations } from './shard-operations.ts'

export interface ExpiryOptions {
  readonly shards: ShardClient<RoutingOperations>
  /** The ids of those that this node stores. */
  readonly datasets: () => readonly string[]
  readonly clock: Clock
  readonly log: Logger
}

export class Expiry {
  readonly #options: ExpiryOptions
  /**
   * By store: where the last sweep stopped. Rows whose tombstones have to come from other regions
   * stay where they are, and must not keep this region from its own.
   */
  readonly #from = new Map<string, Uint8Array>()
  #cancel: () => void = () => {}
  #stopped = false

  constructor(options: ExpiryOptions) {
    this.#options = options
  }

  start(): void {
    this.#cancel = this.#options.clock.after(timing.expiryIntervalMs, () => {
      this.#sweep().then(() => {
        if (!this.#stopped) this.start()
      })
    })
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
  }

  async #sweep(): Promise<void> {
    const { shards, datasets } = this.#options
    for (const dataset of datasets()) {
      for (let store = 0; store < shards.storeCount(dataset); store++) {
        if (this.#stopped) return
        await this.#sweepStore(dataset, store)
      }
    }
  }

  /** A store that can't be written now is tried again with the next sweep. */
  async #sweepStore(dataset: string, store: number): Promise<void> {
    const { shards, clock, log } = this.#options
    const name = `${store} ${dataset}`
    const nowMs = clock.wallMs()
    try {
      for (let turn = 0; turn < limits.expiryTurnsPerSweep && !this.#stopped; turn++) {
        const from = this.#from.get(name)
        const request = { nowMs, ...(from && { from }) }
        const { next } = await shards.callStore(dataset, store, 'expire', request)
        if (next) this.#from.set(name, next)
        else this.#from.delete(name)
        if (!next) return
      }
    } catch (error) {
      if (!(error instanceof DenizenError)) throw error
      log.debug('expiry has to wait', { dataset, store, code: error.code })
    }
  }
}
