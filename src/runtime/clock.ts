/** Time as it is passed in. Decisions never read a clock; the shells that own a port do. */
export interface Clock {
  /** Milliseconds that only go forward, alike in all threads. For durations, ages, leases. */
  monotonicMs(): number
  /** Milliseconds since 1970. For people, and for `expiresAt`; it orders nothing. */
  wallMs(): number
  /** Runs `task` after `delayMs`; returns what cancels it. */
  after(delayMs: number, task: () => void): () => void
}

export const systemClock: Clock = {
  // performance.now() counts from the start of each thread.
  monotonicMs: () => {
    const [seconds, nanoseconds] = process.hrtime()
    return seconds * 1e3 + nanoseconds / 1e6
  },
  wallMs: () => Date.now(),
  after: (delayMs, task) => {
    const timer = setTimeout(task, delayMs)
    return () => clearTimeout(timer)
  },
}
