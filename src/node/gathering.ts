/**
 * When a commit that follows another begins: once a turn of the event loop has brought no further
 * write, or after a while. A sync costs as much for many writes as for one; and a thread that has
 * requests to look at loses nothing by looking at them first.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { timing } from '../model/limits.ts'
import type { Clock } from '../runtime/clock.ts'

/** `waiting`: how many writes wait by now. */
export async function gatherWrites(clock: Clock, waiting: () => number): Promise<void> {
  const untilMs = clock.monotonicMs() + timing.gatherMaxMs
  for (let before = -1; waiting() > before && clock.monotonicMs() < untilMs; ) {
    before = waiting()
    await nextTurn()
  }
}
