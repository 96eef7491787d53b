/**
 * kill -9 of one node of two threads. A few times within `npm test`, hundreds of times within
 * `npm run test:crash`.
 */
import { test } from 'uvu'
import { seededRandom, seedOfRun } from '../cluster/region-client.ts'
import { smallPolicy, startWorld } from '../worlds/world.ts'
import { goesOnFor, killAgainAndAgain } from './kills/kill-run.ts'
import { keepCompiledCode, writeCompiledCode } from './kills/quick-starts.ts'

const random = seededRandom(seedOfRun())

test('one node has what it has acknowledged after each kill', async () => {
  keepCompiledCode()
  const world = await startWorld({ config: smallPolicy(['eu-west']), threads: 2 })
  try {
    await writeCompiledCode(world)
    const goesOn = goesOnFor(6, 200)
    const tally = await killAgainAndAgain({ world, random, lifeMaxMs: 6_000, goesOn })
    process.stdout.write(`${JSON.stringify(tally)}\n`)
  } finally {
    await world.close()
  }
})

test.run()
