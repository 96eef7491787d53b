/**
 * How late the timers of this thread run: what it does in one piece keeps everything else waiting
 * for so long. Of the time since it was last asked for.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type Family, gauges } from '../metrics/family.ts'

const RESOLUTION_MS = 20
const quantiles = [50, 99, 100]

export class EventLoopDelay {
  readonly #thread: string
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })

  constructor(thread: string) {
    this.#thread = thread
    this.#delay.enable()
  }

  family(): Family {
    const values = quantiles.map(percentile => {
      const labels = { thread: this.#thread, quantile: String(percentile / 100) }
      return { labels, value: this.#delaySeconds(percentile) }
    })
    this.#delay.reset()
    const help = 'Lateness of timers of a thread since the last scrape; quantile 1 is the greatest.'
    return gauges('denizen_event_loop_delay_seconds', help, values)
  }

  /** What was measured is the time between two runs of a timer. */
  #delaySeconds(percentile: number): number {
    const betweenNs = this.#delay.count === 0 ? 0 : this.#delay.percentile(percentile)
    return Math.max(0, betweenNs / 1e9 - RESOLUTION_MS / 1e3)
  }
}
