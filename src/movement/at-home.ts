/** What has to be done at a group's home, from wherever it is asked for. */
import type { KnownHome } from '../execution/home.ts'
import { DenizenError } from '../model/errors.ts'
import type { Placement } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { refuseUnlessStored } from '../routing/named-home.ts'
import { unanswered } from '../routing/unanswered.ts'
import type { SidesOptions } from './sides.ts'

/** How often somebody follows who says that the home is elsewhere. */
export const HOMES_ASKED_MAX = 4

export type Elsewhere = { readonly kind: 'elsewhere'; readonly home: KnownHome }

export interface HomeAct<Reply> {
  readonly here: () => Promise<Reply | Elsewhere>
  readonly at: (region: RegionId) => Promise<Reply | Elsewhere>
  /** What that region was asked to do: for the error where its answer is lost. */
  readonly what: string
}

/**
 * Does it here if the home is here, else asks who is said to be the home, and whom that one names.
 * Throws `home_moving`, `home_unreachable`, `registrar_unavailable`, `outcome_unknown`,
 * `stale_policy`.
 */
export async function atHome<Reply extends { readonly kind: string }>(
  options: SidesOptions,
  placement: Placement,
  group: string,
  { here, at, what }: HomeAct<Reply>,
): Promise<Reply> {
  let home = await likelyHome(options, placement, group)
  for (let n = 0; n < HOMES_ASKED_MAX; n++) {
    const region = home
    refuseUnlessStored(placement, region)
    const reply: Reply | Elsewhere =
      region === options.self ? await here() : await at(region).catch(lostAnswer(region, what))
    if (!isElsewhere(reply)) return reply
    home = reply.home.region
  }
  throw new DenizenError('home_moving', `the regions do not agree on the home yet`, {
    extra: { registrar: options.claims.registrarOf(placement, group).region },
  })
}

const isElsewhere = (reply: { readonly kind: string }): reply is Elsewhere =>
  reply.kind === 'elsewhere'

const lostAnswer =
  (region: RegionId, what: string) =>
  (error: unknown): never => {
    const lost = unanswered(error)
    if (!lost) throw error
    throw lost.sent
      ? new DenizenError('outcome_unknown', `${region} was asked to ${what} it: ${lost.reason}`)
      : new DenizenError('home_unreachable', `the home is ${region}: ${lost.reason}`)
  }

/** Where it is likely to be home; whoever may be, of a group that nobody has written. */
async function likelyHome(
  { self, claims, shards }: SidesOptions,
  placement: Placement,
  group: string,
): Promise<RegionId> {
  const slot = placement.slotOf(group)
  const state = placement.mayStore(self)
    ? await shards.call(placement.id, slot, 'homeState', { group })
    : undefined
  if (state?.isErased) return self
  if (state?.home) return state.home.region
  const registered = await claims.lookup(placement, group)
  if (registered) return claims.known(registered).region
  const computed = placement.computedHome(group)
  if (computed !== undefined) return computed
  return placement.mayHome(self) ? self : (placement.data.home[0] as RegionId)
}
