/** The log of a core. Lines of all threads are written by one: two writers could tear them. */
import type { Logger } from '../runtime/log.ts'
import type { FromCore } from './core-messages.ts'

export function coreLog(post: (message: FromCore) => void): Logger {
  const at =
    (level: keyof Logger): Logger[typeof level] =>
    (message, fields = {}) =>
      post({ kind: 'log', level, message, fields })
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
