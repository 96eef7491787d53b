/** The planet's report for people. */
import type { PlanetReport, StrategyId, TargetPair } from '../../simulation/planet/report.ts'
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
  terminal.line(
    `${parameters.users} users, ${writes} writes through ${regions.length} regions; ` +
      `locality ${percent(parameters.locality)}, travellers ${percent(parameters.travellers)}, ` +
      `re-homing after ${parameters.rehomeAfter}, seed ${seed}`,
  )
  terminal.line(
    `${percent(report.mainRegionShare)} of writes enter where most writes to their group do, ` +
      `${percent(report.tripShare)} are made while its owner travels`,
  )
  terminal.line()
  terminal.line(
    'Write latency in ms, from a device and back. Beyond entry: what of the mean is not',
  )
  terminal.line('the way to the nearest region. GB between regions and USD: for a million writes.')
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
  terminal.line(`Mean with one global primary in: ${primariesText(report)}`)
  terminal.line()
  for (const line of verdicts(report)) terminal.line(line)
}

function overview({ strategies }: PlanetReport): [readonly string[], readonly string[][]] {
  const names = figures.map(({ name }) => name)
  const head = ['', ...names, 'beyond entry', 'first write', 'moves', 'GB', 'USD', '']
  const rows = strategies.map(strategy => [
    strategyNames[strategy.id],
    ...figures.map(({ of }) => msOf(strategy.latency, of)),
    strategy.beyondEntryMs.toFixed(1),
    msOf(strategy.firstWrites, ({ meanMs }) => meanMs),
    `${strategy.moves}`,
    strategy.gbPerMillionWrites.toFixed(1),
    strategy.usdPerMillionWrites.toFixed(2),
    strategy.leader === undefined ? '' : `at ${strategy.leader}`,
  ])
  return [head, rows]
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

const msOf = (latency: Latency | undefined, of: (latency: Latency) => number): string =>
  latency === undefined || latency.writes === 0 ? '-' : of(latency).toFixed(1)

const primariesText = ({ primaries }: PlanetReport): string =>
  primaries.map(({ region, meanMs }) => `${region} ${meanMs.toFixed(0)}`).join(', ')

/** What was to be shown, and whether it was. */
export function verdicts({ targets }: PlanetReport): readonly string[] {
  const { fromDevice, beyondEntry } = targets
  const pair = (of: (targets: TargetPair) => Target): string =>
    `${judged(of(fromDevice))} from a device, ${judged(of(beyondEntry))} beyond the nearest region`
  return [
    `The best global primary's mean over homing's, at least ${fromDevice.overGlobalPrimary.wanted} ` +
      `wanted: ${pair(({ overGlobalPrimary }) => overGlobalPrimary)}`,
    `Homing's mean over perfect placement's, at most ${fromDevice.overPerfect.wanted} wanted: ` +
      `${pair(({ overPerfect }) => overPerfect)}`,
  ]
}

type Target = TargetPair['overPerfect']

const judged = ({ ratio, isMet }: Target): string =>
  `${ratio.toFixed(2)} (${isMet ? 'met' : 'missed'})`
