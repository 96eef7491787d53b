/**
 * The randomness port, drawn from a seed: mulberry32 (Tommy Ettinger), the same numbers for each.
 */
import type { Random } from '../runtime/random.ts'

export interface SeededRandom extends Random {
  /** An integer in [0, below). */
  below(below: number): number
  /** A number in [from, to). */
  between(from: number, to: number): number
  /** True once in `times`, on average. */
  oneIn(times: number): boolean
  pick<T>(items: readonly T[]): T
  /** Another source, of its own: what one part draws does not move what another one gets. */
  fork(): SeededRandom
}

export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0
  const unit = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (bound: number): number => Math.floor(unit() * bound)
  return {
    unit,
    below,
    between: (from, to) => from + unit() * (to - from),
    oneIn: times => below(times) === 0,
    pick: items => items[below(items.length)] as (typeof items)[number],
    bytes: count => Uint8Array.from({ length: count }, () => below(256)),
    fork: () => seededRandom(below(2 ** 32)),
  }
}
