/** The entry of the command line: commands in, exit code out. */
import { CommanderError } from 'commander'
import { StartError } from '../node/start-error.ts'
import { CliError, type ExitCode, exitCodes } from './exit-codes.ts'
import { createProgram } from './program.ts'
import { Terminal } from './terminal.ts'

/** Runs one command line, without `node` and the script's name. Sets the process's exit code. */
export async function main(args: readonly string[]): Promise<void> {
  const terminal = new Terminal(process.env)
  // `denizen ls … | head` closes our stdout: that is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCodes.ok)
    throw error
  })
  try {
    await createProgram(terminal).parseAsync([...args], { from: 'user' })
    process.exitCode = terminal.exitCode
  } catch (error) {
    process.exitCode = report(error, terminal)
  }
}

function report(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) {
    // Commander has printed what there is to say: help and version are no failures.
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  }
  if (error instanceof CliError || error instanceof StartError) {
    terminal.failure(error.message, error.action)
    return error.exitCode as ExitCode
  }
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error)
  terminal.failure(trace, 'This is a bug: please report it with what you typed.')
  return exitCodes.failed
}
