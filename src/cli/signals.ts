/** When a long-running command has to end. */

/**
 * A terminal signals the whole foreground group, and npm or a process above us passes the same
 * signal on: copies of one Ctrl-C arrive within this time, a second Ctrl-C after it.
 */
const sameKeyPressMs = 500

/**
 * Resolves upon the first SIGINT, SIGTERM or SIGHUP, or when the process that started us over an
 * IPC channel is gone: a world's regions end with their world. A second signal ends at once.
 */
export function stopRequested(): Promise<void> {
  return new Promise(resolve => {
    let firstAtMs: number | undefined
    const onSignal = (): void => {
      const nowMs = performance.now()
      if (firstAtMs !== undefined && nowMs - firstAtMs > sameKeyPressMs) process.exit(130)
      firstAtMs ??= nowMs
      resolve()
    }
    process.on('SIGINT', onSignal)
    process.on('SIGTERM', onSignal)
    process.on('SIGHUP', onSignal)
    if (process.connected) process.once('disconnect', resolve)
  })
}
