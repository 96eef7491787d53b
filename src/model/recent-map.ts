/**
 * A map that forgets what was not asked for lately: it holds between half and all of the last `max`
 * entries that were set or found. Two generations cost less than a list in the order of use.
 */
export class RecentMap<Name, Value> {
  readonly #generationMax: number
  #young = new Map<Name, Value>()
  #old = new Map<Name, Value>()
  /** Since the last generation began. */
  #found = 0
  #isWorthIt = true
  #hasAged = false

  constructor(max: number) {
    this.#generationMax = Math.ceil(max / 2)
  }

  /** Whether so much has been set that something may be forgotten. */
  get hasAged(): boolean {
    return this.#hasAged
  }

  /**
   * False where the last generation went by with hardly anything found: of so many names, each of
   * which is rarely asked for, it pays to set fewer.
   */
  get isWorthIt(): boolean {
    return this.#isWorthIt
  }

  get(name: Name): Value | undefined {
    const value = this.#young.get(name)
    if (value !== undefined) {
      this.#found += 1
      return value
    }
    const old = this.#old.get(name)
    if (old === undefined) return undefined
    this.#found += 1
    this.set(name, old)
    return old
  }

  set(name: Name, value: Value): void {
    if (this.#young.size >= this.#generationMax && !this.#young.has(name)) this.#age()
    this.#young.set(name, value)
  }

  #age(): void {
    this.#isWorthIt = this.#found >= 4 * this.#generationMax
    this.#hasAged = true
    this.#found = 0
    this.#old = this.#young
    this.#young = new Map()
  }

  delete(name: Name): void {
    this.#young.delete(name)
    this.#old.delete(name)
  }
}
