/** A way to place groups, which is played the life of one group after the other. */
import type { Tally } from './tally.ts'
import type { Trace } from './trace.ts'

export interface Strategy {
  readonly tally: Tally
  /** Homes that were moved. */
  readonly moves: number
  live(trace: Trace): void
}
