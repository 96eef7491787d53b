/**
 * The engine of a node's stores, for every thread and command that opens them. Another one would
 * miss what is only in the log.
 */
import { systemClock } from '../runtime/clock.ts'
import { systemRandom } from '../runtime/random.ts'
import { createLogEngineKind } from '../storage/log-engine.ts'

export const storeEngine = createLogEngineKind({ clock: systemClock, random: systemRandom })
