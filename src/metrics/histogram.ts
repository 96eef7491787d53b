/**
 * How values are distributed: how many were at most each bound, and their sum. Observing costs a
 * few comparisons; what Prometheus wants (cumulative buckets) is made when somebody asks.
 */
import type { Family, Labels, Sample } from './family.ts'
import { SeriesByLabels } from './series.ts'

/** Seconds: from a read in memory to a call over half the world that timed out. */
export const secondsBounds: readonly number[] = [
  ...[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025],
  ...[0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
]

/** How many of something came at once. */
export const countBounds: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048]

interface Distribution {
  /** One for each bound, and one for what is above all; not cumulative. */
  readonly counts: Float64Array
  sum: number
}

export interface HistogramOptions {
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
  /** Ascending. */
  readonly bounds: readonly number[]
}

export class Histogram {
  readonly #options: HistogramOptions
  readonly #series: SeriesByLabels<Distribution>

  constructor(options: HistogramOptions) {
    const { labels, bounds } = options
    this.#options = options
    this.#series = new SeriesByLabels(labels, () => ({
      counts: new Float64Array(bounds.length + 1),
      sum: 0,
    }))
  }

  observe(value: number, ...labels: string[]): void {
    this.#observe(value, this.#series.of(labels))
  }

  /** What observes in one series, for those who do so again and again. */
  observer(...labels: string[]): (value: number) => void {
    const distribution = this.#series.of(labels)
    return value => this.#observe(value, distribution)
  }

  #observe(value: number, distribution: Distribution): void {
    const { bounds } = this.#options
    let index = 0
    while (index < bounds.length && value > (bounds[index] as number)) index++
    distribution.counts[index] = (distribution.counts[index] as number) + 1
    distribution.sum += value
  }

  family(): Family {
    const { name, help } = this.#options
    const values = this.#series.all().flatMap(({ labels, value }) => this.#samples(labels, value))
    return { name, help, type: 'histogram', aggregator: 'sum', values }
  }

  #samples(labels: Labels, { counts, sum }: Distribution): Sample[] {
    const { name, bounds } = this.#options
    let count = 0
    const buckets = [...counts].map((inBucket, index) => {
      count += inBucket
      const le = index < bounds.length ? String(bounds[index]) : '+Inf'
      return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count }
    })
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: count },
    ]
  }
}
