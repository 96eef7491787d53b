/**
 * Which keys the latest commits of a store have changed: each key once, at its latest commit. Older
 * entries are dropped beyond the bound, and raise the floor: who stands below it has missed changes
 * that nobody can name any more.
 */
import { assert } from '../model/assert.ts'

interface Entry {
  readonly commit: number
  readonly key: string
}

export interface ChangedKeys {
  readonly keys: readonly string[]
  /** All changes up to this commit are among them. */
  readonly upTo: number
}

export class ChangeIndex {
  readonly #entriesMax: number
  /** By commit; a key may have older entries, which `#latest` does not confirm. */
  #entries: Entry[] = []
  readonly #latest = new Map<string, number>()
  #floor: number
  #last: number

  /** Begins to record after the commit `floor`. */
  constructor(floor: number, entriesMax: number) {
    this.#floor = floor
    this.#last = floor
    this.#entriesMax = entriesMax
  }

  record(commit: number, keys: readonly string[]): void {
    assert(commit > this.#last, 'commits are counted up')
    this.#last = commit
    for (const key of keys) {
      this.#entries.push({ commit, key })
      this.#latest.set(key, commit)
    }
    // At twice the bound, so that each entry is looked at a bounded number of times.
    if (this.#entries.length > 2 * this.#entriesMax) this.#shrink()
  }

  /**
   * The keys changed after a commit, about `keysMax` of them: what one commit changed stays
   * together. Undefined where the index does not reach back so far.
   */
  after(commit: number, keysMax: number): ChangedKeys | undefined {
    if (commit < this.#floor) return undefined
    const keys: string[] = []
    let upTo = commit
    for (let at = this.#firstAfter(commit); at < this.#entries.length; at++) {
      const { commit: of, key } = this.#entries[at] as Entry
      if (of !== upTo && keys.length >= keysMax) return { keys, upTo }
      upTo = of
      if (this.#latest.get(key) === of) keys.push(key)
    }
    return { keys, upTo: Math.max(commit, this.#last) }
  }

  #firstAfter(commit: number): number {
    let [low, high] = [0, this.#entries.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#entries[middle] as Entry).commit > commit) high = middle
      else low = middle + 1
    }
    return low
  }

  #shrink(): void {
    const entries = this.#entries.filter(({ commit, key }) => this.#latest.get(key) === commit)
    const dropped = entries.splice(0, Math.max(0, entries.length - this.#entriesMax))
    for (const { commit, key } of dropped) {
      this.#latest.delete(key)
      this.#floor = commit
    }
    this.#entries = entries
  }
}
