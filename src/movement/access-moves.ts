/**
 * Moves that a group's writers bring about. A group is moved once at a time, a bounded number of
 * groups are, and the rest waits in a queue of bounded length: what does not fit is forgotten, as
 * the next write of the run asks again.
 */
import type { AccessRun } from '../model/access-runs.ts'
import { DenizenError } from '../model/errors.ts'
import { limits } from '../model/limits.ts'
import type { Placement } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { Clock } from '../runtime/clock.ts'
import type { MoveReason } from '../storage/home-marker.ts'

export type MoveAway = (
  placement: Placement,
  group: string,
  to: RegionId,
  why: MoveReason,
) => Promise<unknown>

interface Wish {
  readonly placement: Placement
  readonly group: string
  readonly run: AccessRun
}

export class AccessMoves {
  readonly #clock: Clock
  readonly #move: MoveAway
  /** Those under way, and after them those that wait; by dataset and group. */
  readonly #wishes = new Map<string, Wish>()
  #running = 0

  constructor(clock: Clock, move: MoveAway) {
    this.#clock = clock
    this.#move = move
  }

  suggest(placement: Placement, group: string, run: AccessRun): void {
    const name = `${placement.id}\n${group}`
    if (this.#wishes.has(name) || this.#wishes.size >= limits.movesWaitingMax) return
    this.#wishes.set(name, { placement, group, run })
    if (this.#running < limits.movesAtOnce) void this.#next(name)
  }

  async #next(name: string): Promise<void> {
    const wish = this.#wishes.get(name)
    if (!wish) return
    const { placement, group, run } = wish
    this.#running += 1
    try {
      const atMs = this.#clock.wallMs()
      const why: MoveReason = { kind: 'access', writes: run.writes, atMs }
      await this.#move(placement, group, run.region, why)
    } catch (error) {
      // Nothing was promised to anybody: the next write of the run asks again.
      if (!(error instanceof DenizenError)) throw error
    } finally {
      this.#running -= 1
      this.#wishes.delete(name)
      // The oldest that is not under way: as many as are under way stand before it.
      const [waiting] = [...this.#wishes.keys()].slice(this.#running)
      if (waiting !== undefined) void this.#next(waiting)
    }
  }
}
