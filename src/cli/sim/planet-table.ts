/** The planet's report for people. */
import type { PlanetReport, StrategyId } from '../../simulation/planet/report.ts'
import type { Latency } from '../../simulation/planet/tally.ts'
import { formatTable } from '../table.ts'
import type { Terminal } from '../terminal.ts'

export const strategyNames: Readonly<Record<StrategyId, string>> = {
  homing: 'homing',
  'homing-fixed': 'without re-homing',
  'global-primary': 'one global primary',
  'hash-homes': 'hash homes',
  'majority-quorum': 'majority quorum',
  perfect: 'perfect placement',
  'every-write-local': 'every write local',
}

const figures: readonly { readonly name: string; readonly of: (latency: Latency) => number }[] = [
  { name: 'mean', of: ({ meanMs }) => meanMs },
  { name: 'p50', of: ({ p50Ms }) => p50Ms },
  { name: 'p90', of: ({ p90Ms }) => p90Ms },
  { name: 'p99', of: ({ p99Ms }) => p99Ms },
]

export function showPlanet(terminal: Terminal, report: PlanetReport): void {
  const { colors } = terminal
  const { parameters, seed, writes, regions, strategies } = report
  const percent = (share: number): string => `${Math.round(share * 1_000) / 10} %`
  terminal.line(
    `${parameters.users} users, ${writes} writes through ${regions.length} regions; ` +
      `locality ${percent(parameters.locality)}, travellers ${percent(parameters.travellers)}, ` +
      `seed ${seed}`,
  )
  terminal.line()
  terminal.line('Write latency in ms, from a device and back; GB between regions and their price')
  terminal.line('are for a million writes.')
  terminal.line()
  terminal.line(formatTable(colors, ...overview(report)))
  for (const { name, of } of figures) {
    terminal.line()
    terminal.line(`${colors.bold(name)} by the region where writes enter, in ms`)
    const head = ['region', 'writes', ...strategies.map(({ id }) => strategyNames[id])]
    const rows = regions.map(region => [
      region.id,
      percent(region.writes / writes),
      ...strategies.map(({ byRegion }) => msOf(byRegion[region.id], of)),
    ])
    terminal.line(formatTable(colors, head, rows))
  }
  terminal.line()
  for (const line of verdicts(report)) terminal.line(line)
}

function overview({ strategies }: PlanetReport): [readonly string[], readonly string[][]] {
  const head = ['', ...figures.map(({ name }) => name), 'first write', 'moves', 'GB', 'USD', '']
  const rows = strategies.map(strategy => [
    strategyNames[strategy.id],
    ...figures.map(({ of }) => msOf(strategy.latency, of)),
    msOf(strategy.firstWrites, ({ meanMs }) => meanMs),
    `${strategy.moves}`,
    strategy.gbPerMillionWrites.toFixed(1),
    strategy.usdPerMillionWrites.toFixed(2),
    strategy.leader === undefined ? '' : `at ${strategy.leader}`,
  ])
  return [head, rows]
}

const msOf = (latency: Latency | undefined, of: (latency: Latency) => number): string =>
  latency === undefined || latency.writes === 0 ? '-' : of(latency).toFixed(1)

export function verdicts({ targets }: PlanetReport): readonly string[] {
  const { overGlobalPrimary, overPerfect } = targets
  const said = (isMet: boolean): string => (isMet ? 'met' : 'missed')
  return [
    `One global primary takes ${overGlobalPrimary.ratio.toFixed(2)} times as long in the mean as homing ` +
      `(at least ${overGlobalPrimary.wanted} wanted: ${said(overGlobalPrimary.isMet)})`,
    `Homing takes ${overPerfect.ratio.toFixed(2)} times as long in the mean as perfect placement ` +
      `(at most ${overPerfect.wanted} wanted: ${said(overPerfect.isMet)})`,
  ]
}
