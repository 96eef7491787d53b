/**
 * Lists: keys under a prefix in byte order, merged from the stores of one dataset. A list is served
 * whole by one copy: this region's, or the nearest one that has all that the session has seen.
 */
import { DenizenError } from '../model/errors.ts'
import { timing } from '../model/limits.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { PeerCall } from '../peers/peers.ts'
import type { Clock } from '../runtime/clock.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import { type AgedCopy, aged, copiesTooOld, younger } from './aged-copies.ts'
import type { Claims } from './claims.ts'
import type { Topology } from './decide.ts'
import { groupOfPrefix, listCopy } from './list-copy.ts'
import {
  listReplySchema,
  listRequestSchema,
  type PeerListReply,
  type PeerListRequest,
  type PeerPage,
} from './list-messages.ts'
import { partitionOf } from './partitions.ts'
import type { Freshness } from './receipt.ts'
import { placementAsked } from './receive.ts'
import { boundOf, type ListPage, type ListRequest, type RequestContext } from './service.ts'
import type { SessionTokens } from './session-tokens.ts'
import type { RoutingOperations } from './shard-operations.ts'
import { unanswered } from './unanswered.ts'

export interface ListsOptions {
  readonly self: RegionId
  readonly table: () => PlacementTable
  readonly topology: Topology
  readonly shards: ShardClient<RoutingOperations>
  readonly claims: Claims
  readonly freshness: Freshness
  readonly sessions: SessionTokens
  readonly clock: Clock
  readonly call: PeerCall
  readonly onViolation: () => void
}

export class Lists {
  readonly #options: ListsOptions

  constructor(options: ListsOptions) {
    this.#options = options
  }

  async list(dataset: string, request: ListRequest, context: RequestContext): Promise<ListPage> {
    const { self, table, sessions } = this.#options
    const placement = partitionOf(table(), dataset, request.prefix)
    const session = sessions.decode(context.session)
    const bySession = context.consistency === 'session'
    const seen = bySession ? session.seenBySlot(placement.id) : []
    const boundMs = boundOf(context.consistency)
    const peerRequest: PeerListRequest = {
      ...{ dataset: placement.id, ...request, seen },
      ...(bySession && session.hasRest && { hasRest: true }),
      ...(boundMs !== undefined && { boundMs }),
    }
    const atHome = context.consistency === 'strong' || (bySession && session.degraded)
    const home = atHome ? await this.#home(placement, request.prefix, context) : undefined
    if (atHome && home === undefined) {
      // Nobody ever wrote the group, and the registrar has said so.
      return { items: [], receipt: { servedBy: self, role: 'replica', stalenessMs: 0 } }
    }
    let behind = false
    let youngest: AgedCopy | undefined
    for (const region of this.#sources(placement, home)) {
      const reply =
        region === self
          ? await listCopy(this.#options, placement, peerRequest)
          : await this.#there(region, peerRequest)
      if (!reply) continue
      if ('items' in reply) return this.#page(reply, region, home)
      if ('stale' in reply) youngest = younger(youngest, aged(region, reply.stalenessMs))
      else behind = true
    }
    if (youngest) throw copiesTooOld(youngest, 'no other copy of all of them is reachable')
    if (behind)
      throw new DenizenError('session_ahead', 'every reachable copy is behind the session')
    throw new DenizenError(
      home === undefined ? 'no_serving_region' : 'home_unreachable',
      'no region that holds the list is reachable',
    )
  }

  #page(reply: PeerPage, region: RegionId, home: RegionId | undefined): ListPage {
    const { items, next, stalenessMs } = reply
    const receipt: ListPage['receipt'] =
      home === region
        ? { servedBy: region, home, role: 'home', stalenessMs: 0 }
        : { servedBy: region, role: 'replica', ...(stalenessMs !== undefined && { stalenessMs }) }
    return { items, receipt, ...(next !== undefined && { next }) }
  }

  /** Who may be asked, in order. */
  #sources(placement: Placement, home: RegionId | undefined): readonly RegionId[] {
    const { self, topology } = this.#options
    return topology.byNearness.filter(
      region =>
        (home === undefined ? placement.mayStore(region) : region === home) &&
        (region === self || topology.reachable(region)),
    )
  }

  /** The home of all that a prefix covers; undefined where nobody has claimed it. */
  async #home(
    placement: Placement,
    prefix: string,
    { consistency }: RequestContext,
  ): Promise<RegionId | undefined> {
    const { self, claims, shards } = this.#options
    const group = groupOfPrefix(placement, prefix)
    if (group === undefined) {
      if (consistency === 'strong') {
        throw new DenizenError(
          'prefix_spans_partitions',
          'a strong list needs a prefix inside one group; leave Denizen-Consistency out to list more',
        )
      }
      if (placement.data.home.length === 1) return placement.data.home[0]
      throw new DenizenError(
        'session_ahead',
        'the session has seen more than its token holds: start another one to list so much',
      )
    }
    const slot = placement.slotOf(group)
    const computed = placement.computedHome(group)
    if (computed !== undefined) return computed
    if (placement.mayStore(self)) {
      const known = await shards.call(placement.id, slot, 'locate', { group })
      if (known) return known.region
    }
    const registered = await claims.lookup(placement, group)
    return registered && claims.known(registered).region
  }

  async #there(region: RegionId, request: PeerListRequest): Promise<PeerListReply | undefined> {
    try {
      const options = { timeoutMs: timing.callTimeoutMs }
      return listReplySchema.parse(await this.#options.call(region, 'list', request, options))
    } catch (error) {
      if (unanswered(error)) return undefined
      throw error
    }
  }

  /** Answers another region's `list`. */
  async answer(from: RegionId, body: unknown): Promise<PeerListReply> {
    const request = listRequestSchema.parse(body)
    const placement = placementAsked(this.#options, from, request.dataset)
    return await listCopy(this.#options, placement, request)
  }
}
