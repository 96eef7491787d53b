/** `denizen dev kill`, `stop`, `start`, `cut`, `heal`, `status`: a running world, from outside. */
import type { Command } from 'commander'
import { examples, withJson } from '../arguments.ts'
import { commandWorld, worldStatus } from '../dev/control-client.ts'
import type { WorldCommand, WorldStatus } from '../dev/control-server.ts'
import { defaultDataDirectory } from '../dev/lock.ts'
import { usageError } from '../exit-codes.ts'
import { formatTable } from '../table.ts'
import type { Terminal } from '../terminal.ts'

interface ControlOptions {
  readonly data?: string
  readonly json: boolean
}

export function registerDevControl(dev: Command, terminal: Terminal): void {
  const add = (usage: string, description: string, ...lines: string[]): Command =>
    withJson(dev.command(usage).description(description))
      .option(
        '--data <dir>',
        `the data directory of the world (default: "${defaultDataDirectory}")`,
      )
      .addHelpText('after', examples(...lines))

  const run = async (command: Command, order: WorldCommand): Promise<void> => {
    show(terminal, command.opts(), await commandWorld(dataOf(command), order))
  }

  add('kill <region>', 'end a region at once (SIGKILL)', 'denizen dev kill us-east').action(
    (region: string, _, command: Command) => run(command, { do: 'kill', region }),
  )
  add('stop <region>', 'let a region end in order (SIGTERM)', 'denizen dev stop us-east').action(
    (region: string, _, command: Command) => run(command, { do: 'stop', region }),
  )
  add('start <region>', 'start a region that is not running', 'denizen dev start us-east').action(
    (region: string, _, command: Command) => run(command, { do: 'start', region }),
  )
  add(
    'cut <region> <other>',
    'cut the cable between two regions: they go silent for each other',
    'denizen dev cut eu-west us-east',
  ).action((region: string, other: string, _, command: Command) =>
    run(command, { do: 'cut', regions: [region, other] }),
  )
  add(
    'heal [region] [other]',
    'mend one cable, or all of them',
    'denizen dev heal eu-west us-east',
    'denizen dev heal',
  ).action((region: string | undefined, other: string | undefined, _, command: Command) => {
    if (region === undefined) return run(command, { do: 'heal' })
    if (other === undefined) throw usageError('a cable joins two regions', 'Name both, or none.')
    return run(command, { do: 'heal', regions: [region, other] })
  })
  add('status', 'what runs and what is cut', 'denizen dev status --json').action(
    async (_, command: Command) => {
      show(terminal, command.opts(), await worldStatus(dataOf(command)))
    },
  )
}

/** `--data` may stand before the subcommand too. */
function dataOf(command: Command): string {
  const own = command.opts<ControlOptions>().data
  return own ?? command.parent?.opts<{ data: string }>().data ?? defaultDataDirectory
}

function show(terminal: Terminal, { json }: ControlOptions, status: WorldStatus): void {
  if (json) {
    terminal.json(status)
    return
  }
  const rows = status.regions.map(({ region, url, state, pid }) => [
    region,
    url,
    colored(terminal, state),
    pid === undefined ? '' : String(pid),
  ])
  terminal.line(formatTable(terminal.colors, ['region', 'address', 'state', 'pid'], rows))
  for (const [a, b] of status.cuts) terminal.line(`cut: ${a} - ${b}`)
}

const colored = ({ colors }: Terminal, state: string): string =>
  state === 'running' ? colors.green(state) : colors.red(state)
