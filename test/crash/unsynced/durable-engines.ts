/** The engines that must lose nothing when the power goes. */
import { systemClock } from '../../../src/runtime/clock.ts'
import { systemRandom } from '../../../src/runtime/random.ts'
import { lmdbEngine } from '../../../src/storage/lmdb-engine.ts'
import { createLogEngineKind } from '../../../src/storage/log-engine.ts'

export const durableEngines = {
  lmdb: lmdbEngine,
  /** Checkpoints follow each other, so that the power goes within them. */
  log: createLogEngineKind({
    clock: { ...systemClock, after: (_, task) => systemClock.after(0, task) },
    random: systemRandom,
  }),
}

export type EngineName = keyof typeof durableEngines

export const isDurableEngine = (name: string): name is EngineName =>
  Object.hasOwn(durableEngines, name)
