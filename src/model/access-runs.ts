/**
 * Whence the groups of a store are written: by group, the region through which the last write
 * entered, if that was not the home itself, and how many in a row did. In memory alone, and
 * bounded: a run that is forgotten begins anew.
 */
import { limits } from './limits.ts'
import { RecentMap } from './recent-map.ts'
import type { RegionId } from './slot.ts'

export interface AccessRun {
  readonly region: RegionId
  /** Writes in a row. */
  readonly writes: number
}

export class AccessRuns {
  readonly #after: number
  readonly #runs = new RecentMap<string, AccessRun>(limits.accessRunsMax)

  /** `after`: how many writes make a run worth telling. */
  constructor(after: number) {
    this.#after = after
  }

  /** Counts a write; `entry` undefined: it entered here. Returns a run that is long enough. */
  count(group: string, entry: RegionId | undefined): AccessRun | undefined {
    if (entry === undefined) {
      this.#runs.delete(group)
      return undefined
    }
    const before = this.#runs.get(group)
    const run = { region: entry, writes: before?.region === entry ? before.writes + 1 : 1 }
    this.#runs.set(group, run)
    return run.writes >= this.#after ? run : undefined
  }
}
