/** Seeded chance: the same numbers for a seed, on every machine. */

export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** A number in [0, 1), by mulberry32 (Tommy Ettinger). */
  unit(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    const state = this.#state
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** True with this probability. */
  happens(probability: number): boolean {
    return this.unit() < probability
  }

  /** An integer from `min` to `max`, both included, equally likely. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.unit() * (max - min + 1))
  }

  /** 1 and up, with this mean: how often one tries until a chance of 1/mean comes true. */
  geometric(mean: number): number {
    if (mean <= 1) return 1
    return 1 + Math.floor(Math.log(1 - this.unit()) / Math.log(1 - 1 / mean))
  }

  exponential(mean: number): number {
    return -mean * Math.log(1 - this.unit())
  }
}
