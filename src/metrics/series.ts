/**
 * The series of one family, one for each combination of label values that has occurred. They are
 * found label by label: a name made of all values would cost more than the counting.
 */
import { assert } from '../model/assert.ts'
import type { Labels } from './family.ts'

interface Series<Value> {
  readonly labels: Labels
  readonly value: Value
}

interface Branch<Value> {
  readonly next: Map<string, Branch<Value>>
  series: Series<Value> | undefined
}

export class SeriesByLabels<Value> {
  readonly #names: readonly string[]
  readonly #make: () => Value
  readonly #root: Branch<Value> = { next: new Map(), series: undefined }
  readonly #all: Series<Value>[] = []

  constructor(names: readonly string[], make: () => Value) {
    this.#names = names
    this.#make = make
  }

  /** `values`: one for each label name, in their order. */
  of(values: readonly string[]): Value {
    let branch = this.#root
    for (const value of values) {
      let next = branch.next.get(value)
      if (!next) {
        next = { next: new Map(), series: undefined }
        branch.next.set(value, next)
      }
      branch = next
    }
    branch.series ??= this.#begin(values)
    return branch.series.value
  }

  #begin(values: readonly string[]): Series<Value> {
    assert(values.length === this.#names.length, 'every label has a value')
    const entries = this.#names.map((label, index) => [label, values[index] ?? ''])
    const series = { labels: Object.fromEntries(entries), value: this.#make() }
    this.#all.push(series)
    return series
  }

  all(): readonly Series<Value>[] {
    return this.#all
  }
}
