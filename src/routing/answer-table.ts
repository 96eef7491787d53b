/**
 * Answers by key, as many as may be kept. A `Map` would make each text that it is asked for one of
 * the engine's own names first, which took longer than all else that a read did that was known. So
 * keys are told apart by a hash, and only then by their texts.
 *
 * Texts that are long, or hold more than ASCII, are not kept.
 */
import { xxh32OfShortAscii } from '../model/xxh32.ts'

/** Where a key may be: in so many places in a row. */
const PLACES = 8
const FIRST_SLOTS = 1_024

interface Named {
  readonly key: string
}

export class AnswerTable<Answer extends Named> {
  readonly #sizeMax: number
  #hashes = new Int32Array(FIRST_SLOTS)
  #answers: (Answer | undefined)[] = new Array(FIRST_SLOTS)
  #size = 0

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax
  }

  get isFull(): boolean {
    return this.#size >= this.#sizeMax
  }

  get(key: string): Answer | undefined {
    const hash = xxh32OfShortAscii(key)
    if (hash === undefined) return undefined
    const mask = this.#hashes.length - 1
    for (let place = 0; place < PLACES; place++) {
      const slot = (hash + place) & mask
      if (this.#hashes[slot] !== (hash | 0)) continue
      const answer = this.#answers[slot]
      if (answer?.key === key) return answer
    }
    return undefined
  }

  /** Replaces what is kept of the key. Where there is no place for it, it is not kept. */
  set(answer: Answer): void {
    const hash = xxh32OfShortAscii(answer.key)
    if (hash !== undefined) this.#put(hash, answer)
  }

  #put(hash: number, answer: Answer): void {
    const slot = this.#placeFor(hash, answer.key)
    if (slot === undefined) {
      if (this.#grow()) this.#put(hash, answer)
      return
    }
    if (this.#answers[slot] === undefined) {
      if (this.isFull) return
      this.#size += 1
    }
    this.#hashes[slot] = hash
    this.#answers[slot] = answer
  }

  /** Its own, or else an empty one. */
  #placeFor(hash: number, key: string): number | undefined {
    const mask = this.#hashes.length - 1
    let empty: number | undefined
    for (let place = 0; place < PLACES; place++) {
      const slot = (hash + place) & mask
      const answer = this.#answers[slot]
      if (answer === undefined) empty ??= slot
      else if (answer.key === key) return slot
    }
    return empty
  }

  /** False where it is as large as it may be: a half of it is for what is kept. */
  #grow(): boolean {
    if (this.#hashes.length >= 2 * this.#sizeMax) return false
    const answers = this.#answers
    this.#begin(2 * this.#hashes.length)
    for (const answer of answers) if (answer) this.set(answer)
    return true
  }

  #begin(slots: number): void {
    this.#hashes = new Int32Array(slots)
    this.#answers = new Array(slots)
    this.#size = 0
  }

  clear(): void {
    this.#begin(FIRST_SLOTS)
  }
}
