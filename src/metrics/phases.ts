/**
 * Where the time of one request goes: `home`, at another region that runs it; `store`, in a shard
 * of this node, its commit included; `replicate`, until other regions have the write, too. What is
 * left is routing: deciding, and asking registrars.
 * Operations of one request run side by side: a phase is the time in which any of them is in it.
 */
import type { Clock } from '../runtime/clock.ts'

export type Phase = 'home' | 'store' | 'replicate'

interface Spent {
  inIt: number
  sinceMs: number
  ms: number
}

export class Phases {
  readonly #clock: Clock
  readonly #home: Spent = { inIt: 0, sinceMs: 0, ms: 0 }
  readonly #store: Spent = { inIt: 0, sinceMs: 0, ms: 0 }
  readonly #replicate: Spent = { inIt: 0, sinceMs: 0, ms: 0 }
  /** All of it was one call of a store of this node. */
  isOfStore = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async spend<T>(phase: Phase, task: Promise<T>): Promise<T> {
    const spent = this.#spent(phase)
    if (spent.inIt === 0) spent.sinceMs = this.#clock.monotonicMs()
    spent.inIt += 1
    try {
      return await task
    } finally {
      spent.inIt -= 1
      if (spent.inIt === 0) spent.ms += this.#clock.monotonicMs() - spent.sinceMs
    }
  }

  #spent(phase: Phase): Spent {
    if (phase === 'replicate') return this.#replicate
    return phase === 'home' ? this.#home : this.#store
  }

  /** As entries of Server-Timing, of a request that took so long, each followed by a comma. */
  timings(totalMs: number): string {
    if (this.isOfStore) return timing('store', totalMs)
    const [homeMs, storeMs, replicateMs] = [this.#home.ms, this.#store.ms, this.#replicate.ms]
    const routeMs = Math.max(0, totalMs - homeMs - storeMs - replicateMs)
    const home = homeMs > 0 ? timing('home', homeMs) : ''
    const store = storeMs > 0 ? timing('store', storeMs) : ''
    const replicate = replicateMs > 0 ? timing('replicate', replicateMs) : ''
    return `${timing('route', routeMs)}${home}${store}${replicate}`
  }
}

const timing = (name: string, ms: number): string => `${name};dur=${ms.toFixed(2)}, `
