/**
 * Lists: keys under a prefix in byte order, merged from the stores of one dataset. A list is served
 * whole by one copy: this region's, or the nearest one that has all that the session has seen.
 */
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { Clock } from '../runtime/clock.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import { type AgedCopy, aged, copiesTooOld, younger } from './aged-copies.ts'
import type { Moves } from './between-homes.ts'
import type { Claims } from './claims.ts'
import { relayTo, type Topology } from './decide.ts'
import { groupOfPrefix, listCopy } from './list-copy.ts'
import {
  listReplySchema,
  listRequestSchema,
  type PeerListReply,
  type PeerListRequest,
  type PeerPage,
} from './list-messages.ts'
import { refuseUnlessStored } from './named-home.ts'
import { partitionOf } from './partitions.ts'
import { byWayOf, type Detour, type Freshness } from './receipt.ts'
import { placementAsked } from './receive.ts'
import type { Relays } from './relays.ts'
import { boundOf, type ListPage, type ListRequest, type RequestContext } from './service.ts'
import type { SessionTokens } from './session-tokens.ts'
import type { RoutingOperations } from './shard-operations.ts'
import { unanswered } from './unanswered.ts'

/** What a region has said, and by which way. */
interface There {
  readonly reply: PeerListReply
  readonly by?: Detour
}

interface ElsewhereList {
  readonly elsewhere: RegionId
}

function asPage(reply: ListPage | ElsewhereList): ListPage {
  assert(!('elsewhere' in reply), 'only of a home is asked whether it is one')
  return reply
}

/** How often a list follows who says that the home is elsewhere. */
const HOMES_ASKED_MAX = 3

export interface ListsOptions {
  readonly self: RegionId
  readonly table: () => PlacementTable
  readonly topology: Topology
  readonly shards: ShardClient<RoutingOperations>
  readonly claims: Claims
  readonly moves: Moves
  readonly freshness: Freshness
  readonly sessions: SessionTokens
  readonly clock: Clock
  readonly relays: Relays
  readonly onViolation: () => void
}

export class Lists {
  readonly #options: ListsOptions

  constructor(options: ListsOptions) {
    this.#options = options
  }

  async list(dataset: string, request: ListRequest, context: RequestContext): Promise<ListPage> {
    const { self, table, sessions } = this.#options
    const { group: key, ...listed } = request
    const placement = key
      ? table().locateGroup(dataset, key)
      : partitionOf(table(), dataset, request.prefix)
    const ofGroup = key && placement.groupOf(key)
    const session = sessions.decode(context.session)
    const bySession = context.consistency === 'session'
    const seen = bySession ? session.seenBySlot(placement.id) : []
    const boundMs = boundOf(context.consistency)
    const peerRequest: PeerListRequest = {
      ...{ dataset: placement.id, ...listed, seen },
      ...(ofGroup !== undefined && { ofGroup }),
      ...(bySession && session.hasRest && { hasRest: true }),
      ...(boundMs !== undefined && { boundMs }),
    }
    if (context.consistency !== 'strong' && !(bySession && session.degraded)) {
      return asPage(await this.#fromAny(placement, peerRequest, undefined))
    }
    const group = ofGroup ?? this.#groupOf(placement, request.prefix, context)
    const only = placement.sources[0] as RegionId
    if (group === undefined) return asPage(await this.#fromAny(placement, peerRequest, only))
    let home = await this.#home(placement, group)
    for (let n = 0; n < HOMES_ASKED_MAX; n++) {
      // Nobody ever wrote the group, and the registrar has said so.
      if (home === undefined) {
        return { items: [], receipt: { servedBy: self, role: 'replica', stalenessMs: 0 } }
      }
      refuseUnlessStored(placement, home)
      const asked = this.#options.moves.mayMove() ? { ...peerRequest, group } : peerRequest
      const page = await this.#fromAny(placement, asked, home)
      if (!('elsewhere' in page)) return page
      home = page.elsewhere
    }
    throw new DenizenError('home_unreachable', 'the regions do not agree on the home yet')
  }

  /** From the home, or the nearest copy that has what is asked of it. */
  async #fromAny(
    placement: Placement,
    request: PeerListRequest,
    home: RegionId | undefined,
  ): Promise<ListPage | ElsewhereList> {
    let behind = false
    let youngest: AgedCopy | undefined
    for (const region of this.#sources(placement, home)) {
      const asked: There | undefined =
        region === this.#options.self
          ? { reply: await listCopy(this.#options, placement, request) }
          : await this.#there(placement, region, request)
      if (!asked) continue
      const { reply, by } = asked
      if ('kind' in reply) return { elsewhere: reply.home.region }
      if ('items' in reply) return this.#page(reply, by, region, home)
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

  #page(
    { items, next, stalenessMs }: PeerPage,
    by: Detour | undefined,
    region: RegionId,
    home: RegionId | undefined,
  ): ListPage {
    const straight: ListPage['receipt'] =
      home === region
        ? { servedBy: region, home, role: 'home', stalenessMs: 0 }
        : { servedBy: region, role: 'replica', ...(stalenessMs !== undefined && { stalenessMs }) }
    const receipt = by ? byWayOf(straight, by) : straight
    return { items, receipt, ...(next !== undefined && { next }) }
  }

  /** Who may be asked, in order: last those that only a relay reaches. */
  #sources(placement: Placement, home: RegionId | undefined): readonly RegionId[] {
    const { self, topology } = this.#options
    const able = topology.byNearness.filter(region =>
      home === undefined ? placement.isReadable(region) : region === home,
    )
    const near = able.filter(region => region === self || topology.reachable(region))
    const relayed = able.filter(
      region => !near.includes(region) && relayTo(region, placement, topology) !== undefined,
    )
    return [...near, ...relayed]
  }

  /** The group that a prefix lies in; undefined where one region homes all that it covers. */
  #groupOf(
    placement: Placement,
    prefix: string,
    { consistency }: RequestContext,
  ): string | undefined {
    const group = groupOfPrefix(placement, prefix)
    if (group !== undefined) return group
    if (consistency === 'strong') {
      throw new DenizenError(
        'prefix_spans_partitions',
        'a strong list needs a prefix inside one group; leave Denizen-Consistency out to list more',
      )
    }
    if (placement.sources.length === 1) return undefined
    throw new DenizenError(
      'session_ahead',
      'the session has seen more than its token holds: start another one to list so much',
    )
  }

  /** The home of a group as far as can be known here; undefined where nobody has claimed it. */
  async #home(placement: Placement, group: string): Promise<RegionId | undefined> {
    const { self, claims, shards } = this.#options
    if (placement.mayStore(self)) {
      const slot = placement.slotOf(group)
      const known = await shards.call(placement.id, slot, 'locate', { group })
      if (known) return known.region
    }
    const computed = placement.computedHome(group)
    if (computed !== undefined) return computed
    const registered = await claims.lookup(placement, group)
    return registered && claims.known(registered).region
  }

  async #there(
    placement: Placement,
    region: RegionId,
    request: PeerListRequest,
  ): Promise<There | undefined> {
    try {
      const asked = await this.#options.relays.ask(placement, region, 'list', request)
      return { ...asked, reply: listReplySchema.parse(asked.reply) }
    } catch (error) {
      if (unanswered(error)) return undefined
      throw error
    }
  }

  /** Answers another region's `list`. */
  async answer(from: RegionId, body: unknown): Promise<PeerListReply> {
    const { isInPlace, ...request } = listAsked(body)
    const placement = placementAsked(this.#options, from, request.dataset, isInPlace)
    return await listCopy(this.#options, placement, request)
  }
}

/** What a message `list` asks for, and whether a placement is that of its prefix, or its group. */
export function listAsked(body: unknown) {
  const request = listRequestSchema.parse(body)
  const { prefix, ofGroup } = request
  const isInPlace = (asked: Placement): boolean =>
    ofGroup === undefined ? prefix.startsWith(asked.data.prefix) : asked.hasGroup(ofGroup)
  return { ...request, isInPlace }
}
