/**
 * Time that passes only when everything has happened that is due: events in the order of their
 * time, those of one moment in the order in which they were asked for. All of it in one thread, so
 * a run is a function of its seed.
 */
import { assert } from '../model/assert.ts'

interface Due {
  readonly atMs: number
  readonly order: number
  task: (() => void) | undefined
}

const isBefore = (a: Due, b: Due): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

export class VirtualTime {
  /** A binary heap. */
  readonly #heap: Due[] = []
  #nowMs = 0
  #asked = 0
  #happened = 0

  /** Milliseconds since the world began. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Events that have happened. */
  get happened(): number {
    return this.#happened
  }

  /** Runs `task` after `delayMs`; returns what cancels it. */
  after(delayMs: number, task: () => void): () => void {
    const due: Due = {
      ...{ atMs: this.#nowMs + Math.max(0, delayMs), order: this.#asked, task },
    }
    this.#asked += 1
    this.#push(due)
    return () => {
      due.task = undefined
    }
  }

  /** For those who live in it: resolves `forMs` later. */
  pause(forMs: number): Promise<void> {
    return new Promise(resolve => void this.after(forMs, resolve))
  }

  /**
   * Lets time pass until `untilMs`, or until `stop` says so after an event. What an event sets
   * going (promises that are settled) is over before the next one happens.
   */
  run(untilMs: number, stop: () => boolean = () => false): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = (): void => {
        const due = this.#next(untilMs)
        if (!due || stop()) {
          if (!due) this.#nowMs = Math.max(this.#nowMs, untilMs)
          else this.#push(due)
          resolve()
          return
        }
        this.#nowMs = due.atMs
        this.#happened += 1
        try {
          due.task?.()
        } catch (error) {
          reject(error)
          return
        }
        // Promises are settled between two immediates.
        setImmediate(step)
      }
      setImmediate(step)
    })
  }

  /** The next event that was not cancelled, if it is due by then. */
  #next(untilMs: number): Due | undefined {
    for (let first = this.#heap[0]; first; first = this.#heap[0]) {
      if (first.task && first.atMs > untilMs) return undefined
      this.#pop()
      if (first.task) return first
    }
    return undefined
  }

  #push(due: Due): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(due)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above] as Due
      if (!isBefore(due, parent)) break
      heap[at] = parent
      at = above
    }
    heap[at] = due
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    assert(last, 'only a heap with events is taken from')
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= heap.length) break
      const right = heap[below + 1]
      if (right && isBefore(right, heap[below] as Due)) below += 1
      const child = heap[below] as Due
      if (!isBefore(child, last)) break
      heap[at] = child
      at = below
    }
    heap[at] = last
  }
}
