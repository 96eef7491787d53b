/** `denizen status`: the cluster as its regions see it. */
import type { Command } from 'commander'
import type { ClusterView } from '../../routing/service.ts'
import { examples, withJson, withUrl } from '../arguments.ts'
import { clusterView } from '../cluster-view.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { formatTable } from '../table.ts'
import type { Terminal } from '../terminal.ts'

interface StatusOptions {
  readonly url: string
  readonly one: boolean
  readonly json: boolean
}

/** What a region says of itself, or why it says nothing. */
interface RegionReport {
  readonly region: string
  readonly url?: string
  readonly view?: ClusterView
  readonly failure?: string
}

export function registerStatus(program: Command, terminal: Terminal): void {
  const command = program
    .command('status')
    .description('what runs: regions, round trips, policy in force, copies and how stale they are')
  withJson(withUrl(command))
    .option('--one', 'ask only the node at --url, not every region', false)
    .addHelpText(
      'after',
      [
        examples('denizen status', 'denizen status --url http://127.0.0.1:7003 --one --json'),
        '\n\nExit code 3 when a region can not be reached from here.',
      ].join(''),
    )
    .action((options: StatusOptions) => status(options, terminal))
}

async function status(options: StatusOptions, terminal: Terminal): Promise<void> {
  const first = await clusterView(options.url)
  const reports = await Promise.all(
    first.regions
      .filter(({ self }) => self || !options.one)
      .map(({ region, self, url }) =>
        self ? { region, url: options.url, view: first } : askRegion(region, url),
      ),
  )
  if (options.json) terminal.json(reports)
  else show(terminal, first, reports)
  if (reports.some(({ view }) => view === undefined)) terminal.exitCode = exitCodes.unreachable
}

async function askRegion(region: string, url: string | undefined): Promise<RegionReport> {
  if (url === undefined) return { region, failure: 'its address is not known yet' }
  try {
    return { region, url, view: await clusterView(url) }
  } catch (error) {
    if (!(error instanceof CliError)) throw error
    return { region, url, failure: error.message }
  }
}

function show(terminal: Terminal, first: ClusterView, reports: readonly RegionReport[]): void {
  const { colors } = terminal
  terminal.line(`${colors.bold(first.cluster)} (${first.clusterId}), keeper ${first.keeper}`)
  terminal.line()
  const head = ['region', 'address', 'state', 'version', 'policy', 'sees']
  terminal.line(
    formatTable(
      colors,
      head,
      reports.map(report => regionRow(report, terminal)),
    ),
  )
  terminal.line()
  terminal.line(copiesTable(terminal, first, reports))
  for (const { region, view } of reports) {
    for (const line of view?.drift ?? []) {
      terminal.line(`${colors.yellow('drift')} at ${region}: ${line}`)
    }
    if (view !== undefined && view.residencyViolations > 0) {
      const count = `${view.residencyViolations} refused placements`
      terminal.line(`${colors.red('alarm')} at ${region}: ${count}: a bug, or an attack`)
    }
  }
}

function regionRow({ region, url, view, failure }: RegionReport, { colors }: Terminal): string[] {
  if (view === undefined)
    return [region, url ?? '-', colors.red('unreachable'), '', '', failure ?? '']
  const sees = view.regions
    .filter(({ self }) => !self)
    .map(peer => {
      if (!peer.reachable) return colors.red(`${peer.region} unreachable`)
      return `${peer.region} ${peer.rttMs === undefined ? '' : `${Math.round(peer.rttMs)} ms`}`
    })
  const { policyEpoch, policyPhase, keeperEpoch, revision } = view
  const changing = policyPhase ? `, changing (${policyPhase})` : ''
  const policy = `epoch ${policyEpoch}${changing}, revision ${keeperEpoch}.${revision}`
  const version = `${view.version}, format ${formatText(view)}`
  return [region, url ?? '-', colors.green('serves'), version, policy, sees.join(', ')]
}

/** The data format in force, and the newest that the node knows where that is another. */
function formatText({ dataFormat, regions }: ClusterView): string {
  const newest = regions.find(({ self }) => self)?.build?.newest ?? dataFormat
  return newest === dataFormat ? `${dataFormat}` : `${dataFormat} (knows ${newest})`
}

/** Records and staleness of each dataset by region; `-` where none may be. */
function copiesTable(
  { colors }: Terminal,
  first: ClusterView,
  reports: readonly RegionReport[],
): string {
  const rows = first.datasets.map(({ name, partition, store }) => [
    partition === undefined ? name : `${name}/${partition}`,
    ...reports.map(({ region, view }) => {
      if (!store.includes(region)) return '-'
      const same = view?.datasets.find(it => it.name === name && it.partition === partition)
      if (!same?.copy) return '?'
      return copyText(same.copy)
    }),
  ])
  return formatTable(colors, ['records', ...reports.map(({ region }) => region)], rows)
}

/** Staleness is unknown until the region has heard of every feed that it follows. */
function copyText({ records, stalenessMs }: { records: number; stalenessMs?: number }): string {
  if (stalenessMs === undefined) return `${records} (age unknown)`
  return stalenessMs > 0 ? `${records} (${Math.round(stalenessMs)} ms)` : `${records}`
}
