/** The series of one family, one for each combination of label values that has occurred. */
import { assert } from '../model/assert.ts'
import type { Labels } from './family.ts'

interface Series<Value> {
  readonly labels: Labels
  readonly value: Value
}

export class SeriesByLabels<Value> {
  readonly #names: readonly string[]
  readonly #make: () => Value
  readonly #series = new Map<string, Series<Value>>()

  constructor(names: readonly string[], make: () => Value) {
    this.#names = names
    this.#make = make
  }

  /** `values`: one for each label name, in their order. */
  of(values: readonly string[]): Value {
    const name = values.length === 1 ? (values[0] as string) : values.join('\n')
    const found = this.#series.get(name)
    if (found) return found.value
    assert(values.length === this.#names.length, 'every label has a value')
    const labels = Object.fromEntries(
      this.#names.map((label, index) => [label, values[index] ?? '']),
    )
    const made = { labels, value: this.#make() }
    this.#series.set(name, made)
    return made.value
  }

  all(): readonly Series<Value>[] {
    return [...this.#series.values()]
  }
}
