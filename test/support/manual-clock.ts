/** The clock port for tests: time stands still until somebody moves it on. */
import type { Clock } from '../../src/runtime/clock.ts'

export interface ManualClock extends Clock {
  /** Moves time on, and runs what falls due, in the order of its time. */
  advance(byMs: number): void
}

interface Timer {
  readonly dueMs: number
  readonly task: () => void
}

export function manualClock(): ManualClock {
  let nowMs = 0
  const timers = new Set<Timer>()
  const nextBefore = (endMs: number): Timer | undefined => {
    let next: Timer | undefined
    for (const timer of timers) {
      if (timer.dueMs <= endMs && timer.dueMs < (next?.dueMs ?? Number.POSITIVE_INFINITY)) {
        next = timer
      }
    }
    return next
  }
  return {
    monotonicMs: () => nowMs,
    wallMs: () => nowMs,
    after(delayMs, task) {
      const timer = { dueMs: nowMs + delayMs, task }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    advance(byMs) {
      const endMs = nowMs + byMs
      for (let timer = nextBefore(endMs); timer; timer = nextBefore(endMs)) {
        timers.delete(timer)
        nowMs = timer.dueMs
        timer.task()
      }
      nowMs = endMs
    },
  }
}
