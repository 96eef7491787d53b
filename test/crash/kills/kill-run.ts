/**
 * Kills regions of a world at random moments, again and again, while clients write, and reads every
 * key after each restart. It ends at the first acknowledged write that is lost, at a value that
 * nobody wrote, and at one that is older than what somebody was told or has read.
 */
import { allReachable, until } from '../../cluster/region-client.ts'
import { Writers } from '../../cluster/writers.ts'
import type { World } from '../../worlds/world.ts'
import { checkKeys } from './check-keys.ts'

export interface KillRunOptions {
  readonly world: World
  readonly random: () => number
  /** The longest time that a region runs between two kills. */
  readonly lifeMaxMs: number
  /** Asked before each kill. */
  readonly goesOn: (tally: Readonly<KillTally>) => boolean
}

export interface KillTally {
  kills: number
  /** Of them: in the middle of a start. */
  killsAtStart: number
  acknowledged: number
  unknown: number
  refused: number
  /** Reads of keys after restarts. */
  checks: number
}

const datasets = ['cities', 'settings']
/** Of all lives: those that end before the region serves. */
const killedAtStart = 0.2
/** Of all kills: those that all regions meet at once. */
const killedTogether = 0.2
const startMaxMs = 1_500

export async function killAgainAndAgain(options: KillRunOptions): Promise<KillTally> {
  const { world, random, lifeMaxMs, goesOn } = options
  const tally = { kills: 0, killsAtStart: 0, acknowledged: 0, unknown: 0, refused: 0, checks: 0 }
  let writers: Writers | undefined
  while (goesOn(tally)) {
    const shape = { world, datasets, writers: 16, keysPerWriter: 4, random }
    writers = new Writers({ ...shape, ...(writers && { continues: writers }) })
    // Most lives are short; some see all that a store does in the background.
    await pass(random() ** 3 * lifeMaxMs)
    await killSome(options, tally)
    await writers.stop()
    for (const outcome of ['acknowledged', 'unknown', 'refused'] as const) {
      tally[outcome] += writers.counts[outcome]
    }
    tally.checks += await checkKeys(world, writers, random)
  }
  return tally
}

/** Kills, and resolves when all regions serve again. */
async function killSome({ world, random }: KillRunOptions, tally: KillTally): Promise<void> {
  const one = world.regions[Math.floor(random() * world.regions.length)] as string
  const victims = random() < killedTogether ? world.regions : [one]
  const kill = async (): Promise<void> => {
    tally.kills += victims.length
    await Promise.all(victims.map(region => world.kill(region)))
  }
  await kill()
  while (random() < killedAtStart) {
    await Promise.all(victims.map(region => world.start(region, { ready: false })))
    await pass(random() * startMaxMs)
    tally.killsAtStart += victims.length
    await kill()
  }
  await Promise.all(victims.map(region => world.start(region)))
  await allReachable(world)
}

/** The moment of a kill is no condition of the world: it must fall anywhere. */
async function pass(durationMs: number): Promise<void> {
  const endMs = performance.now() + durationMs
  await until(() => performance.now() >= endMs, 'time passes')
}

/**
 * So many kills, and enough that was written between them: by chance all lives may be short. In the
 * long run (`npm run test:crash`) it goes on for half of the time; the other half is the other
 * file's.
 */
export function goesOnFor(short: number, long: number): KillRunOptions['goesOn'] {
  const seconds = Number(process.env.DENIZEN_CRASH_SECONDS ?? 0)
  const untilMs = performance.now() + (seconds * 1_000) / 2
  const wanted = seconds > 0 ? long : short
  return ({ kills, acknowledged }) =>
    kills < wanted || acknowledged < 20 * wanted || performance.now() < untilMs
}
