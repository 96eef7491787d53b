/** The randomness port for tests: mulberry32 (Tommy Ettinger), the same numbers for a seed. */
import type { Random } from '../../src/runtime/random.ts'

export interface SeededRandom extends Random {
  /** An integer in [0, below). */
  below(below: number): number
  /** True once in `times`, on average. */
  oneIn(times: number): boolean
  pick<T>(items: readonly T[]): T
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
    oneIn: times => below(times) === 0,
    pick: items => items[below(items.length)] as (typeof items)[number],
    bytes: count => Uint8Array.from({ length: count }, () => below(256)),
  }
}

/** Seeds of one run: the one of `DENIZEN_SEED` alone, or as many from 1 as asked for. */
export function seedsOfRun(count: number): readonly number[] {
  const asked = process.env.DENIZEN_SEED
  return asked === undefined ? Array.from({ length: count }, (_, n) => n + 1) : [Number(asked)]
}
