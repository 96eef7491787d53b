/** `denizen bench`: a load on running regions, and its history for `check-history`. */
import { type Command, Option } from 'commander'
import { DenizenError } from '../../model/errors.ts'
import { parseKeyPrefix } from '../../model/key.ts'
import { collectUrl, examples, integerIn, withCredentials, withJson } from '../arguments.ts'
import { HistoryWriter } from '../bench/history-writer.ts'
import type { Endpoint } from '../bench/load-client.ts'
import { runLoad } from '../bench/run-load.ts'
import type { LoadReport } from '../bench/tally.ts'
import { clusterViewIfAllowed } from '../cluster-view.ts'
import { exitCodes, usageError } from '../exit-codes.ts'
import { stopRequested } from '../signals.ts'
import { formatTable } from '../table.ts'
import type { Terminal } from '../terminal.ts'

interface BenchOptions {
  readonly url: readonly string[]
  readonly dataset: string
  readonly prefix: string
  readonly clients: number
  readonly seconds: number
  readonly history?: string
  readonly json: boolean
}

export function registerBench(program: Command, terminal: Terminal): void {
  const command = program
    .command('bench')
    .description('put a load on running regions: reads, writes, deletions, conditional writes')
    .requiredOption('--dataset <name>', 'the dataset to write to')
  withJson(withCredentials(command))
    .option('--url <url>', 'base URL of a node; repeat it for more regions', collectUrl, [])
    .option('--prefix <prefix>', 'keys begin with it, and with a name of the run', 'bench/')
    .option('--clients <n>', 'how many ask at the same time', integerIn(1, 1_000), 16)
    .option('--seconds <n>', 'how long', integerIn(1, 86_400), 10)
    .addOption(new Option('--history <file>', 'write down all that was asked and answered'))
    .addHelpText(
      'after',
      [
        '',
        'Values live for an hour. Ends with 1 if no request was answered well.',
        examples(
          'denizen bench --dataset cities',
          'denizen bench --dataset cities --clients 64 --seconds 60 ' +
            '--url http://127.0.0.1:7001 --url http://127.0.0.1:7003',
          'denizen bench --dataset cities --history run.jsonl && denizen check-history run.jsonl',
        ),
      ].join('\n'),
    )
    .action((options: BenchOptions) => run(options, terminal))
}

const defaultUrl = 'http://127.0.0.1:7001'

async function run(options: BenchOptions, terminal: Terminal): Promise<void> {
  const { dataset, clients, seconds, json } = options
  const prefix = checkedPrefix(options.prefix)
  const urls = options.url.length > 0 ? options.url : [terminal.env.DENIZEN_URL ?? defaultUrl]
  const endpoints = await Promise.all(urls.map(url => endpointOf(url, dataset)))
  const writer =
    options.history === undefined ? undefined : await HistoryWriter.create(options.history)
  const stop = new AbortController()
  void stopRequested().then(() => stop.abort())
  const report = await runLoad({
    ...{ endpoints, dataset, prefix, clients, seconds },
    signal: stop.signal,
    onRecord: record => writer?.add(record),
  })
  await writer?.close()
  if (json) terminal.json(report)
  else show(terminal, report)
  if (report.kinds.length === 0) terminal.exitCode = exitCodes.failed
}

function checkedPrefix(prefix: string): string {
  try {
    if (prefix === '' || prefix.endsWith('/')) return parseKeyPrefix(prefix)
  } catch (error) {
    if (!(error instanceof DenizenError)) throw error
    throw usageError(error.message)
  }
  throw usageError('--prefix ends in "/", or is empty', 'For example: --prefix eu/')
}

/** Which region answers there; a caller who may not see the cluster names it by its address. */
async function endpointOf(url: string, dataset: string): Promise<Endpoint> {
  const view = await clusterViewIfAllowed(url)
  if (!view) return { url, region: new URL(url).host }
  const names = new Set(view.datasets.map(({ name }) => name))
  if (!names.has(dataset)) {
    throw usageError(`there is no dataset ${dataset}`, `There are: ${[...names].join(', ')}.`)
  }
  return { url, region: view.region }
}

function show(terminal: Terminal, report: LoadReport): void {
  const head = ['operation', 'count', 'a second', 'p50 ms', 'p95 ms', 'p99 ms', 'max ms']
  const rows = report.kinds.map(({ kind, count, perSecond, p50Ms, p95Ms, p99Ms, maxMs }) => [
    ...[kind, count, perSecond, p50Ms, p95Ms, p99Ms, maxMs],
  ])
  terminal.line(formatTable(terminal.colors, head, rows))
  terminal.line()
  const { operations, seconds, perSecond } = report
  terminal.line(`${operations} operations in ${seconds} s: ${perSecond}/s answered`)
  for (const [code, count] of Object.entries(report.errors)) {
    terminal.line(`${terminal.colors.red('failed')}: ${count} with ${code}`)
  }
}
