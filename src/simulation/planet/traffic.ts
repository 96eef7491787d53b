/** Messages between regions, by their sizes. The same for all strategies. */
import type { PlanetParameters } from './parameters.ts'
import type { Tally } from './tally.ts'

export class Traffic {
  readonly #tally: Tally
  readonly #regions: number
  readonly #parameters: PlanetParameters

  constructor(tally: Tally, regions: number, parameters: PlanetParameters) {
    this.#tally = tally
    this.#regions = regions
    this.#parameters = parameters
  }

  /** Writes on their way to the home, and its replies. */
  forward(entry: number, home: number): void {
    const { valueBytes, envelopeBytes } = this.#parameters
    this.#tally.send(entry, home, valueBytes + envelopeBytes)
    this.#tally.send(home, entry, envelopeBytes)
  }

  /** Writes to every other region: all keep a copy, whoever orders the writes. */
  replicate(from: number, writes = 1): void {
    const { valueBytes, envelopeBytes } = this.#parameters
    this.#toOthers(from, (valueBytes + envelopeBytes) * writes)
  }

  /** A question without a value, and its answer. */
  ask(from: number, to: number): void {
    const { controlBytes } = this.#parameters
    this.#tally.send(from, to, controlBytes)
    this.#tally.send(to, from, controlBytes)
  }

  /** What a feed tells every other region without a value. */
  mark(from: number): void {
    this.#toOthers(from, this.#parameters.controlBytes)
  }

  #toOthers(from: number, bytes: number): void {
    for (let to = 0; to < this.#regions; to++) this.#tally.send(from, to, bytes)
  }
}
