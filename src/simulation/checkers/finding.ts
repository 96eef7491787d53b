/** What a checker found, in words that say enough to look for the reason. */

/** The letters of docs/INVARIANTS.md, and the promises that have none. */
export type Invariant =
  | 'H and L'
  | 'S'
  | 'T'
  | 'D'
  | 'R'
  | 'X'
  | 'E'
  | 'M'
  | 'convergence'
  | 'bounded staleness'
  | 'truthful errors'
  /** Nothing asserts, refuses a placement, or logs an error that was not made on purpose. */
  | 'no bugs'

export interface Finding {
  readonly invariant: Invariant
  /** Names regions, keys, versions and values of the history. */
  readonly message: string
  /** Indexes of the history's operations that contradict each other; none: see the message. */
  readonly operations: readonly number[]
}

/** A broken world breaks a rule thousands of times: the first ones say it all. */
export const findingsMax = 50

/** Collects findings up to `findingsMax`, each of them once. */
export class Findings {
  readonly #invariant: Invariant
  readonly #all = new Map<string, Finding>()

  constructor(invariant: Invariant) {
    this.#invariant = invariant
  }

  add(message: string, ...operations: readonly number[]): void {
    if (this.#all.size >= findingsMax || this.#all.has(message)) return
    this.#all.set(message, { invariant: this.#invariant, message, operations })
  }

  get all(): readonly Finding[] {
    return [...this.#all.values()]
  }
}
