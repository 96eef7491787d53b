/**
 * A map that forgets what was not asked for lately: it holds between half and all of the last `max`
 * entries that were set or found. Two generations cost less than a list in the order of use.
 */
export class RecentMap<Name, Value> {
  readonly #generationMax: number
  #young = new Map<Name, Value>()
  #old = new Map<Name, Value>()

  constructor(max: number) {
    this.#generationMax = Math.ceil(max / 2)
  }

  get(name: Name): Value | undefined {
    const value = this.#young.get(name)
    if (value !== undefined) return value
    const old = this.#old.get(name)
    if (old !== undefined) this.set(name, old)
    return old
  }

  set(name: Name, value: Value): void {
    if (this.#young.size >= this.#generationMax && !this.#young.has(name)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(name, value)
  }

  delete(name: Name): void {
    this.#young.delete(name)
    this.#old.delete(name)
  }
}
