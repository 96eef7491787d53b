/**
 * Where the time of one request goes: `home`, at another region that runs it; `store`, in a shard
 * of this node, its commit included. What is left is routing: deciding, and asking registrars.
 * Operations of one request run side by side: a phase is the time in which any of them is in it.
 */
import type { Clock } from '../runtime/clock.ts'

export type Phase = 'home' | 'store'

interface Spent {
  inIt: number
  sinceMs: number
  ms: number
}

export class Phases {
  readonly #clock: Clock
  readonly #home: Spent = { inIt: 0, sinceMs: 0, ms: 0 }
  readonly #store: Spent = { inIt: 0, sinceMs: 0, ms: 0 }
  /** All of it was one call of a store of this node. */
  isOfStore = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async spend<T>(phase: Phase, task: Promise<T>): Promise<T> {
    const spent = phase === 'home' ? this.#home : this.#store
    if (spent.inIt === 0) spent.sinceMs = this.#clock.monotonicMs()
    spent.inIt += 1
    try {
      return await task
    } finally {
      spent.inIt -= 1
      if (spent.inIt === 0) spent.ms += this.#clock.monotonicMs() - spent.sinceMs
    }
  }

  /** As entries of Server-Timing, of a request that took so long, each followed by a comma. */
  timings(totalMs: number): string {
    if (this.isOfStore) return timing('store', totalMs)
    const [homeMs, storeMs] = [this.#home.ms, this.#store.ms]
    const routeMs = Math.max(0, totalMs - homeMs - storeMs)
    const home = homeMs > 0 ? timing('home', homeMs) : ''
    const store = storeMs > 0 ? timing('store', storeMs) : ''
    return `${timing('route', routeMs)}${home}${store}`
  }
}

const timing = (name: string, ms: number): string => `${name};dur=${ms.toFixed(2)}, `
