/** What one thread's shard commits. */
import type { Clock } from '../runtime/clock.ts'
import { type Family, gauge } from './family.ts'
import { countBounds, Histogram, secondsBounds } from './histogram.ts'

export class ShardMeter {
  readonly #clock: Clock
  readonly #sizes = new Histogram({
    name: 'denizen_commit_requests',
    help: 'Writes that one commit made durable together.',
    labels: ['dataset'],
    bounds: countBounds,
  })
  readonly #durations = new Histogram({
    name: 'denizen_commit_duration_seconds',
    help: 'Time of a commit, its sync included.',
    labels: ['dataset'],
    bounds: secondsBounds,
  })

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async committed(dataset: string, writes: number, commit: Promise<void>): Promise<void> {
    const startMs = this.#clock.monotonicMs()
    await commit
    this.#durations.observe((this.#clock.monotonicMs() - startMs) / 1_000, dataset)
    this.#sizes.observe(writes, dataset)
  }

  /** `waiting`: writes that wait now. */
  families(waiting: number): Family[] {
    return [
      this.#sizes.family(),
      this.#durations.family(),
      gauge('denizen_shard_queue_requests', 'Writes that wait for their commit.', waiting),
    ]
  }
}
