/** `denizen import`: records of a file, through one region or through the ones that hints name. */
import { type Command, Option } from 'commander'
import type { ClusterView } from '../../routing/service.ts'
import { examples, withConfig, withJson, withUrl } from '../arguments.ts'
import { clusterView, clusterViewIfAllowed } from '../cluster-view.ts'
import { exitCodes, usageError } from '../exit-codes.ts'
import { unevenHomes, withSample } from '../import/expected-homes.ts'
import { type HomeBy, homeChooser, parseHomeBy } from '../import/home-by.ts'
import { importRecords, type RecordImportReport } from '../import/import-records.ts'
import { startProgress } from '../import/progress.ts'
import {
  type FormatName,
  formatNames,
  openSource,
  type RecordSource,
} from '../import/record-source.ts'
import { type ImportRecord, readRecords } from '../import/records.ts'
import { placedRegions } from '../import/regions.ts'
import { defaultStatePath, ResumeState } from '../import/resume-state.ts'
import { formatTable } from '../table.ts'
import type { Terminal } from '../terminal.ts'
import { registerImportCities } from './import-cities.ts'

interface ImportOptions {
  readonly url: string
  readonly config: string
  readonly dataset?: string
  readonly format?: FormatName
  readonly homeBy?: HomeBy
  readonly resume?: string
  readonly json: boolean
}

type HintFor = (record: ImportRecord) => string | undefined

export function registerImport(program: Command, terminal: Terminal): void {
  const command = program
    .command('import [file]')
    .description('load records: a file, - for standard input, or the built-in cities')
  withJson(withConfig(withUrl(command)))
    .option('--dataset <name>', 'the dataset to write to')
    .addOption(
      new Option('--format <format>', 'form of the records (default: by file name)').choices(
        formatNames,
      ),
    )
    .option(
      '--home-by <fields>',
      'home each group near its record: country=FIELD, or lat=FIELD,lon=FIELD',
      parseHomeBy,
    )
    .option(
      '--resume <statefile>',
      'where to keep how far it has come (default: .denizen-import-<file>.json beside the file)',
    )
    .addHelpText(
      'after',
      examples(
        'denizen import users.ndjson --dataset profiles --home-by country=address.country',
        'denizen import places.ndjson --dataset cities --home-by lat=lat,lon=lon',
        'zcat dump.ndjson.gz | denizen import - --dataset notes --format ndjson',
        'denizen import cities',
      ),
    )
    .action(async (file: string | undefined, options: ImportOptions) => {
      if (file === undefined || options.dataset === undefined) {
        throw usageError(
          'an import has a file and a --dataset',
          'For example: denizen import users.ndjson --dataset profiles',
        )
      }
      await run(openSource(file, options.format), options.dataset, options, terminal)
    })
  registerImportCities(command, terminal)
}

async function run(
  source: RecordSource,
  dataset: string,
  options: ImportOptions,
  terminal: Terminal,
): Promise<void> {
  const { url, homeBy } = options
  const view = await (homeBy ? clusterView : clusterViewIfAllowed)(url)
  const hintFor = view && homeBy ? hintsBy(homeBy, view, dataset, options, terminal) : noHint
  const state = await openState(source, dataset, options, terminal)
  const warn = async (sample: readonly ImportRecord[]): Promise<void> => {
    if (!view) return
    const isHinted = homeBy !== undefined
    const warning = await unevenHomes(sample, { url, dataset, view, hintFor, isHinted })
    if (warning !== undefined) terminal.note(terminal.colors.yellow(`warning: ${warning}`))
  }
  const progress = startProgress(terminal, `importing into ${dataset}`)
  let done = state?.done ?? 0
  try {
    const report = await importRecords({
      url,
      dataset,
      format: source.format,
      records: withSample(readRecords(source.pieces, source.format), warn),
      skip: done,
      hintFor,
      onResult: ({ index, endBytes }) => {
        state?.acknowledge(index)
        done += 1
        progress.update(done, source.file && estimate(index + 1, source.file.sizeBytes / endBytes))
      },
    })
    progress.stop()
    await state?.remove()
    if (options.json) terminal.json(report)
    else show(terminal, report)
    if (Object.keys(report.failures).length > 0) terminal.exitCode = exitCodes.failed
  } catch (error) {
    progress.stop()
    if (state) {
      await state.save()
      terminal.note(`the first ${state.done} items are in; the same command goes on from there`)
    }
    throw error
  }
}

const noHint: HintFor = () => undefined

/** Records in a file, from how many there are in a known part of it. */
const estimate = (records: number, parts: number): number => Math.round(records * parts)

function hintsBy(
  homeBy: HomeBy,
  view: ClusterView,
  dataset: string,
  { config }: ImportOptions,
  terminal: Terminal,
): HintFor {
  const partitions = view.datasets.filter(({ name }) => name === dataset)
  const regions = placedRegions(view, config, terminal)
  const choosers = partitions
    .map(({ partition = '', home }) => ({
      partition,
      choose: homeChooser(
        homeBy,
        regions.filter(({ id }) => home.includes(id)),
      ),
    }))
    .sort((a, b) => b.partition.length - a.partition.length)
  return ({ key, value }) =>
    choosers.find(({ partition }) => key.startsWith(partition))?.choose(value())
}

/** Of standard input there is a state only if somebody names a file for it. */
async function openState(
  source: RecordSource,
  dataset: string,
  { resume }: ImportOptions,
  terminal: Terminal,
): Promise<ResumeState | undefined> {
  const path = resume ?? (source.file && defaultStatePath(source.file.path))
  if (path === undefined) return undefined
  const state = await ResumeState.open(path, `${source.id} into ${dataset}`)
  if (state.done > 0) {
    terminal.note(`going on behind ${state.done} items; to begin anew, delete ${path}`)
  }
  return state
}

function show(terminal: Terminal, report: RecordImportReport): void {
  const { colors } = terminal
  const regions = new Set([...Object.keys(report.hinted), ...Object.keys(report.homes)])
  regions.delete('')
  const rows = [...regions]
    .sort()
    .map(region => [region, report.hinted[region] ?? '-', report.homes[region] ?? 0])
  terminal.line(formatTable(colors, ['region', 'hinted', 'homes'], rows))
  terminal.line()
  const seconds = (report.durationMs / 1_000).toFixed(1)
  const before = report.skipped === 0 ? '' : `, after ${report.skipped} of an earlier run`
  terminal.line(`${report.records} records in ${seconds} s: ${report.recordsPerSecond}/s${before}`)
  const placeless = report.hinted[''] ?? 0
  if (placeless > 0 && regions.size > 0 && Object.keys(report.hinted).length > 1) {
    terminal.line(`${placeless} records say no place; they went without a hint`)
  }
  for (const [code, { count, items }] of Object.entries(report.failures)) {
    const which = `item${count === 1 ? '' : 's'} ${items.join(', ')}`
    terminal.line(
      `${colors.red('failed')}: ${count} with ${code} (${which}${count > items.length ? ', …' : ''})`,
    )
  }
}
