/** What a run found, as one object for a file, and as tables for people. */
import { formatTable } from '../src/cli/table.ts'
import { type Detailed, detailsOf } from './details.ts'
import type { Machine } from './machine.ts'
import { median, type RowResult, type Spread } from './rows.ts'
import type { ScaleId } from './scale.ts'
import type { ImportFigures } from './workloads/import.ts'
import type { Filling, MatrixFigure, MatrixReport } from './workloads/matrix.ts'
import type { RatesReport } from './workloads/rates.ts'

type Colors = Parameters<typeof formatTable>[0]

export interface Report extends Detailed {
  readonly what: string
  readonly date: string
  readonly command: string
  readonly commit: string
  readonly machine: Machine
  readonly scale: ScaleId
  readonly threads: number
  /** Why a tool or a peer has no figures. */
  readonly missing: readonly string[]
  readonly rows: readonly RowResult[]
  /** Workloads that gave out no figures, and why. */
  readonly failures: Readonly<Record<string, string>>
  readonly rates?: RatesReport
  readonly matrix?: MatrixReport
  readonly cities?: ImportFigures
}

export function formatReport(colors: Colors, report: Report): string {
  const { machine, commit, missing, rows, rates, matrix, cities, failures } = report
  const { cpu, cores, memoryGiB, system, node, loadAverage, syncsPerSecond } = machine
  const parts = [
    [
      `${cpu}, ${cores} cores, ${memoryGiB} GiB; ${system}; Node ${node}; commit ${commit}`,
      `load average before: ${loadAverage}; ${syncsPerSecond} appends with fdatasync per second`,
      ...(loadAverage > cores / 2 ? ['other work runs on this machine: the figures waver'] : []),
      ...missing,
    ].join('\n'),
    ...(rows.length > 0 ? [formatRows(colors, rows)] : []),
    ...(detailsOf(report).length > 0 ? [detailsOf(report).join('\n')] : []),
    ...(rates ? [formatRates(colors, rates)] : []),
    ...(matrix ? [formatFigures(colors, matrix.figures)] : []),
    ...(matrix ? [formatFillings(colors, matrix.fillings)] : []),
    ...(cities ? [formatImport(cities)] : []),
    ...Object.entries(failures).map(([workload, failure]) => `${workload}: ${failure}`),
  ]
  return parts.join('\n\n')
}

const formatSpread = ({ median: middle, min, max }: Spread, unit: string): string =>
  `${short(middle)}${unit} (${short(min)}-${short(max)})`

const short = (value: number): string =>
  Math.abs(value) >= 100 ? String(Math.round(value)) : value.toFixed(2)

function whatWasSeen(row: RowResult): string {
  if ('seen' in row) return formatSpread(row.seen, row.unit)
  return 'skipped' in row ? row.skipped : excerptOf(row.failed)
}

const failureShown = 60

const excerptOf = (failure: string): string =>
  failure.length > failureShown ? `${failure.slice(0, failureShown)}…` : failure

const formatRows = (colors: Colors, rows: readonly RowResult[]): string =>
  formatTable(
    colors,
    ['row', '', 'target', 'seen', ''],
    rows.map(row => [
      row.id,
      row.what,
      `${'atLeast' in row.target ? `>= ${row.target.atLeast}` : `< ${row.target.below}`}${row.unit}`,
      whatWasSeen(row),
      row.verdict,
    ]),
  )

function formatRates(colors: Colors, { rounds, keys, valueBytes, verified }: RatesReport): string {
  const names = Object.keys(rounds[0] ?? {}) as (keyof (typeof rounds)[number])[]
  const lines = names.map(name => {
    const middle = (of: 'perSecond' | 'serverCpuUs' | 'generatorCores'): number =>
      median(rounds.map(round => round[name]?.[of] ?? Number.NaN))
    const [perSecond, cpu, cores] = [
      middle('perSecond'),
      middle('serverCpuUs'),
      middle('generatorCores'),
    ]
    const tool = rounds[0]?.[name]?.tool ?? ''
    return [name, Math.round(perSecond), cpu.toFixed(2), cores.toFixed(2), tool]
  })
  const head = ['', 'operations/s', "server's µs", 'cores of the load', 'load by']
  return [
    formatTable(colors, head, lines),
    `medians of ${rounds.length} rounds, ${keys} keys of ${valueBytes} bytes;`,
    `${verified.readBack} keys read back, ${verified.records} records in the files`,
  ].join('\n')
}

function formatFigures(colors: Colors, figures: readonly MatrixFigure[]): string {
  const perSecondOf = ({ rounds }: MatrixFigure): readonly number[] =>
    rounds.map(round => round.peak.perSecond)
  const lines = figures.map(figure => {
    const { keys, valueBytes, connections, operation, peer, rounds } = figure
    const bare = figures.find(
      it =>
        it.peer === 'bare' &&
        it.operation === operation &&
        it.keys === keys &&
        it.valueBytes === valueBytes &&
        it.connections === connections,
    )
    const bareRates = bare === undefined ? [] : perSecondOf(bare)
    const ratios = perSecondOf(figure).map((rate, round) => rate / (bareRates[round] ?? Number.NaN))
    const ms = (of: 'p50Ms' | 'p99Ms' | 'p999Ms'): string =>
      median(rounds.map(({ open }) => open[of])).toFixed(2)
    return [
      ...[count(keys), bytes(valueBytes), connections, operation, peer],
      Math.round(median(perSecondOf(figure))),
      median(ratios).toFixed(2),
      median(rounds.map(round => round.peak.serverCpuUs)).toFixed(1),
      Math.round(median(rounds.map(({ rate }) => rate))),
      ...[ms('p50Ms'), ms('p99Ms'), ms('p999Ms')],
    ]
  })
  const head = [
    ...['keys', 'value', 'connections', '', 'server', 'at most/s', 'of bare', "server's µs"],
    ...['at requests/s', 'p50 ms', 'p99', 'p99.9'],
  ]
  return `${formatTable(colors, head, lines)}\nlatencies count from when requests were due`
}

function formatFillings(colors: Colors, fillings: readonly Filling[]): string {
  const lines = fillings.map(filling => [
    ...[count(filling.keys), bytes(filling.valueBytes), filling.peer],
    Math.round(filling.memoryBytesPerKey),
    filling.diskBytesPerKey === undefined ? '-' : Math.round(filling.diskBytesPerKey),
    Math.round(filling.emptyStartMs),
    filling.fullStartMs === undefined ? '-' : Math.round(filling.fullStartMs),
  ])
  const head = [
    ...['keys', 'value', 'server', 'memory bytes/key', 'disk bytes/key'],
    ...['empty start ms', 'full start ms'],
  ]
  return formatTable(colors, head, lines)
}

const count = (keys: number): string => (keys >= 1e6 ? `${keys / 1e6} M` : String(keys))

const bytes = (valueBytes: number): string =>
  valueBytes >= 1_024 ? `${valueBytes / 1_024} KiB` : `${valueBytes} B`

function formatImport({ records, durationMs, recordsPerSecond, catchUpMs }: ImportFigures): string {
  return [
    `import: ${records} records in ${(durationMs / 1_000).toFixed(1)} s: ${recordsPerSecond}/s`,
    'into 4 regions, one process each, with real latency between them;',
    `all copies whole ${Math.round(catchUpMs)} ms after the last write`,
  ].join(' ')
}
