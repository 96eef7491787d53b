/** Exit codes of the command line: stable, for scripts. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

const meanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  ok: 'done',
  failed: 'it failed, or there is no such key',
  usage: 'wrong usage or configuration',
  unreachable: 'the node can not be reached, or is not ready',
}

/** For the end of the help. */
export const exitCodesHelp = (): string =>
  ['Exit codes:', ...lines()].map(line => `${line}\n`).join('')

const lines = (): string[] =>
  (Object.keys(exitCodes) as (keyof typeof exitCodes)[]).map(
    name => `  ${exitCodes[name]}  ${meanings[name]}`,
  )

/** A failure to show: what is wrong, and in `action` what to type or do next. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly exitCode: ExitCode
  readonly action: string | undefined

  constructor(exitCode: ExitCode, message: string, action?: string) {
    super(message)
    this.exitCode = exitCode
    this.action = action
  }
}

export const usageError = (message: string, action?: string): CliError =>
  new CliError(exitCodes.usage, message, action)
