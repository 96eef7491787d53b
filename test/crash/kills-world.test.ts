/**
 * kill -9 of regions of a world, one at a time and all at once. A few times within `npm test`, more
 * often within `npm run test:crash`; test/cluster/durability.test.ts looks at the copies as well.
 */
import { test } from 'uvu'
import { converged, seededRandom, seedOfRun } from '../cluster/region-client.ts'
import { smallPolicy, startWorld } from '../worlds/world.ts'
import { goesOnFor, killAgainAndAgain } from './kills/kill-run.ts'
import { keepCompiledCode, writeCompiledCode } from './kills/quick-starts.ts'

const random = seededRandom(seedOfRun())
const regions = ['eu-west', 'us-east', 'ap-northeast']

test('a world has what it has acknowledged after each kill, and its copies agree', async () => {
  keepCompiledCode()
  const world = await startWorld({ config: smallPolicy(regions), threads: 2 })
  try {
    await writeCompiledCode(world)
    const goesOn = goesOnFor(3, 50)
    const tally = await killAgainAndAgain({ world, random, lifeMaxMs: 6_000, goesOn })
    process.stdout.write(`${JSON.stringify(tally)}\n`)
    await converged(world)
  } finally {
    await world.close()
  }
})

test.run()
