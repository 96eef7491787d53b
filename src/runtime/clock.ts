/** Time as it is passed in. Decisions never read a clock; the shells that own a port do. */
export interface Clock {
  /** Milliseconds that only go forward. For durations, staleness, leases. */
  monotonicMs(): number
  /** Milliseconds since 1970. For people, and for `expiresAt`; it orders nothing. */
  wallMs(): number
  /** Runs `task` after `delayMs`; returns what cancels it. */
  after(delayMs: number, task: () => void): () => void
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  after: (delayMs, task) => {
    const timer = setTimeout(task, delayMs)
    return () => clearTimeout(timer)
  },
}
