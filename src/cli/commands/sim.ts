/** `denizen sim`: what would happen, without a node. */
import { type Command, InvalidArgumentError } from 'commander'
import { examples, integerIn, withJson } from '../arguments.ts'
import { usageError } from '../exit-codes.ts'
import { type PlanetCommandOptions, planetDefaults, runPlanet } from '../sim/planet.ts'
import type { Terminal } from '../terminal.ts'

interface SimOptions extends PlanetCommandOptions {
  readonly planet: boolean
}

export function registerSim(program: Command, terminal: Terminal): void {
  const { users, locality, travellers } = planetDefaults
  const command = program.command('sim').description('simulate, without a node')
  withJson(command)
    .option('--planet', 'write latency and cost for users of the whole world', false)
    .option('--seed <n>', 'the same seed gives the same result', integerIn(0, 2 ** 32 - 1), 1)
    .option('--users <n>', 'people, each with a group', integerIn(1, 1_000_000), users)
    .option('--locality <share>', "share of a group's sessions from one region", share, locality)
    .option('--travellers <share>', 'share of users who make a trip', share, travellers)
    .option('--config <file>', 'policy file with the regions (default: twelve of the catalogue)')
    .option('--svg <file>', 'write a chart')
    .addHelpText(
      'after',
      examples(
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

async function run(options: SimOptions, terminal: Terminal): Promise<void> {
  if (options.planet) return await runPlanet(options, terminal)
  throw usageError('there is nothing to simulate', 'Name what: denizen sim --planet')
}
