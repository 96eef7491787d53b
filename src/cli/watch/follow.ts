/**
 * A watch that outlives its connections: it connects again and goes on at its cursor. Where the
 * node has forgotten what came since, it says so and starts again with the current state.
 */
import { CliError, exitCodes } from '../exit-codes.ts'
import { ConnectionFailure } from '../http-client.ts'
import {
  CursorTooOld,
  type WatchChange,
  type WatchEvent,
  type WatchQuery,
  watchOnce,
} from './watch-stream.ts'

export interface WatchListener {
  onChange(change: WatchChange): void
  /** The current state has been told. */
  onLive(): void
  /** What was told before need not hold any more: the current state is told anew. */
  onRestart(): void
  /** The watch will go on once the node answers. */
  onInterruption(reason: string): void
}

const pauseMinMs = 100
const pauseMaxMs = 5_000

/**
 * Until the signal. Throws `ConnectionFailure` and `CliError` where it can't even begin, and
 * `CliError` where the node refuses for good.
 */
export async function follow(
  query: Omit<WatchQuery, 'since'>,
  listener: WatchListener,
): Promise<void> {
  const { signal } = query
  let since: string | undefined
  let hasBegun = false
  let pauseMs = pauseMinMs
  while (!signal.aborted) {
    let reason = 'the connection ended'
    try {
      for await (const event of watchOnce({ ...query, since })) {
        hasBegun = true
        pauseMs = pauseMinMs
        since = event.cursor ?? since
        if (event.event === 'end') reason = event.detail
        else tell(event, listener)
      }
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof CursorTooOld) {
        since = undefined
        listener.onRestart()
        continue
      }
      if (!hasBegun || !mayPass(error)) throw error
      reason = error.message
    }
    if (signal.aborted) return
    if (pauseMs === pauseMinMs) listener.onInterruption(reason)
    await pause(pauseMs, signal)
    pauseMs = Math.min(2 * pauseMs, pauseMaxMs)
  }
}

function tell(event: Exclude<WatchEvent, { event: 'end' }>, listener: WatchListener): void {
  if (event.event === 'change') listener.onChange(event)
  else if (event.event === 'live') listener.onLive()
}

const mayPass = (error: unknown): error is Error =>
  error instanceof ConnectionFailure ||
  (error instanceof CliError && error.exitCode === exitCodes.unreachable)

/** Ends early with the signal. */
const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
