/** The figures of a run: medians over its rounds, and ratios within each round. */
import { formatTable } from '../src/cli/table.ts'
import type { HttpReport, HttpRound } from './http.ts'
import type { Machine } from './machine.ts'

type Colors = Parameters<typeof formatTable>[0]

export interface ImportFigures {
  readonly records: number
  readonly durationMs: number
  readonly recordsPerSecond: number
  readonly catchUpMs: number
  readonly entered: Readonly<Record<string, number>>
  readonly homes: Readonly<Record<string, number>>
}

export interface Report {
  readonly what: string
  readonly date: string
  readonly command: string
  readonly commit: string
  readonly machine: Machine
  readonly http?: HttpReport & { readonly figures: readonly HttpFigures[] }
  readonly cities?: ImportFigures
}

export interface HttpFigures {
  readonly what: string
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly generatorCores: number
  /** Of the bare server's requests per second in the same round: the median, least and greatest. */
  readonly ofBare: readonly [median: number, min: number, max: number]
}

type Series = keyof HttpRound

const series: readonly (readonly [what: string, series: Series, bare: Series])[] = [
  ['GET, bare node:http', 'bareGet', 'bareGet'],
  ['GET, denizen', 'get', 'bareGet'],
  ['PUT, bare node:http', 'barePut', 'barePut'],
  ['PUT, denizen, durable', 'put', 'barePut'],
]

export const httpFigures = (rounds: readonly HttpRound[]): readonly HttpFigures[] =>
  series.map(([what, name, bare]) => {
    const middle = (of: (round: HttpRound) => number): number => median(rounds.map(of))
    const ratios = rounds.map(it => it[name].requestsPerSecond / it[bare].requestsPerSecond)
    return {
      what,
      requestsPerSecond: middle(it => it[name].requestsPerSecond),
      p50Ms: middle(it => it[name].p50Ms),
      p99Ms: middle(it => it[name].p99Ms),
      generatorCores: middle(it => it[name].generatorCores),
      ofBare: [median(ratios), Math.min(...ratios), Math.max(...ratios)],
    }
  })

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const [low = 0, high = 0] = [
    sorted[Math.floor((sorted.length - 1) / 2)],
    sorted[Math.ceil((sorted.length - 1) / 2)],
  ]
  return (low + high) / 2
}

export function formatReport(colors: Colors, { machine, commit, http, cities }: Report): string {
  const { cpu, cores, memoryGiB, system, node, loadAverage, syncsPerSecond } = machine
  return [
    `${cpu}, ${cores} cores, ${memoryGiB} GiB; ${system}; Node ${node}; commit ${commit}`,
    `load average before: ${loadAverage}; ${syncsPerSecond} appends with fdatasync per second`,
    ...(loadAverage > cores / 2 ? ['other work runs on this machine: the figures waver'] : []),
    ...(http ? ['', formatHttp(colors, http)] : []),
    ...(cities ? ['', formatImport(cities)] : []),
  ].join('\n')
}

function formatHttp(
  colors: Colors,
  { figures, rounds, keys, threads }: HttpReport & { readonly figures: readonly HttpFigures[] },
): string {
  const rows = figures.map(({ what, requestsPerSecond, p50Ms, p99Ms, generatorCores, ofBare }) => [
    what,
    Math.round(requestsPerSecond),
    p50Ms.toFixed(2),
    p99Ms.toFixed(2),
    `${ofBare[0].toFixed(2)} (${ofBare[1].toFixed(2)}-${ofBare[2].toFixed(2)})`,
    generatorCores.toFixed(2),
  ])
  const head = ['', 'requests/s', 'p50 ms', 'p99 ms', 'of bare', 'cores of the load']
  return [
    formatTable(colors, head, rows),
    `medians of ${rounds.length} rounds, ${keys} keys of 100 bytes, ${threads} shard threads;`,
    'near 1 core of the load, a figure may be the limit of what makes the load',
  ].join('\n')
}

function formatImport({ records, durationMs, recordsPerSecond, catchUpMs }: ImportFigures): string {
  return [
    `import: ${records} records in ${(durationMs / 1_000).toFixed(1)} s: ${recordsPerSecond}/s`,
    'into 4 regions, one process each, with real latency between them;',
    `all copies whole ${Math.round(catchUpMs)} ms after the last write`,
  ].join(' ')
}
