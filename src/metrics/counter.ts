/** Counts that only go up. */
import type { Family } from './family.ts'
import { SeriesByLabels } from './series.ts'

export class Counter {
  readonly #name: string
  readonly #help: string
  readonly #series: SeriesByLabels<{ count: number }>

  /** `name` ends in `_total`. */
  constructor(name: string, help: string, labels: readonly string[]) {
    this.#name = name
    this.#help = help
    this.#series = new SeriesByLabels(labels, () => ({ count: 0 }))
  }

  add(by: number, ...labels: string[]): void {
    this.#series.of(labels).count += by
  }

  /** One series, for those who count in it again and again. */
  series(...labels: string[]): { count: number } {
    return this.#series.of(labels)
  }

  family(): Family {
    const values = this.#series.all().map(({ labels, value: { count } }) => ({
      ...{ labels, value: count },
    }))
    return { name: this.#name, help: this.#help, type: 'counter', aggregator: 'sum', values }
  }
}
