/**
 * Where homes were last seen. A region that serves a dataset without storing it may remember
 * locations in memory only, and not the groups themselves: they are kept as 64-bit hashes under a
 * random key of this process, so that a memory image names no group. Bounded; the entry that was
 * learnt first goes first. A wrong entry costs a redirection, never a wrong answer.
 */

import type { KnownHome } from '../execution/home.ts'
import { utf8 } from '../model/bytes.ts'
import type { Hasher } from '../model/hash.ts'
import { limits } from '../model/limits.ts'
import type { Placement } from '../model/placement.ts'
import type { Random } from '../runtime/random.ts'

export class LocationCache {
  readonly #hasher: Hasher
  readonly #seed: bigint
  readonly #entries = new Map<bigint, KnownHome>()

  constructor(hasher: Hasher, random: Random) {
    this.#hasher = hasher
    this.#seed = random.bytes(8).reduce((seed, byte) => seed * 256n + BigInt(byte), 0n)
  }

  /** Nothing of a home that was seen where the policy lets none be any more. */
  get(placement: Pick<Placement, 'id' | 'mayStore'>, group: string): KnownHome | undefined {
    const seen = this.#entries.get(this.#name(placement.id, group))
    return seen && placement.mayStore(seen.region) ? seen : undefined
  }

  /** Remembers a home, unless one of a later term is known. */
  learn(dataset: string, group: string, home: KnownHome): void {
    const name = this.#name(dataset, group)
    const known = this.#entries.get(name)
    if (known && known.term > home.term) return
    this.#entries.delete(name)
    this.#entries.set(name, home)
    if (this.#entries.size > limits.locationCacheEntriesMax) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest)
        break
      }
    }
  }

  forget(dataset: string, group: string): void {
    this.#entries.delete(this.#name(dataset, group))
  }

  #name(dataset: string, group: string): bigint {
    return this.#hasher.h64(utf8(`${dataset}\n${group}`), this.#seed)
  }
}
