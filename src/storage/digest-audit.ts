/**
 * Counts the digests of a store anew while it is written. It passes over the records in the order
 * of their keys, a slice at a time, always between two commits; what a commit changes of keys that
 * it has passed already is added when the commit is done. So at the end it has what the digests
 * should be at that very moment, without ever having stopped the store.
 */
import { compareUtf8 } from '../model/bytes.ts'
import type { Slot } from '../model/slot.ts'
import { addDigests, digestDifference, emptyDigest, type SlotDigest } from './row-values.ts'
import type { StoreReader } from './store.ts'

export class DigestAudit {
  readonly store: StoreReader
  /** The last key that was passed; null before the first; undefined while no audit runs. */
  #at: string | null | undefined
  #counted = new Map<Slot, SlotDigest>()

  constructor(store: StoreReader) {
    this.store = store
  }

  begin(): void {
    this.#at = null
    this.#counted = new Map()
  }

  hasPassed(key: string): boolean {
    return typeof this.#at === 'string' && compareUtf8(key, this.#at) <= 0
  }

  pass(key: string): void {
    this.#at = key
  }

  count(slot: Slot, change: SlotDigest): void {
    this.#counted.set(slot, addDigests(this.#counted.get(slot) ?? emptyDigest, change))
  }

  /** What a commit has changed of keys that were passed before. */
  add(changes: Iterable<[Slot, SlotDigest]>): void {
    for (const [slot, change] of changes) this.count(slot, change)
  }

  /** Ends the audit. By how much the records' digests differ from those that the store kept. */
  end(): { readonly slot: Slot; readonly difference: SlotDigest }[] {
    this.#at = undefined
    const kept = new Map(Array.from(this.store.digests(), ({ slot, digest }) => [slot, digest]))
    const slots = new Set([...kept.keys(), ...this.#counted.keys()])
    return [...slots].flatMap(slot => {
      const counted = this.#counted.get(slot) ?? emptyDigest
      const difference = digestDifference(counted, kept.get(slot) ?? emptyDigest)
      return difference ? [{ slot, difference }] : []
    })
  }
}
