/**
 * What is fuzzed, as the driver sees it. A case is bytes, so that any case can be made smaller,
 * kept and run again by the same few lines; a target reads its own structure out of them.
 */
import type { SeededRandom } from '../support/seeded-random.ts'

export interface FuzzTarget {
  /** Draws a case from `random` and nothing else. */
  generate(random: SeededRandom): Uint8Array
  /** Throws where the code under test breaks a rule, whatever the bytes are. */
  check(input: Uint8Array): void | Promise<void>
  close?(): Promise<void>
}

/** What the module of a target exports. */
export interface TargetModule {
  readonly open: () => FuzzTarget | Promise<FuzzTarget>
}

/** A rule that the code under test broke. */
export class BrokenRule extends Error {
  override readonly name = 'BrokenRule'
}

export function rule(holds: unknown, text: string): asserts holds {
  if (!holds) throw new BrokenRule(text)
}
