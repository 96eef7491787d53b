/** `denizen policy plan`: what the policy file would change in a living cluster. */
import type { Command } from 'commander'
import { loadHasher } from '../../model/hash.ts'
import type { Census, CensusLine, PolicyInForce } from '../../model/home-census.ts'
import type { PolicyData } from '../../model/placement.ts'
import { isEmpty, type PolicyPlan, policyPlan } from '../../policy/plan.ts'
import { type Measured, type PlanCosts, planCosts } from '../../policy/plan-costs.ts'
import { examples, withConfig, withJson, withUrl } from '../arguments.ts'
import { clusterView } from '../cluster-view.ts'
import { exitCodes } from '../exit-codes.ts'
import { type Asked, askRegions, census, policyInForce, viewOf } from '../policy/ask-regions.ts'
import { desiredPolicy } from '../policy/desired.ts'
import { showChanges, showCosts, showRefusals } from '../policy/show-plan.ts'
import type { Terminal } from '../terminal.ts'

interface PlanOptions {
  readonly config: string
  readonly url: string
  readonly json: boolean
}

export function registerPolicyPlan(policy: Command, terminal: Terminal): void {
  const command = policy
    .command('plan')
    .description('what the policy file would change in a running cluster, and what that moves')
  withJson(withUrl(withConfig(command)))
    .addHelpText(
      'after',
      [
        examples(
          'denizen policy plan',
          'denizen policy plan --config next.yaml --url http://127.0.0.1:7003 --json',
        ),
        '\n\nIt changes nothing. Every region counts its copies, which takes it a second for about',
        '\n30,000 records. Exit code 2 when the file has errors or can not be satisfied, 3 when a',
        '\nregion could not be asked: the figures are not whole then.',
      ].join(''),
    )
    .action((options: PlanOptions) => plan(options, terminal))
}

async function plan({ config, url, json }: PlanOptions, terminal: Terminal): Promise<void> {
  const desired = desiredPolicy(config, json, terminal)
  if (!desired) return
  const inForce = await policyInForce(url)
  const planned = policyPlan(inForce.policy, desired, await loadHasher())
  const counts =
    isEmpty(planned) || planned.refusals.length > 0
      ? undefined
      : await measure(url, { inForce, desired, terminal })
  if (json) terminal.json(jsonOf(inForce, planned, counts))
  else show(inForce, planned, counts, terminal)
  if (planned.refusals.length > 0 || (counts?.costs.total.unsatisfiable ?? 0) > 0) {
    terminal.exitCode = exitCodes.usage
  } else if (counts && counts.unasked.length > 0) terminal.exitCode = exitCodes.unreachable
}

interface Counts {
  readonly costs: PlanCosts
  readonly unasked: readonly { readonly region: string; readonly failure: string }[]
  /** Records that could not be counted, as they are damaged. */
  readonly damaged: number
}

async function measure(
  url: string,
  {
    inForce,
    desired,
    terminal,
  }: { inForce: PolicyInForce; desired: PolicyData; terminal: Terminal },
): Promise<Counts> {
  const view = await clusterView(url)
  const asked = await askRegions(url, view, async (address, region) => {
    await viewOf(address, region)
    return await census(address, desired, counted => progress(region, counted, terminal))
  })
  const answered = asked.flatMap(it => ('answer' in it ? [it] : []))
  return {
    costs: planCosts(inForce.policy, desired, answered.map(measured)),
    unasked: asked.flatMap(it => ('failure' in it ? [it] : [])),
    damaged: answered
      .flatMap(({ answer }) => answer.datasets)
      .reduce((sum, { damaged }) => sum + damaged, 0),
  }
}

const measured = ({ region, answer }: Extract<Asked<Census>, { answer: unknown }>): Measured => ({
  region,
  datasets: new Map<string, readonly CensusLine[]>(
    answer.datasets.map(({ dataset, lines }) => [dataset, lines]),
  ),
})

function progress(region: string, { datasets }: Census, terminal: Terminal): void {
  if (!terminal.isInteractive) return
  const sum = (of: (dataset: Census['datasets'][number]) => number): number =>
    datasets.reduce((total, dataset) => total + of(dataset), 0)
  const done = `${sum(it => it.storesDone)} of ${sum(it => it.stores)} stores`
  terminal.note(`${region} has counted ${done}`)
}

const jsonOf = (inForce: PolicyInForce, planned: PolicyPlan, counts: Counts | undefined) => ({
  ok: planned.refusals.length === 0 && (counts?.costs.total.unsatisfiable ?? 0) === 0,
  policyEpoch: inForce.policyEpoch,
  plan: planned,
  ...counts,
})

function show(
  { policyEpoch, policy }: PolicyInForce,
  planned: PolicyPlan,
  counts: Counts | undefined,
  terminal: Terminal,
): void {
  const { colors } = terminal
  terminal.line(`${colors.bold(policy.cluster)}, from policy epoch ${policyEpoch}`)
  terminal.line()
  if (isEmpty(planned)) {
    terminal.line('The file is the policy in force: there is nothing to do.')
    return
  }
  showChanges(planned, terminal)
  showRefusals(planned, terminal)
  if (!counts) return
  for (const { region, failure } of counts.unasked) {
    terminal.line(`${colors.red('not asked')}: ${region}: ${failure}`)
  }
  if (counts.damaged > 0) {
    const count = `${counts.damaged} damaged records`
    terminal.line(`${colors.yellow('not counted')}: ${count}: see denizen doctor --scrub`)
  }
  showCosts(counts.costs, terminal)
  terminal.line('Nothing was changed: denizen policy apply does it.')
}
