/**
 * Groups whose writes wait for a moment, because an operator is about to end their life here: see
 * docs/PROTOCOL.md, Moves between partitions. In memory alone, bounded in number and time: a hold
 * that is forgotten lets writes go on, and whoever asked for it finds that something has changed.
 */
import { limits } from './limits.ts'
import { RecentMap } from './recent-map.ts'

interface Hold {
  readonly fromMs: number
  readonly untilMs: number
}

export class GroupHolds {
  readonly #holds = new RecentMap<string, Hold>(limits.heldGroupsMax)
  /** Of no hold the end is later: most of the time there is none, and nothing to look up. */
  #untilMs = 0

  /** By the same clock in all calls. Takes the place of a hold of the same group. */
  hold(group: string, nowMs: number, forMs: number): void {
    this.#holds.set(group, { fromMs: nowMs, untilMs: nowMs + forMs })
    this.#untilMs = Math.max(this.#untilMs, nowMs + forMs)
  }

  release(group: string): void {
    this.#holds.delete(group)
  }

  /** How long the group's writes are to wait yet. A clock that was set back ends a hold. */
  remainingMs(group: string, nowMs: number): number {
    if (nowMs >= this.#untilMs) return 0
    const hold = this.#holds.get(group)
    return hold && nowMs >= hold.fromMs ? Math.max(0, hold.untilMs - nowMs) : 0
  }
}
