/** What commands write to. Results go to stdout, progress and failures to stderr. */
import pc from 'picocolors'
import { type ExitCode, exitCodes } from './exit-codes.ts'

export type Colors = ReturnType<typeof pc.createColors>

export class Terminal {
  /** Of stdout: off where NO_COLOR is set or stdout is no terminal. */
  readonly colors: Colors
  readonly isInteractive: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  /** What the process ends with, unless a failure is thrown. */
  exitCode: ExitCode = exitCodes.ok

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.env = env
    this.colors = pc.createColors(wantsColors(env, process.stdout.isTTY))
    this.isInteractive = process.stderr.isTTY === true
  }

  line(text = ''): void {
    process.stdout.write(`${text}\n`)
  }

  json(value: unknown): void {
    this.line(JSON.stringify(value, null, 2))
  }

  bytes(value: Uint8Array): void {
    process.stdout.write(value)
  }

  /** Progress and remarks, which are no part of the result. */
  note(text: string): void {
    process.stderr.write(`${text}\n`)
  }

  failure(message: string, action: string | undefined): void {
    const colors = pc.createColors(wantsColors(this.env, process.stderr.isTTY))
    this.note(`${colors.red('error:')} ${message}`)
    if (action !== undefined) this.note(action)
  }
}

/** https://no-color.org, and FORCE_COLOR as other tools take it. */
function wantsColors(
  env: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean | undefined,
): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = env
  if (NO_COLOR) return false
  if (FORCE_COLOR) return true
  return isTerminal === true && TERM !== 'dumb'
}
