/** The scrub of a node that runs: begins it there, waits for its end and says what it found. */
import type { z } from 'zod'
import { scrubReportSchema } from '../../api/routes/scrub.ts'
import { exitCodes } from '../exit-codes.ts'
import { ask, askData, decodeData } from '../http-client.ts'
import { formatTable } from '../table.ts'
import type { Terminal } from '../terminal.ts'

type Report = z.infer<typeof scrubReportSchema>
type Dataset = Report['datasets'][number]

const path = '/v1/admin/scrub'
const lookEveryMs = 500

/** Throws `CliError`. */
export async function scrubNode(url: string, json: boolean, terminal: Terminal): Promise<void> {
  let report = scrubReportSchema.parse(decodeData(await ask({ method: 'POST', url, path })))
  while (report.running) {
    await new Promise(resolve => setTimeout(resolve, lookEveryMs))
    report = scrubReportSchema.parse(await askData(url, path))
    if (terminal.isInteractive && !json) terminal.note(progressOf(report))
  }
  if (json) terminal.json(report)
  else show(terminal, report)
  if (!isSound(report)) terminal.exitCode = exitCodes.failed
}

const isSound = ({ datasets, repairs, comparisons }: Report): boolean =>
  repairs.waiting === 0 &&
  comparisons.conflicting === 0 &&
  datasets.every(it => problemsOf(it) === 0)

const problemsOf = ({ damage, digestsCorrected }: Dataset): number =>
  damage.reduce((sum, { count }) => sum + count, digestsCorrected)

function progressOf({ datasets }: Report): string {
  const sum = (of: (dataset: Dataset) => number): number =>
    datasets.reduce((total, dataset) => total + of(dataset), 0)
  const records = sum(it => it.records)
  return `${sum(it => it.storesDone)} of ${sum(it => it.stores)} stores, ${records} records`
}

function show(terminal: Terminal, report: Report): void {
  const { colors } = terminal
  const { found, repaired, waiting } = report.repairs
  const rows = report.datasets.map(dataset => [
    dataset.dataset,
    dataset.records,
    dataset.entries,
    problemsOf(dataset) === 0
      ? colors.green('sound')
      : colors.red(`${problemsOf(dataset)} problems${slotsOf(dataset)}`),
  ])
  terminal.line(formatTable(colors, ['dataset', 'records', 'entries', ''], rows))
  terminal.line()
  terminal.line(
    `damaged records since the node started: ${found}; repaired ${repaired}, waiting ${waiting}`,
  )
  terminal.line(comparisonsText(report))
}

const comparisonsText = ({ comparisons }: Report): string => {
  const { same, different, apart, repaired, removed, conflicting, unproven } = comparisons
  return [
    `slots compared with other regions since then: ${same} the same, ${different} different,`,
    `${apart} not comparable;`,
    `records mended ${repaired}, removed ${removed}, conflicting ${conflicting},`,
    `not proven ${unproven}`,
  ].join(' ')
}

const slotsOf = ({ damage }: Dataset): string =>
  damage.length === 0 ? '' : ` in slots ${damage.map(({ slot }) => slot).join(', ')}`
