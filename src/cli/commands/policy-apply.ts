/** `denizen policy apply`: brings the policy file into force in a living cluster. */
import { existsSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { loadHasher } from '../../model/hash.ts'
import type { PolicyData } from '../../model/placement.ts'
import { type PolicyChangeView, policyChangeViewSchema } from '../../model/policy-change-view.ts'
import { isEmpty, policyPlan } from '../../policy/plan.ts'
import { parseReceipt } from '../../receipts/receipt.ts'
import { examples, withConfig, withJson, withUrl } from '../arguments.ts'
import { exitCodes, usageError } from '../exit-codes.ts'
import { ask, askData, decodeData } from '../http-client.ts'
import { policyInForce } from '../policy/ask-regions.ts'
import { desiredPolicy } from '../policy/desired.ts'
import { showChanges, showRefusals } from '../policy/show-plan.ts'
import { bytesText, countText } from '../quantities.ts'
import type { Terminal } from '../terminal.ts'
import { receiptText } from './receipt.ts'

interface ApplyOptions {
  readonly config: string
  readonly url: string
  readonly json: boolean
  readonly yes: boolean
  readonly watch: boolean
  readonly out?: string
  readonly eraseDataset: readonly string[]
}

const path = '/v1/admin/policy/change'
const LOOK_EVERY_MS = 200

export function registerPolicyApply(policy: Command, terminal: Terminal): void {
  const command = policy
    .command('apply')
    .description('bring the policy file into force: copies, homes and erasures, phase by phase')
    .option('--yes', 'begin at once, without being asked again', false)
    .option('--watch', 'change nothing: show how far the change under way is, to its end', false)
    .option(
      '--erase-dataset <name>',
      'erase a dataset that the file does not have any more; may be given more than once',
      (name: string, before: readonly string[]) => [...before, name],
      [] as readonly string[],
    )
  command.option('--out <file>', 'where to write the receipt')
  withJson(withUrl(withConfig(command)))
    .addHelpText(
      'after',
      [
        examples(
          'denizen policy apply --yes',
          'denizen policy apply --watch',
          'denizen policy apply --yes --erase-dataset drafts',
        ),
        '\n\nReads and writes go on. A region that can not be reached holds the change up until it is',
        '\nback: nothing is skipped. This command may be ended at any time, the change goes on.',
        '\nTo undo a change, apply the policy before it once it is over.',
      ].join(''),
    )
    .action((options: ApplyOptions) => apply(options, terminal))
}

async function apply(options: ApplyOptions, terminal: Terminal): Promise<void> {
  const { config, url, json, yes, watch, eraseDataset, out } = options
  if (out !== undefined && existsSync(out)) {
    throw usageError(`${out} exists already`, 'Name another file: receipts are kept.')
  }
  if (watch) {
    await follow(options, await view(url), terminal)
    return
  }
  const desired = desiredPolicy(config, json, terminal)
  if (!desired) return
  const inForce = await policyInForce(url)
  const planned = policyPlan(inForce.policy, desired, await loadHasher())
  if (isEmpty(planned) && eraseDataset.length === 0) {
    if (json) terminal.json({ ok: true, policyEpoch: inForce.policyEpoch, changed: false })
    else terminal.line('The file is the policy in force: there is nothing to do.')
    return
  }
  if (!json) {
    showChanges(planned, terminal)
    showRefusals(planned, terminal)
  }
  if (planned.refusals.length > 0) {
    if (json) terminal.json({ ok: false, refusals: planned.refusals })
    terminal.exitCode = exitCodes.usage
    return
  }
  if (!yes) throw usageError('nothing was changed', 'Repeat it with --yes to bring it into force.')
  await follow(options, await begin(url, desired, eraseDataset), terminal)
}

async function begin(
  url: string,
  policy: PolicyData,
  eraseDatasets: readonly string[],
): Promise<PolicyChangeView> {
  const headers = { accept: 'application/json', 'content-type': 'application/json' }
  const body = new TextEncoder().encode(JSON.stringify({ policy, eraseDatasets }))
  const reply = await ask({ method: 'POST', url, path, headers, body })
  return policyChangeViewSchema.parse(decodeData(reply))
}

const view = async (url: string): Promise<PolicyChangeView> =>
  policyChangeViewSchema.parse(await askData(url, path))

/** Shows a change to its end. */
async function follow(
  { url, json, out }: ApplyOptions,
  begun: PolicyChangeView,
  terminal: Terminal,
): Promise<void> {
  let now = begun
  let told = ''
  while (now.next) {
    const text = progressText(now.next)
    if (text !== told) terminal.note(text)
    told = text
    await new Promise(resolve => setTimeout(resolve, LOOK_EVERY_MS))
    now = await view(url)
  }
  if (!now.lastChange) {
    if (json) terminal.json({ ok: true, ...now })
    else terminal.line('The policy has not been changed since the founding of the cluster.')
    return
  }
  const receipt = parseReceipt(await askData(url, '/v1/admin/policy/receipt'))
  if (out !== undefined) writeFileSync(out, `${JSON.stringify(receipt, null, 2)}\n`, { flag: 'wx' })
  if (json) terminal.json({ ok: true, ...now, receipt })
  else {
    showEnd(now, terminal)
    terminal.line()
    for (const line of receiptText(receipt)) terminal.line(line)
  }
}

function progressText({ phase, regions }: NonNullable<PolicyChangeView['next']>): string {
  const waiting = regions.filter(({ done }) => !done)
  const reasons = waiting.map(({ region, waitsFor }) => `  ${region}: ${waitsFor ?? 'at work'}`)
  return [`phase ${phase}`, ...reasons].join('\n')
}

function showEnd({ policyEpoch, lastChange }: PolicyChangeView, terminal: Terminal): void {
  terminal.line(`Policy epoch ${policyEpoch} is in force.`)
  if (!lastChange) return
  const { beganMs, endedMs, leftCopies, gained } = lastChange
  for (const [dataset, regions] of Object.entries(gained)) {
    terminal.line(`${dataset}: ${regions.join(', ')} now ${has(regions)} a copy`)
  }
  for (const { dataset, region, isErased, records, bytes, digest } of leftCopies) {
    const what = isErased ? 'erased' : 'is home of nothing any more, and keeps'
    terminal.line(
      `${dataset}: ${region} ${what} ${countText(records, 'record')}, ${bytesText(bytes)}, digest ${digest}`,
    )
  }
  terminal.line(`It took ${((endedMs - beganMs) / 1_000).toFixed(1)} s.`)
}

const has = (regions: readonly string[]): string => (regions.length === 1 ? 'has' : 'have')
