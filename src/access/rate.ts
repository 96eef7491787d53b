/**
 * Rates of requests, by the generic cell rate algorithm (ITU-T I.371, annex A): the whole state of
 * one rate is the time at which the next request would arrive if all came evenly. The states of a
 * node stand in memory that its threads share, one integer each, so that a rate holds for the node
 * and no thread waits for another.
 *
 * All times are nanoseconds of the node's monotonic clock, which is one for all its threads.
 */
export interface Rate {
  readonly intervalNs: number
  /** How far ahead of even arrivals requests may run: a second's worth may come at once. */
  readonly toleranceNs: number
}

const NS_PER_MS = 1e6
const NS_PER_S = 1e9

/** What a batch owes beyond this is forgiven: no caller is shut out for hours by one body. */
const DEBT_MAX_NS = 60 * NS_PER_S

export const rateOf = (requestsPerSecond: number): Rate => {
  const intervalNs = Math.max(1, Math.round(NS_PER_S / requestsPerSecond))
  return { intervalNs, toleranceNs: Math.max(0, NS_PER_S - intervalNs) }
}

/** Memory for so many rates, none of which has been used. */
export const sharedRates = (count: number): SharedArrayBuffer =>
  new SharedArrayBuffer(count * BigInt64Array.BYTES_PER_ELEMENT)

export class RateStates {
  /** Arrival times of the next even request. */
  readonly #nextNs: BigInt64Array

  constructor(shared: SharedArrayBuffer) {
    this.#nextNs = new BigInt64Array(shared)
  }

  /** Counts one request; returns 0, or in how many milliseconds it will fit, uncounted. */
  take(slot: number, rate: Rate, nowMs: number): number {
    const nowNs = Math.round(nowMs * NS_PER_MS)
    while (true) {
      const before = Atomics.load(this.#nextNs, slot)
      const nextNs = Math.max(Number(before), nowNs)
      const earlyNs = nextNs - nowNs - rate.toleranceNs
      if (earlyNs > 0) return earlyNs / NS_PER_MS
      if (this.#exchange(slot, before, nextNs + rate.intervalNs)) return 0
    }
  }

  /** Counts requests that are under way already: those that come next wait for them. */
  owe(slot: number, rate: Rate, nowMs: number, count: number): void {
    const nowNs = Math.round(nowMs * NS_PER_MS)
    while (true) {
      const before = Atomics.load(this.#nextNs, slot)
      const nextNs = Math.max(Number(before), nowNs) + count * rate.intervalNs
      if (this.#exchange(slot, before, Math.min(nextNs, nowNs + DEBT_MAX_NS))) return
    }
  }

  /** Takes over the state of one rate from the states before a reload. */
  copy(slot: number, from: RateStates, fromSlot: number): void {
    Atomics.store(this.#nextNs, slot, Atomics.load(from.#nextNs, fromSlot))
  }

  #exchange(slot: number, before: bigint, afterNs: number): boolean {
    return Atomics.compareExchange(this.#nextNs, slot, before, BigInt(afterNs)) === before
  }
}
