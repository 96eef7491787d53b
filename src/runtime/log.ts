/**
 * Logging as it is passed in. Keys and values never go into a log: what a log may hold is listed by
 * `LogFields`, and errors are described by `describeError`, which leaves out the texts of errors
 * that are not ours, because those quote their input.
 */
import { pino } from 'pino'
import { AssertionError } from '../model/assert.ts'
import type { LogLevel } from '../model/error-kinds.ts'
import { DenizenError } from '../model/errors.ts'

type LogValue = string | number | boolean | null | undefined | readonly string[]
export type LogFields = Readonly<Record<string, LogValue>>

export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
}

export interface LoggerOptions {
  /** Default: info. */
  readonly level?: LogLevel
  /** A file to append to; default: stderr. */
  readonly file?: string
  /** Fields of every line: region, node. */
  readonly base?: LogFields
}

/**
 * JSON lines, written synchronously: the lines that matter most are the last ones before a process
 * ends, and the levels above debug are rare.
 */
export function createLogger(options: LoggerOptions = {}): Logger {
  const destination = pino.destination({ dest: options.file ?? 2, sync: true, mkdir: true })
  const sink = pino(
    {
      level: options.level ?? 'info',
      base: { ...options.base },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
    },
    destination,
  )
  const at =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}): void =>
      sink[level](fields, message)
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** What a log may say about a caught error: its kind and where it came from. */
export function describeError(error: unknown): LogFields {
  if (!(error instanceof Error)) return { errorName: typeof error }
  const own = error instanceof DenizenError || error instanceof AssertionError
  return {
    errorName: error.name,
    errorCode: errorCode(error),
    errorMessage: own ? error.message : undefined,
    errorStack: frames(error),
  }
}

function errorCode(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/**
 * The frames alone: a stack begins with the message, which may have lines that look like frames.
 */
function frames({ stack = '', message }: Error): readonly string[] {
  const at = message === '' ? 0 : stack.indexOf(message)
  return stack
    .slice(at < 0 ? 0 : at + message.length)
    .split('\n')
    .map(line => line.trim())
    .filter(line => /^at .*(?::\d+:\d+|<anonymous>|native)\)?$/.test(line))
    .slice(0, 12)
}
