/** What routing asks of re-homing, and how an operation waits for a group that is being moved. */
import type { KnownHome } from '../execution/home.ts'
import type { AccessRun } from '../model/access-runs.ts'
import { DenizenError } from '../model/errors.ts'
import { timing } from '../model/limits.ts'
import type { Placement } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { Clock } from '../runtime/clock.ts'

export interface Moves {
  /** Groups may be moved: every region's build knows what that writes. */
  mayMove(): boolean
  /**
   * Waits, a bounded time, for the home of a group that is between two homes of which this region
   * is one, and sees to it that there will be one. Throws `home_moving`, `registrar_unavailable`.
   */
  settle(placement: Placement, group: string): Promise<KnownHome>
  /** A group homed here is written again and again from one other region. */
  suggest(placement: Placement, group: string, run: AccessRun): void
}

/** An operation that found a group between two homes: nothing was done. */
export interface Between {
  readonly kind: 'between'
  /** It is here, and its writes are held so long at most. */
  readonly heldMs?: number
}

export type Elsewhere = { readonly kind: 'elsewhere'; readonly home: KnownHome }

export interface SettledHomeOptions {
  readonly moves: Moves
  readonly self: RegionId
  readonly clock: Clock
}

/** How often an operation that waited for a group's home finds it between two homes again. */
const SETTLED_MAX = 3

/** Runs what has to run at a group's home; where the group is between two, once it has one. */
export async function atSettledHome<Reply>(
  { moves, self, clock }: SettledHomeOptions,
  placement: Placement,
  group: string,
  run: () => Promise<Reply | Between>,
): Promise<Reply | Elsewhere> {
  const heldUntilMs = clock.monotonicMs() + timing.betweenHomesMaxMs
  for (let n = 0; n < SETTLED_MAX; n++) {
    let reply = await run()
    while (isBetween(reply) && reply.heldMs !== undefined && clock.monotonicMs() < heldUntilMs) {
      const waitMs = Math.min(reply.heldMs, timing.heldLookMs)
      await new Promise<void>(resolve => clock.after(waitMs, resolve))
      reply = await run()
    }
    if (!isBetween(reply)) return reply
    if (reply.heldMs !== undefined) throw held()
    const home = await moves.settle(placement, group)
    if (home.region !== self) return { kind: 'elsewhere', home }
  }
  throw new DenizenError('home_moving', 'the group goes on being moved')
}

const held = (): DenizenError =>
  new DenizenError('home_moving', 'its writes are held, as it moves to another partition')

const isBetween = (reply: unknown): reply is Between =>
  typeof reply === 'object' && reply !== null && 'kind' in reply && reply.kind === 'between'
