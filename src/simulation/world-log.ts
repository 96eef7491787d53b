/** What nodes log is looked at: an error is a bug, unless the world has brought it about. */
import type { LogFields, Logger } from '../runtime/log.ts'

export interface WorldLogOptions {
  /** The process that logs: what a dead one says is nothing. */
  readonly isAlive: () => boolean
  /** The world knows why a node warns of this. */
  readonly isExplained: (message: string, fields: LogFields) => boolean
  readonly complain: (what: string) => void
}

/** What nodes have to log as errors in worlds where disks rot. */
const expected = new Set(['a record is damaged'])

export function worldLog({ isAlive, isExplained, complain }: WorldLogOptions): Logger {
  const nothing = (): void => {}
  return {
    ...{ debug: nothing, info: nothing },
    error(message, fields = {}): void {
      if (isAlive() && !expected.has(message)) complain(`${message} ${JSON.stringify(fields)}`)
    },
    warn(message, fields = {}): void {
      if (!isAlive() || isExplained(message, fields)) return
      complain(`${message}, and had lost none: ${JSON.stringify(fields)}`)
    },
  }
}
