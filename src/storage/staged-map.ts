/**
 * Maps whose changes can be taken back together: what a transaction has staged, when one of its
 * requests fails. Only the newest savepoint can be gone back to, or the newest one within it.
 */
interface Restorable<K, V> {
  /** `undefined`: there was nothing. */
  restore(key: K, before: V | undefined): void
}

export class Savepoints {
  // What was changed since the last savepoint: used again and again, so that changes cost nothing.
  readonly #maps: Restorable<unknown, unknown>[] = []
  readonly #keys: unknown[] = []
  readonly #befores: unknown[] = []
  #count = 0
  #within = 0

  /** From here on. */
  mark(): void {
    this.#count = 0
    this.#within = 0
  }

  markWithin(): void {
    this.#within = this.#count
  }

  add<K, V>(map: Restorable<K, V>, key: K, before: V | undefined): void {
    const at = this.#count
    this.#maps[at] = map as Restorable<unknown, unknown>
    this.#keys[at] = key
    this.#befores[at] = before
    this.#count = at + 1
  }

  rollBack(): void {
    this.#within = 0
    this.rollBackWithin()
  }

  rollBackWithin(): void {
    while (this.#count > this.#within) {
      this.#count -= 1
      const at = this.#count
      this.#maps[at]?.restore(this.#keys[at], this.#befores[at])
    }
  }
}

export class StagedMap<K, V> implements Restorable<K, V> {
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
    this.#savepoints.add(this, key, this.#values.get(key))
    this.#values.set(key, value)
  }

  restore(key: K, before: V | undefined): void {
    if (before === undefined) this.#values.delete(key)
    else this.#values.set(key, before)
  }

  keys(): IterableIterator<K> {
    return this.#values.keys()
  }

  entries(): IterableIterator<[K, V]> {
    return this.#values.entries()
  }

  values(): IterableIterator<V> {
    return this.#values.values()
  }
}
