/** `denizen policy check`: what the policy file says, and what is wrong with it. */
import type { Command } from 'commander'
import { type CheckedPolicy, checkPolicyFile } from '../../node/policy-files.ts'
import type { Diagnostic } from '../../policy/diagnostic.ts'
import { cellText, type PolicyReport, policyReport } from '../../policy/report.ts'
import type { SourceFile } from '../../policy/source.ts'
import { examples, withConfig, withJson } from '../arguments.ts'
import { exitCodes } from '../exit-codes.ts'
import { formatTable } from '../table.ts'
import type { Colors, Terminal } from '../terminal.ts'
import { registerPolicyApply } from './policy-apply.ts'
import { registerPolicyPlan } from './policy-plan.ts'
import { registerPolicyReport } from './policy-report.ts'

interface CheckOptions {
  readonly config: string
  readonly json: boolean
  readonly strict: boolean
}

export function registerPolicy(program: Command, terminal: Terminal): void {
  const policy = program
    .command('policy')
    .description('what the policy file says, would change, and what is in force')
  withJson(withConfig(policy.command('check').description('check the policy file')))
    .option('--strict', 'warnings count as errors', false)
    .addHelpText(
      'after',
      [
        examples(
          'denizen policy check',
          'denizen policy check --config other.yaml --strict --json',
        ),
        '\n\nExit code 2 when there are errors, or warnings with --strict.',
      ].join(''),
    )
    .action((options: CheckOptions) => check(options, terminal))
  registerPolicyPlan(policy, terminal)
  registerPolicyApply(policy, terminal)
  registerPolicyReport(policy, terminal)
}

function check({ config, json, strict }: CheckOptions, terminal: Terminal): void {
  const checked = checkPolicyFile(config, new Date().toISOString().slice(0, 10))
  const { policy, diagnostics } = checked
  const report = policy && policyReport(policy, diagnostics)
  if (json) terminal.json({ ok: report !== undefined, diagnostics, ...(report && { report }) })
  else showForPeople(terminal, checked, report)
  const hasWarnings = diagnostics.some(({ severity }) => severity === 'warning')
  if (!policy || (strict && hasWarnings)) terminal.exitCode = exitCodes.usage
}

function showForPeople(
  terminal: Terminal,
  { files, diagnostics }: CheckedPolicy,
  report: PolicyReport | undefined,
): void {
  const { colors } = terminal
  if (report) {
    terminal.line(`${colors.bold(report.cluster)}, keeper ${report.keeper}`)
    terminal.line()
    const head = ['dataset', ...report.regions.map(({ id }) => id), 'homing']
    const rows = report.rows.map(row => [row.id, ...row.cells.map(cellText), row.homing])
    terminal.line(formatTable(colors, head, rows))
    terminal.line()
    terminal.line('What each survives:')
    for (const [what, ids] of survivals(report)) terminal.line(`  ${ids.join(', ')}: ${what}`)
  }
  for (const diagnostic of diagnostics) {
    terminal.line()
    terminal.line(excerpt(colors, diagnostic, files))
  }
  terminal.line()
  terminal.line(summary(colors, diagnostics))
}

/** Datasets that survive the same are said once. */
function survivals({ rows }: PolicyReport): ReadonlyMap<string, string[]> {
  const ids = new Map<string, string[]>()
  for (const { id, survives } of rows) {
    const what = survives.join('; ')
    ids.set(what, [...(ids.get(what) ?? []), id])
  }
  return ids
}

/** The place, the text, the line of the file and a caret below what is meant. */
function excerpt(
  colors: Colors,
  { file, line, column, severity, code, message, suggestion }: Diagnostic,
  files: readonly SourceFile[],
): string {
  const paint = { error: colors.red, warning: colors.yellow, note: colors.cyan }[severity]
  const source = files.find(({ file: name }) => name === file)?.text.split(/\r?\n/)[line - 1]
  const lines = [
    `${file}:${line}:${column}: ${paint(severity)}: ${message} ${colors.dim(`[${code}]`)}`,
  ]
  if (source !== undefined && source.trim() !== '') {
    const gutter = `${line} | `
    // Tabs stay tabs, so that the caret stands where the text does.
    const indent = source.slice(0, column - 1).replace(/[^\t]/g, ' ')
    lines.push(`${gutter}${source}`, `${' '.repeat(gutter.length)}${indent}${paint('^')}`)
  }
  if (suggestion !== undefined) lines.push(`  ${suggestion}`)
  return lines.join('\n')
}

function summary(colors: Colors, diagnostics: readonly Diagnostic[]): string {
  const count = (severity: Diagnostic['severity'], word: string): string => {
    const n = diagnostics.filter(diagnostic => diagnostic.severity === severity).length
    return `${n} ${word}${n === 1 ? '' : 's'}`
  }
  const hasErrors = diagnostics.some(({ severity }) => severity === 'error')
  const verdict = hasErrors ? colors.red('no valid policy') : colors.green('the policy is valid')
  return `${verdict}: ${count('error', 'error')}, ${count('warning', 'warning')}, ${count('note', 'note')}`
}
