/**
 * The page that Prometheus reads: the families of all threads, added up, and what prom-client says
 * of the process, as text (version 0.0.4 of the exposition format).
 */
import { AggregatorRegistry, collectDefaultMetrics, Registry } from 'prom-client'
import type { Family, Labels } from '../metrics/family.ts'

export class MetricsPage {
  readonly #labels: Labels
  readonly #process = new Registry()

  /** `labels`: of every sample. */
  constructor(labels: Labels) {
    this.#labels = labels
    this.#process.setDefaultLabels(labels)
    collectDefaultMetrics({ register: this.#process, prefix: 'denizen_' })
    // Of one thread among several; and "Nan", which it prints where there is nothing, is no number.
    for (const { name } of this.#process.getMetricsAsArray()) {
      if (name.includes('eventloop_lag')) this.#process.removeSingleMetric(name)
    }
  }

  async text(threads: readonly (readonly Family[])[]): Promise<string> {
    const families = AggregatorRegistry.aggregate([...threads])
    families.setDefaultLabels(this.#labels)
    return `${await families.metrics()}\n${await this.#process.metrics()}`
  }
}
