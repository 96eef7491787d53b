/** What a strategy costs: the time of each write, and the bytes between regions. */
import { assert } from '../../model/assert.ts'

/** Percentiles are right to a tenth of a millisecond, the mean is exact. */
export interface Latency {
  readonly writes: number
  readonly meanMs: number
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
}

const bucketsPerMs = 10
/** Longer than three times around the earth. */
const latencyMaxMs = 3_000

class LatencyHistogram {
  readonly #buckets = new Uint32Array(latencyMaxMs * bucketsPerMs)
  #writes = 0
  #sumMs = 0

  add(ms: number, times: number): void {
    const bucket = Math.floor(ms * bucketsPerMs)
    assert(bucket >= 0 && bucket < this.#buckets.length, `${ms} ms is the time of a write`)
    this.#buckets[bucket] = (this.#buckets[bucket] as number) + times
    this.#writes += times
    this.#sumMs += ms * times
  }

  report(): Latency {
    return {
      writes: this.#writes,
      meanMs: this.#writes === 0 ? 0 : this.#sumMs / this.#writes,
      p50Ms: this.#percentileMs(0.5),
      p90Ms: this.#percentileMs(0.9),
      p99Ms: this.#percentileMs(0.99),
    }
  }

  #percentileMs(share: number): number {
    const rank = Math.ceil(this.#writes * share)
    let seen = 0
    const bucket = this.#buckets.findIndex(count => {
      seen += count
      return seen >= rank
    })
    return bucket / bucketsPerMs
  }
}

export interface TallyReport {
  readonly all: Latency
  /** By index of the region where writes enter. */
  readonly byEntry: readonly Latency[]
  /** The first write of each group. */
  readonly first: Latency
  /** Sent by each region, by index, to other regions. */
  readonly sentBytes: readonly number[]
}

export class Tally {
  readonly #all = new LatencyHistogram()
  readonly #first = new LatencyHistogram()
  readonly #byEntry: readonly LatencyHistogram[]
  readonly #sentBytes: Float64Array

  constructor(regions: number) {
    this.#byEntry = Array.from({ length: regions }, () => new LatencyHistogram())
    this.#sentBytes = new Float64Array(regions)
  }

  write(entry: number, ms: number, times = 1): void {
    this.#all.add(ms, times)
    this.#byEntry[entry]?.add(ms, times)
  }

  /** Of a group's first write, besides `write`. */
  firstWrite(ms: number, times = 1): void {
    this.#first.add(ms, times)
  }

  /** Nothing is paid for within a region. */
  send(from: number, to: number, bytes: number): void {
    if (from !== to) this.#sentBytes[from] = (this.#sentBytes[from] as number) + bytes
  }

  report(): TallyReport {
    return {
      all: this.#all.report(),
      byEntry: this.#byEntry.map(latency => latency.report()),
      first: this.#first.report(),
      sentBytes: [...this.#sentBytes],
    }
  }
}
