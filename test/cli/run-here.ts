/** Runs the command line in this process: many runs would be slow as processes of their own. */
import { CliError } from '../../src/cli/exit-codes.ts'
import { createProgram } from '../../src/cli/program.ts'
import { Terminal } from '../../src/cli/terminal.ts'
import type { Run } from './run-denizen.ts'

class RecordingTerminal extends Terminal {
  stdout = ''
  stderr = ''

  constructor() {
    super({ NO_COLOR: '1' })
  }

  override line(text = ''): void {
    this.stdout += `${text}\n`
  }

  override note(text: string): void {
    this.stderr += `${text}\n`
  }
}

/** Failures that a command throws become its exit code and text, as the entry does it. */
export async function runHere(args: readonly string[]): Promise<Run> {
  const terminal = new RecordingTerminal()
  try {
    await createProgram(terminal).parseAsync([...args], { from: 'user' })
    return { code: terminal.exitCode, stdout: terminal.stdout, stderr: terminal.stderr }
  } catch (error) {
    if (!(error instanceof CliError)) throw error
    terminal.failure(error.message, error.action)
    return { code: error.exitCode, stdout: terminal.stdout, stderr: terminal.stderr }
  }
}
