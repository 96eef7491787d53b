/**
 * `denizen sim`: whole worlds of nodes in made-up time, held against what is promised; and what
 * users of the whole world would see.
 */
import { type Command, InvalidArgumentError } from 'commander'
import { examples, integerIn, withJson } from '../arguments.ts'
import { usageError } from '../exit-codes.ts'
import { type PlanetCommandOptions, planetDefaults, runPlanet } from '../sim/planet.ts'
import { runSeeds, type SeedsOptions, writeHistoryOfSeed } from '../sim/seeds.ts'
import type { Terminal } from '../terminal.ts'

interface SimOptions extends PlanetCommandOptions, SeedsOptions {
  readonly planet: boolean
  readonly history?: string
}

/** 2,000 seeds of it are fifty hours. */
const MINUTES = 1.5

export function registerSim(program: Command, terminal: Terminal): void {
  const { users, locality, travellers, rehomeAfter } = planetDefaults
  const command = program
    .command('sim')
    .description('run whole worlds in made-up time, and check what is promised')
  withJson(command)
    .option('--seeds <n>', 'worlds to run, from --seed on', integerIn(1, 1_000_000), 1)
    .option('--minutes <n>', "of each world's time", minutes, MINUTES)
    .option('--keep-going', 'go on after a seed that fails', false)
    .option('--history <file>', 'write what the clients of one seed saw, as JSON Lines')
    .option('--planet', 'instead: write latency and cost for users of the whole world', false)
    .option('--seed <n>', 'the same seed gives the same result', integerIn(0, 2 ** 32 - 1), 1)
    .option('--users <n>', 'people, each with a group', integerIn(1, 1_000_000), users)
    .option('--locality <share>', "share of a group's sessions from one region", share, locality)
    .option('--travellers <share>', 'share of users who make a trip', share, travellers)
    .option(
      '--rehome-after <writes>',
      'in a row from one region that draw a group there',
      integerIn(1, 1_000_000),
      rehomeAfter,
    )
    .option('--config <file>', 'policy file with the regions (default: twelve of the catalogue)')
    .option('--svg <file>', 'write a chart')
    .addHelpText(
      'after',
      examples(
        'denizen sim --seeds 100',
        'denizen sim --seed 17 --minutes 2 --history history.jsonl',
        'denizen sim --planet',
        'denizen sim --planet --config denizen.yaml --travellers 0.3',
        'denizen sim --planet --seed 7 --json --svg planet.svg',
      ),
    )
    .action((options: SimOptions) => run(options, terminal))
}

function share(text: string): number {
  const value = Number(text)
  if (!/^\d(\.\d{1,6})?$/.test(text) || value > 1) {
    throw new InvalidArgumentError('Write a share from 0 to 1, for example 0.85.')
  }
  return value
}

function minutes(text: string): number {
  const value = Number(text)
  if (!/^\d{1,4}(\.\d{1,3})?$/.test(text) || value === 0) {
    throw new InvalidArgumentError('Write minutes, for example 1.5.')
  }
  return value
}

async function run(options: SimOptions, terminal: Terminal): Promise<void> {
  const { planet, history, seeds } = options
  if (planet) return await runPlanet(options, terminal)
  if (history === undefined) return await runSeeds(options, terminal)
  if (seeds !== 1) throw usageError('a history is of one seed', 'Leave --seeds out.')
  await writeHistoryOfSeed(options, history)
}
