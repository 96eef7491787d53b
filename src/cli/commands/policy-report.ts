/** `denizen policy report`: which dataset is where, since when, under which law. */
import type { Command } from 'commander'
import { cellText } from '../../policy/report.ts'
import {
  type RegionCopies,
  type ResidencyReport,
  residencyReport,
} from '../../policy/residency-report.ts'
import type { ClusterView } from '../../routing/service.ts'
import { examples, withJson, withUrl } from '../arguments.ts'
import { clusterView } from '../cluster-view.ts'
import { exitCodes } from '../exit-codes.ts'
import { type Asked, askRegions, policyInForce, viewOf } from '../policy/ask-regions.ts'
import { bytesText, countText } from '../quantities.ts'
import { formatTable } from '../table.ts'
import type { Terminal } from '../terminal.ts'

interface ReportOptions {
  readonly url: string
  readonly json: boolean
}

export function registerPolicyReport(policy: Command, terminal: Terminal): void {
  const command = policy
    .command('report')
    .description('which dataset is where, since when, under which law, and who may serve it')
  withJson(withUrl(command))
    .addHelpText(
      'after',
      [
        examples('denizen policy report', 'denizen policy report --json > residency.json'),
        '\n\nOf the policy in force, not of the file. Not legal advice. Exit code 3 when a region',
        '\ncould not be asked what it keeps.',
      ].join(''),
    )
    .action((options: ReportOptions) => report(options, terminal))
}

async function report({ url, json }: ReportOptions, terminal: Terminal): Promise<void> {
  const inForce = await policyInForce(url)
  const asked = await askRegions(url, await clusterView(url), viewOf)
  const kept = new Map(asked.map(it => [it.region, keptBy(it)]))
  const made = residencyReport(inForce, kept, Date.now())
  if (json) terminal.json(made)
  else show(made, terminal)
  if (asked.some(it => 'failure' in it)) terminal.exitCode = exitCodes.unreachable
}

function keptBy(asked: Asked<ClusterView>): RegionCopies {
  if ('failure' in asked) return { failure: asked.failure }
  const { datasets, residencyViolations } = asked.answer
  return {
    refusedPlacements: residencyViolations,
    copies: new Map(
      datasets.flatMap(({ name, partition, copy }) => {
        const id = partition === undefined ? name : `${name}/${partition}`
        return copy ? [[id, { records: copy.records, bytes: copy.bytes }] as const] : []
      }),
    ),
  }
}

function show(made: ResidencyReport, terminal: Terminal): void {
  const { colors } = terminal
  const { cluster, clusterId, policyEpoch, inForceSince = 'a time that was not kept' } = made
  terminal.line(`${colors.bold(cluster)} (${clusterId}), ${made.madeAt}`)
  terminal.line(`policy epoch ${policyEpoch}, in force since ${inForceSince}`)
  terminal.line()
  const ids = made.regions.map(({ id }) => id)
  const rights = made.datasets.map(({ id, regions }) => [id, ...regions.map(cellText)])
  terminal.line(formatTable(colors, ['may', ...ids], rights))
  terminal.line()
  const kept = made.datasets.map(dataset => [dataset.id, ...copyTexts(made, dataset)])
  terminal.line(formatTable(colors, ['keeps', ...ids], kept))
  terminal.line()
  for (const { id, law } of made.datasets) {
    for (const { pack, law: title, article, source, checkedOn, expiresOn } of law) {
      terminal.line(`${id} claims ${colors.bold(pack)}: ${title}, ${article}`)
      terminal.line(`  ${source}, checked on ${checkedOn}, to be read again by ${expiresOn}`)
    }
  }
  terminal.line()
  const facts = made.regions.map(({ id, name, country, operator, operatorCountry }) => [
    ...[id, name, country, operator, operatorCountry],
  ])
  const head = ['region', 'place', 'country', 'operator', 'controlled from']
  terminal.line(formatTable(colors, head, facts))
  showAlarms(made, terminal)
  terminal.line()
  terminal.line('What the regions keep is their own word. Backups are not in it. Not legal advice.')
}

function copyTexts(
  { regions }: ResidencyReport,
  dataset: ResidencyReport['datasets'][number],
): string[] {
  return dataset.regions.map(({ region, copy }) => {
    if (copy) return `${countText(copy.records, 'record')}, ${bytesText(copy.bytes)}`
    return regions.find(({ id }) => id === region)?.failure === undefined ? '-' : '?'
  })
}

function showAlarms({ regions }: ResidencyReport, terminal: Terminal): void {
  const { colors } = terminal
  for (const { id, failure, refusedPlacements = 0 } of regions) {
    if (failure !== undefined) terminal.line(`${colors.red('not asked')}: ${id}: ${failure}`)
    if (refusedPlacements === 0) continue
    const count = `${refusedPlacements} refused placements`
    terminal.line(`${colors.red('alarm')} at ${id}: ${count}: a bug, or an attack`)
  }
}
