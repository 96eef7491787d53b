/** `denizen import cities`: real data, through the region nearest to each place. */
import type { Command } from 'commander'
import {
  collectUrl,
  examples,
  integerIn,
  withConfig,
  withCredentials,
  withJson,
} from '../arguments.ts'
import { clusterView } from '../cluster-view.ts'
import { portsFromBase } from '../dev/plan.ts'
import { loopback } from '../dev/ports.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { type ImportReport, importCities } from '../import/import-cities.ts'
import { startProgress } from '../import/progress.ts'
import { placedRegions } from '../import/regions.ts'
import { formatTable } from '../table.ts'
import type { Terminal } from '../terminal.ts'

interface ImportOptions {
  readonly url: readonly string[]
  readonly portBase: number
  readonly config: string
  readonly minPopulation: number
  readonly json: boolean
}

const copiesTimeoutMs = 120_000

export function registerImportCities(group: Command, terminal: Terminal): void {
  const command = group
    .command('cities')
    .description('load the places of the world, each through the region nearest to it')
  withJson(withCredentials(withConfig(command)))
    .option(
      '--url <url>',
      'base URL of a node to learn the cluster from; repeatable',
      collectUrl,
      [],
    )
    .option('--port-base <port>', 'port base of the world that "denizen dev" runs', base, 7000)
    .option('--min-population <n>', 'only places with so many people', integerIn(0, 1e9), 0)
    .addHelpText(
      'after',
      examples(
        'denizen import cities',
        'denizen import cities --min-population 100000 --port-base 17000',
        'denizen import cities --url http://127.0.0.1:7003 --json',
      ),
    )
    .action((options: ImportOptions) => run(options, terminal))
}

const base = integerIn(1, 65_000)

async function run(options: ImportOptions, terminal: Terminal): Promise<void> {
  const fallback = `http://${loopback}:${portsFromBase(options.portBase, 0).port}`
  const view = await firstView(options.url.length > 0 ? options.url : [fallback])
  const regions = placedRegions(view, options.config, terminal)
  const progress = startProgress(terminal, 'importing cities')
  try {
    const report = await importCities({
      regions,
      minPopulation: options.minPopulation,
      copiesTimeoutMs,
      onProgress: progress.update,
    })
    progress.stop()
    if (options.json) terminal.json(report)
    else show(terminal, report)
    const isWhole = Object.keys(report.failures).length === 0
    const isEverywhere = report.copies.every(({ isCaughtUp }) => isCaughtUp)
    if (!isWhole || !isEverywhere) terminal.exitCode = exitCodes.failed
  } finally {
    progress.stop()
  }
}

async function firstView(urls: readonly string[]): ReturnType<typeof clusterView> {
  let failure: CliError | undefined
  for (const url of urls) {
    try {
      return await clusterView(url)
    } catch (error) {
      if (!(error instanceof CliError)) throw error
      failure = error
    }
  }
  throw failure ?? new CliError(exitCodes.usage, 'there is no URL to ask')
}

function show(terminal: Terminal, report: ImportReport): void {
  const { colors } = terminal
  const rows = Object.keys(report.entered).map(region => {
    const copy = report.copies.find(it => it.region === region)
    return [
      region,
      report.entered[region] ?? 0,
      report.homes[region] ?? 0,
      copy?.records ?? '-',
      copy === undefined ? 'stores none' : copy.isCaughtUp ? 'yes' : colors.red('no'),
    ]
  })
  const head = ['region', 'entered here', 'homes', 'copies', 'caught up']
  terminal.line(formatTable(colors, head, rows))
  terminal.line()
  const seconds = (report.durationMs / 1_000).toFixed(1)
  terminal.line(
    `${report.records} records in ${seconds} s: ${report.recordsPerSecond}/s; copies complete ${Math.round(report.catchUpMs)} ms after the last write`,
  )
  for (const [code, count] of Object.entries(report.failures)) {
    terminal.line(`${colors.red('failed')}: ${count} with ${code}; repeating the import is safe`)
  }
}
