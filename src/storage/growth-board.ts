/**
 * How far this region's feeds have grown in the stores of one shard, in memory that the shard
 * shares with the thread that sends feeds. An end is entered before the writes that it counts are
 * answered; so whoever has heard of such a write finds the end here, without any message. To be
 * told of news costs a message, and so is asked for, each time anew: one that is under way stands
 * for all that grows until it has come.
 */
import { limits } from '../model/limits.ts'
import type { Growth } from './shard.ts'

const word = { isAwaited: 0, version: 1, datasets: 2 }

/** How often each dataset's ends were entered comes after the other words. */
const wordsFor = (datasets: number): number => 2 * Math.ceil((word.datasets + datasets) / 2)

export class GrowthBoard {
  readonly memory: SharedArrayBuffer
  readonly #datasets: readonly string[]
  readonly #words: Int32Array
  readonly #ends: BigInt64Array
  /** What the reader has seen: of `#words`, and of `#ends`. */
  readonly #seenWords: Int32Array
  readonly #seenEnds: BigInt64Array

  /** `datasets`: those of the shard, in the same order in both threads. */
  constructor(datasets: readonly string[], memory?: SharedArrayBuffer) {
    const words = wordsFor(datasets.length)
    const ends = datasets.length * limits.slots
    const endsAt = words * Int32Array.BYTES_PER_ELEMENT
    this.memory = memory ?? new SharedArrayBuffer(endsAt + ends * BigInt64Array.BYTES_PER_ELEMENT)
    this.#datasets = datasets
    this.#words = new Int32Array(this.memory, 0, words)
    this.#ends = new BigInt64Array(this.memory, endsAt, ends)
    this.#seenWords = new Int32Array(words)
    this.#seenEnds = new BigInt64Array(ends)
  }

  /** For the shard. True where the reader has to be told that there is news. */
  enter({ dataset, ends }: Growth): boolean {
    const index = this.#datasets.indexOf(dataset)
    // Of a store that is not on it: there is another board for that.
    if (index < 0) return false
    for (const { slot, end } of ends) {
      Atomics.store(this.#ends, index * limits.slots + slot, BigInt(end))
    }
    Atomics.add(this.#words, word.datasets + index, 1)
    Atomics.add(this.#words, word.version, 1)
    return Atomics.exchange(this.#words, word.isAwaited, 0) === 1
  }

  /** For the reader: the next news after this is told. */
  await(): void {
    Atomics.store(this.#words, word.isAwaited, 1)
  }

  /** For the reader: what has grown since it last looked. */
  news(): Growth[] {
    if (!this.#hasMoved(word.version)) return []
    return this.#datasets.flatMap((dataset, index) => {
      if (!this.#hasMoved(word.datasets + index)) return []
      const ends: { slot: number; end: number }[] = []
      for (let slot = 0; slot < limits.slots; slot++) {
        const at = index * limits.slots + slot
        const end = Atomics.load(this.#ends, at)
        if (end === this.#seenEnds[at]) continue
        this.#seenEnds[at] = end
        ends.push({ slot, end: Number(end) })
      }
      return ends.length > 0 ? [{ dataset, ends }] : []
    })
  }

  #hasMoved(at: number): boolean {
    const now = Atomics.load(this.#words, at)
    if (now === this.#seenWords[at]) return false
    this.#seenWords[at] = now
    return true
  }
}

/** The datasets of a shard's stores. */
export const datasetsOf = (stores: readonly { readonly dataset: string }[]): string[] => [
  ...new Set(stores.map(({ dataset }) => dataset)),
]
