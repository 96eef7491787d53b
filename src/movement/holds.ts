/** Tells the state of a group, and has its writes wait, at its home wherever that is. */
import { z } from 'zod'
import type { HoldReply } from '../execution/operations/hold.ts'
import { timing } from '../model/limits.ts'
import type { Placement } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { homeSchema } from '../protocol/schemas.ts'
import { atSettledHome, type Moves } from '../routing/between-homes.ts'
import { placementAsked, type ReceiverOptions } from '../routing/receive.ts'
import { atHome, type Elsewhere } from './at-home.ts'
import type { SidesOptions } from './sides.ts'

export interface HoldsOptions extends SidesOptions, Omit<ReceiverOptions, 'self'> {
  readonly moves: Moves
}

const count = z.int().min(0)
const heldSchema = z.strictObject({
  kind: z.literal('held'),
  hash: z.string().min(1),
  state: z.strictObject({ records: count, bytes: count, tag: z.string().min(1) }),
  erasedTerm: count.exactOptional(),
  movedTo: z.string().exactOptional(),
})
const replySchema = z.discriminatedUnion('kind', [
  heldSchema,
  z.strictObject({ kind: z.literal('elsewhere'), home: homeSchema }),
])
const requestSchema = z.strictObject({
  ...{ dataset: z.string(), group: z.string().min(1) },
  forMs: count.max(timing.holdMaxMs),
})
type Request = z.infer<typeof requestSchema>

export type Held = Extract<HoldReply, { readonly kind: 'held' }>

export class Holds {
  readonly #options: HoldsOptions

  constructor(options: HoldsOptions) {
    this.#options = options
  }

  /**
   * `forMs` 0 ends a hold. Throws `home_moving`, `home_unreachable`, `registrar_unavailable`,
   * `outcome_unknown`, `damaged_record`.
   */
  async hold(placement: Placement, group: string, forMs: number): Promise<Held> {
    return await atHome<Held>(this.#options, placement, group, {
      here: () => this.#holdHere(placement, group, forMs),
      at: region => this.#askToHold(region, { dataset: placement.id, group, forMs }),
      what: 'hold',
    })
  }

  async #askToHold(region: RegionId, request: Request): Promise<Held | Elsewhere> {
    const options = { timeoutMs: timing.moveAskedMaxMs }
    return replySchema.parse(await this.#options.call(region, 'hold', request, options))
  }

  async #holdHere(placement: Placement, group: string, forMs: number): Promise<Held | Elsewhere> {
    const { self, claims, shards, clock } = this.#options
    const reply = await atSettledHome(this.#options, placement, group, () => {
      const request = { group, nowMs: clock.wallMs(), forMs }
      return shards.call(placement.id, placement.slotOf(group), 'holdGroup', request)
    })
    if (reply.kind !== 'held' || reply.state.records > 0 || reply.erasedTerm !== undefined) {
      return reply
    }
    // Nothing is here, and nothing was: it may be a group of which this region knows nothing.
    const registered = await claims.lookup(placement, group)
    const home = registered && claims.known(registered)
    return home && home.region !== self ? { kind: 'elsewhere', home } : reply
  }

  /** Answers another region's `hold`. */
  async answer(from: RegionId, body: unknown): Promise<Held | Elsewhere> {
    const { dataset, group, forMs } = requestSchema.parse(body)
    const placement = placementAsked(this.#options, from, dataset, it => it.hasGroup(group))
    return await this.#holdHere(placement, group, forMs)
  }
}
