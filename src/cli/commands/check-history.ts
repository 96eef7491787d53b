/** `denizen check-history`: does a history keep Denizen's promises? Needs no node. */
import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { DenizenError } from '../../model/errors.ts'
import { checkHistory, type HistoryReport } from '../../simulation/checkers/check-history.ts'
import type { History } from '../../simulation/history.ts'
import { parseHistory } from '../../simulation/history-file.ts'
import { examples, withJson } from '../arguments.ts'
import { exitCodes, usageError } from '../exit-codes.ts'
import type { Terminal } from '../terminal.ts'

export function registerCheckHistory(program: Command, terminal: Terminal): void {
  const command = program
    .command('check-history <file>')
    .description('check a history of "bench" or "sim" against what Denizen promises')
  withJson(command)
    .addHelpText(
      'after',
      [
        '',
        'Ends with 0 if nothing is wrong, with 1 if something is, with 2 if the file is no history.',
        examples(
          'denizen bench --dataset cities --seconds 30 --history run.jsonl',
          'denizen check-history run.jsonl',
        ),
      ].join('\n'),
    )
    .action(async (file: string, { json }: { readonly json: boolean }) => {
      const history = await readHistory(file)
      const report = checkHistory(history)
      if (json) terminal.json(report)
      else show(terminal, report, history)
      if (report.findings.length > 0) terminal.exitCode = exitCodes.failed
    })
}

async function readHistory(file: string): Promise<History> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw usageError(`${file} can not be read (${error.code})`)
  })
  try {
    return parseHistory(text)
  } catch (error) {
    if (!(error instanceof DenizenError)) throw error
    throw usageError(`${file}: ${error.message}`, 'docs/HISTORIES.md describes the format.')
  }
}

function show(terminal: Terminal, report: HistoryReport, { operations }: History): void {
  const { colors } = terminal
  for (const { invariant, message, operations: involved } of report.findings) {
    terminal.line(`${colors.red(invariant)}: ${message}`)
    // A header comes before the first operation, and people count lines from 1.
    for (const index of involved) {
      terminal.line(colors.dim(`  line ${index + 2}: ${JSON.stringify(operations[index])}`))
    }
  }
  const { findings, searched, undecided } = report
  const verdict = findings.length === 0 ? 'nothing is wrong' : `${findings.length} findings`
  terminal.line(`${report.operations} operations: ${verdict}`)
  if (searched > 0) {
    terminal.line(`orders were searched for in ${searched} groups, whose versions are not all told`)
  }
  if (undecided.length > 0) {
    const some = undecided.slice(0, 5).join(', ')
    terminal.line(`too many orders to try them all in ${undecided.length} of them: ${some}`)
  }
}
