/** `denizen restore`: a data directory from a backup, for the node to start on. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { restore as restoreBackup } from '../../node/restore.ts'
import { examples, withConfig, withJson } from '../arguments.ts'
import { startProgress } from '../import/progress.ts'
import { readReceipt } from '../receipt-file.ts'
import { requirePolicy } from '../required-policy.ts'
import type { Terminal } from '../terminal.ts'

interface RestoreOptions {
  readonly config: string
  readonly data: string
  readonly region: string
  readonly erased: readonly string[]
  readonly json: boolean
}

export function registerRestore(program: Command, terminal: Terminal): void {
  const command = program
    .command('restore')
    .description('make a data directory from a backup of the same region')
    .argument('<file>', 'what denizen backup wrote')
    .requiredOption('--region <id>', 'the region that the backup is of')
    .requiredOption('--data <dir>', 'the new data directory: empty, or not there yet')
  command.option('--erased <receipts...>', 'receipts of erasures since, to be done again', [])
  withJson(withConfig(command))
    .addHelpText(
      'after',
      [
        examples(
          'denizen restore eu-west.backup --region eu-west --data data/eu-west',
          'denizen serve --region eu-west --data data/eu-west …',
          'denizen restore us-east.backup --region us-east --data data --erased ann.json bob.json',
        ),
        '\n\nThe node that was lost must never start again. Before it serves, the restored one takes back',
        '\nfrom every region what was written since the backup: all must answer, or be named with',
        '\n"serve --lost". What only the lost disk had is lost. What was erased since is erased again,',
        '\nas the ledgers of the other regions say; where no other region stores a dataset, --erased does.',
      ].join(''),
    )
    .action((file: string, options: RestoreOptions) => restore(file, options, terminal))
}

async function restore(file: string, options: RestoreOptions, terminal: Terminal): Promise<void> {
  const { config, data, region, json } = options
  const policy = requirePolicy(resolve(config))
  const progress = startProgress(terminal, 'rows')
  const directory = resolve(data)
  const erased = options.erased.map(path => readReceipt(path))
  const request = { file: resolve(file), directory, region, policy, erased }
  const onRows = (rows: number): void => progress.update(rows)
  const restored = await restoreBackup({ ...request, onRows }).finally(() => progress.stop())
  if (json) {
    terminal.json({ directory, region, ...restored })
    return
  }
  const { datasets, leftOut, rows } = restored
  for (const dataset of leftOut) {
    terminal.line(`${dataset} was left out: the policy does not permit to store it in ${region}`)
  }
  terminal.line(`${rows} rows of ${datasets.join(', ')} were restored to ${directory}`)
  terminal.line(`Start it: denizen serve --region ${region} --data ${data} …`)
}
