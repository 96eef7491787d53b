/** The engines whose stores other threads read. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../src/runtime/clock.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import { lmdbEngine } from '../../src/storage/lmdb-engine.ts'
import { createLogEngineKind } from '../../src/storage/log-engine.ts'
import { attachedContract } from '../contracts/attached-contract.ts'

const root = mkdtempSync(join(tmpdir(), 'denizen-attached-'))
process.on('exit', () => rmSync(root, { recursive: true, force: true }))
let directories = 0
const freshDirectory = () => join(root, `${directories++}`)

attachedContract('lmdb', {
  ...{ name: 'lmdb', kind: lmdbEngine, freshDirectory },
  ...{ rows: 10, valueBytes: 100, commits: 300 },
})

attachedContract('log, full overlays', {
  ...{ name: 'log', freshDirectory },
  kind: createLogEngineKind({ clock: systemClock, random: systemRandom }),
  ...{ rows: 10, valueBytes: 32_768, commits: 200 },
})

/** Has the next checkpoint begin as soon as it can. */
const hasty: Clock = { ...systemClock, after: (_, task) => systemClock.after(0, task) }

attachedContract('log, checkpoints all the time', {
  ...{ name: 'log', freshDirectory },
  kind: createLogEngineKind({ clock: hasty, random: systemRandom }),
  ...{ rows: 10, valueBytes: 100, commits: 1_000 },
})
