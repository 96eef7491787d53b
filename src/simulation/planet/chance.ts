/** Seeded chance: the distributions that people's lives are drawn from. */
import { type SeededRandom, seededRandom } from '../seeded-random.ts'

export class Chance {
  readonly #random: SeededRandom

  constructor(seed: number) {
    this.#random = seededRandom(seed)
  }

  /** A number in [0, 1). */
  unit(): number {
    return this.#random.unit()
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
