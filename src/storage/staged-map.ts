/**
 * Maps whose changes can be taken back together, to a point that was marked before: what a
 * transaction has staged, when one of its requests fails.
 */
export class Savepoints {
  readonly #undo: (() => void)[] = []

  mark(): number {
    return this.#undo.length
  }

  add(undo: () => void): void {
    this.#undo.push(undo)
  }

  rollBackTo(mark: number): void {
    while (this.#undo.length > mark) this.#undo.pop()?.()
  }
}

export class StagedMap<K, V> {
  readonly #values = new Map<K, V>()
  readonly #savepoints: Savepoints

  constructor(savepoints: Savepoints) {
    this.#savepoints = savepoints
  }

  get size(): number {
    return this.#values.size
  }

  get(key: K): V | undefined {
    return this.#values.get(key)
  }

  set(key: K, value: V): void {
    const before = this.#values.get(key)
    this.#savepoints.add(() => {
      if (before === undefined) this.#values.delete(key)
      else this.#values.set(key, before)
    })
    this.#values.set(key, value)
  }

  entries(): IterableIterator<[K, V]> {
    return this.#values.entries()
  }

  values(): IterableIterator<V> {
    return this.#values.values()
  }
}
