/** What became of the puts of an import. */
import type { PutResult } from './put-lane.ts'

export class Tally {
  /** By region: records whose home it is. */
  readonly homes = new Map<string, number>()
  /** By error code: records that could not be written. */
  readonly failures = new Map<string, number>()
  written = 0

  get done(): number {
    let failed = 0
    for (const count of this.failures.values()) failed += count
    return this.written + failed
  }

  add(result: PutResult): void {
    if (result.kind === 'failed') increment(this.failures, result.code)
    else {
      this.written += 1
      increment(this.homes, result.home)
    }
  }
}

export const increment = (counts: Map<string, number>, name: string): void => {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}
