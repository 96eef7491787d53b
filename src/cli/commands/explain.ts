/** `denizen explain`: where a key lives, why, and what forbids the other regions. */
import type { Command } from 'commander'
import { explanationSchema } from '../../api/view-schemas.ts'
import type { ExplainedRegion, Explanation } from '../../routing/service.ts'
import { examples, withJson, withUrl } from '../arguments.ts'
import { askData } from '../http-client.ts'
import { keyPath } from '../key-target.ts'
import { formatTable } from '../table.ts'
import type { Terminal } from '../terminal.ts'

export function registerExplain(program: Command, terminal: Terminal): void {
  const command = program
    .command('explain <dataset> <key>')
    .description('where a key lives, since when and why, and what forbids the other regions')
  withJson(withUrl(command))
    .addHelpText('after', examples('denizen explain cities jp/tokyo-1850147'))
    .action(async (dataset: string, key: string, options: { url: string; json: boolean }) => {
      const data = await askData(options.url, keyPath('explain', dataset, key))
      if (options.json) terminal.json(data)
      else show(terminal, explanationSchema.parse(data))
    })
}

function show(terminal: Terminal, explanation: Explanation): void {
  const { dataset, partition, group, slot, home, registrar, policyEpoch, law } = explanation
  const { colors } = terminal
  const of = partition === undefined ? dataset : `${dataset}, partition ${partition}`
  terminal.line(`${colors.bold(group)}: a group of ${of}, slot ${slot}`)
  terminal.line(
    home === undefined
      ? 'home: none yet; the first write gives it one'
      : `home: ${colors.green(home.region)} since ${home.since}${movedText(home)}: ${home.reason}`,
  )
  if (registrar !== undefined) terminal.line(`registrar: ${registrar}`)
  const claims = law.length === 0 ? 'no claim of law' : law.join(', ')
  terminal.line(`policy epoch ${policyEpoch}; ${claims}`)
  terminal.line()
  const rows = explanation.regions.map(region => [
    region.region,
    mayText(region),
    copyText(region.copy),
    region.forbids.join('; '),
  ])
  terminal.line(formatTable(colors, ['region', 'may', 'copy', 'forbidden by'], rows))
}

const movedText = ({ movedAtMs }: NonNullable<Explanation['home']>): string =>
  movedAtMs === undefined ? '' : ` (${new Date(movedAtMs).toISOString()})`

const mayText = ({ mayHome, mayStore, mayServe }: ExplainedRegion): string =>
  [mayHome ? 'home' : '', mayStore ? 'store' : '', mayServe ? 'serve' : '']
    .filter(word => word !== '')
    .join(' ') || 'nothing'

function copyText(copy: ExplainedRegion['copy']): string {
  if (copy === undefined) return '-'
  if (copy.state === 'unreachable') return 'unreachable'
  const version = copy.version === undefined ? 'no version' : copy.version
  const staleness =
    copy.state === 'home' || copy.stalenessMs === undefined
      ? ''
      : `, at most ${Math.round(copy.stalenessMs)} ms behind`
  const relay = copy.relay === undefined ? '' : ` (asked by way of ${copy.relay})`
  return `${copy.state} ${version}${staleness}${relay}`
}
