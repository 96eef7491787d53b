/** A row that says by its presence that a store has rows of some kind. It is never taken back. */
import type { EngineReader } from './engine.ts'

export class FlagRow {
  readonly #engine: Pick<EngineReader, 'stamp'>
  #isSet = false
  /** The engine's stamp when it was not there. */
  #unsetAt = Number.NaN

  constructor(engine: Pick<EngineReader, 'stamp'>) {
    this.#engine = engine
  }

  /** `look` is asked where it is not known: who pays for rows of the kind only does once it is. */
  isSet(look: () => boolean): boolean {
    if (this.#isSet) return true
    const stamp = this.#engine.stamp()
    if (stamp === this.#unsetAt) return false
    this.#isSet = look()
    this.#unsetAt = stamp
    return this.#isSet
  }
}
