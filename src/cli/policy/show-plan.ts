/** A plan as text: what changes, then what that moves, then how long it may take. */
import type { DatasetPlan } from '../../policy/dataset-plan.ts'
import type { PolicyPlan } from '../../policy/plan.ts'
import type { DatasetCosts, PlanCosts } from '../../policy/plan-costs.ts'
import type { Right } from '../../policy/right.ts'
import { bytesText, countText, secondsText } from '../quantities.ts'
import { formatTable } from '../table.ts'
import type { Colors, Terminal } from '../terminal.ts'

export function showRefusals({ refusals }: PolicyPlan, terminal: Terminal): void {
  for (const { reason, action } of refusals) {
    terminal.line(`${terminal.colors.red('refused')}: ${reason}`)
    terminal.line(`  ${action}`)
  }
}

export function showChanges(plan: PolicyPlan, terminal: Terminal): void {
  const { colors } = terminal
  for (const { region, change, consequence } of plan.regions) {
    const what = change === 'keeper' ? 'becomes the keeper' : change
    terminal.line(`${colors.bold(region)} ${what}: ${consequence}`)
  }
  if (plan.regions.length > 0) terminal.line()
  for (const dataset of plan.datasets) showDataset(dataset, terminal)
}

function showDataset(dataset: DatasetPlan, terminal: Terminal): void {
  const { id, change, law, consequences } = dataset
  const { colors } = terminal
  terminal.line(
    `${colors.bold(id)}: ${change === 'changed' ? rightsText(dataset, colors) : change}`,
  )
  for (const { text } of consequences) terminal.line(`  ${text}`)
  for (const { pack, article, checkedOn, notice } of law) {
    terminal.line(`  claims ${pack} (${article}; checked on ${checkedOn}; ${notice})`)
  }
  terminal.line()
}

const rights: readonly Right[] = ['home', 'store', 'serve']

/** `+store us-east  -serve us-east`. */
function rightsText({ gained, lost }: DatasetPlan, colors: Colors): string {
  const parts = rights.flatMap(right => [
    ...(gained[right].length === 0 ? [] : [colors.green(`+${right} ${gained[right].join(',')}`)]),
    ...(lost[right].length === 0 ? [] : [colors.red(`-${right} ${lost[right].join(',')}`)]),
  ])
  return parts.join('  ') || 'settings'
}

export function showCosts(costs: PlanCosts, terminal: Terminal): void {
  const { colors } = terminal
  const { datasets, total, estimate, secondHand } = costs
  const rows = datasets.flatMap(costRows)
  if (rows.length === 0) terminal.line('Nothing is stored that would have to move.')
  else {
    terminal.line(
      formatTable(colors, ['dataset', 'what', 'from', 'to', 'groups', 'records', 'bytes'], rows),
    )
  }
  terminal.line()
  for (const { id, unsatisfiable } of datasets) {
    if (unsatisfiable.records === 0) continue
    const what = `${countText(unsatisfiable.records, 'record')} of ${id} are in no partition of the file`
    terminal.line(`${colors.red('unsatisfiable')}: ${what}; give them one, or delete them first`)
  }
  if (secondHand.length > 0) {
    const homes = secondHand.join(', ')
    terminal.line(
      `${colors.yellow('second hand')}: groups homed in ${homes} were counted elsewhere`,
    )
  }
  terminal.line(
    `${countText(total.groups, 'home')} to move, ${bytesText(total.bytes)} over the network: ${secondsText(estimate.seconds)}`,
  )
  const { bytesPerSecond, homesPerSecond } = estimate.assumed
  terminal.line(
    colors.dim(
      `Assumed, not measured: ${bytesText(bytesPerSecond)}/s into each region, ${homesPerSecond} homes/s. Writes go on meanwhile.`,
    ),
  )
}

/** One row for each copy, erasure, and pair of homes. */
function costRows({ id, copies, erasures, homes }: DatasetCosts): (string | number)[][] {
  return [
    ...copies.map(({ region, from, records, bytes }) => {
      const homed = from.map(it => it.region).join(', ')
      return [id, 'copy', homed, region, '', records, bytesText(bytes)]
    }),
    ...homes.map(({ from, to, groups, records, bytes }) => {
      return [id, 'homes', from, to ?? '?', groups, records, bytesText(bytes)]
    }),
    ...erasures.map(({ region, records, bytes }) => {
      const amount = bytes === undefined ? '?' : bytesText(bytes)
      return [id, 'erase', region, '', '', records ?? '?', amount]
    }),
  ]
}
