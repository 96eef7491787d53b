/**
 * One run of a node's process in the simulated world: what it asks to happen later happens while it
 * lives, and late while it is stalled. Its clocks are its own: they run a little fast or slow, and
 * its wall clock is off.
 */
import type { Clock } from '../runtime/clock.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface ProcessClock {
  /** How much faster than time its clocks run: 0.001 is 1 ms a second. */
  readonly drift: number
  /** How far its wall clock is off at the start of the world, in ms. */
  readonly wallOffsetMs: number
}

/** A timer never fires early by the clock that set it, whatever rounding does to both. */
const TIMER_LATE_MS = 0.01

/** 2027, so that it looks like a time. */
const EPOCH_MS = 1_800_000_000_000

export class SimulatedProcess {
  readonly clock: Clock
  readonly #time: VirtualTime
  #alive = true
  #stalled = false
  readonly #held: (() => void)[] = []

  constructor(time: VirtualTime, { drift, wallOffsetMs }: ProcessClock) {
    this.#time = time
    const startedMs = time.nowMs
    this.clock = {
      monotonicMs: () => (time.nowMs - startedMs) * (1 + drift),
      wallMs: () => Math.floor(EPOCH_MS + wallOffsetMs + time.nowMs * (1 + drift)),
      after: (delayMs, task) => this.#after(delayMs / (1 + drift) + TIMER_LATE_MS, task),
    }
  }

  get alive(): boolean {
    return this.#alive
  }

  /**
   * Something happens to the process: now, or once it is no longer stalled; never to a dead one.
   */
  enter(task: () => void): void {
    if (!this.#alive) return
    if (this.#stalled) this.#held.push(task)
    else task()
  }

  /** What is cancelled never runs, though it was due while the process was stalled. */
  #after(delayMs: number, task: () => void): () => void {
    let cancelled = false
    const cancel = this.#time.after(delayMs, () =>
      this.enter(() => {
        if (!cancelled) task()
      }),
    )
    return () => {
      cancelled = true
      cancel()
    }
  }

  /** It does nothing for so long, as one whose machine is busy with something else. */
  stall(forMs: number): void {
    if (this.#stalled) return
    this.#stalled = true
    this.#time.after(forMs, () => {
      this.#stalled = false
      for (const task of this.#held.splice(0)) this.#time.after(0, () => this.enter(task))
    })
  }

  /** kill -9. */
  die(): void {
    this.#alive = false
  }
}
