/** Randomness for tests: the simulator's. */
export { type SeededRandom, seededRandom } from '../../src/simulation/seeded-random.ts'

/** Seeds of one run: the one of `DENIZEN_SEED` alone, or as many from 1 as asked for. */
export function seedsOfRun(count: number): readonly number[] {
  const asked = process.env.DENIZEN_SEED
  return asked === undefined ? Array.from({ length: count }, (_, n) => n + 1) : [Number(asked)]
}
