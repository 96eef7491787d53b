/**
 * What has been counted, as plain data, so that it crosses threads: families of samples in the
 * shape that prom-client adds up over threads and prints for Prometheus.
 *
 * Names end in their unit. Label values come from closed sets (datasets and regions of the policy,
 * operations, error codes), so that the number of series is bounded; keys and values are never
 * among them.
 */
export interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** How the samples of several threads with the same labels become one. */
  readonly aggregator: 'sum' | 'max'
  readonly values: readonly Sample[]
}

export interface Sample {
  readonly labels: Labels
  readonly value: number
  /** Of a histogram: the family's name with `_bucket`, `_sum` or `_count`. */
  readonly metricName?: string
}

export type Labels = Readonly<Record<string, string>>

/** A family of values that are read now. */
export const gauges = (name: string, help: string, values: readonly Sample[]): Family => ({
  ...{ name, help, values },
  ...{ type: 'gauge', aggregator: 'sum' },
})

/** The same of a single one. */
export const gauge = (name: string, help: string, value: number): Family =>
  gauges(name, help, [{ labels: {}, value }])
