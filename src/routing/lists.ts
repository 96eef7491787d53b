/**
 * Lists: keys under a prefix in byte order, merged from the stores of one dataset. A list is served
 * whole by one copy: this region's, or the nearest one that has all that the session has seen.
 */
import type { ListItem } from '../execution/operation.ts'
import type { ListStoreReply, ListStoreRequest } from '../execution/operations/list.ts'
import { assert } from '../model/assert.ts'
import { compareUtf8 } from '../model/bytes.ts'
import { DenizenError } from '../model/errors.ts'
import type { Key } from '../model/key.ts'
import { limits, timing } from '../model/limits.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { RegionId, Slot } from '../model/slot.ts'
import type { PeerCall } from '../peers/peers.ts'
import type { Clock } from '../runtime/clock.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import { atSettledHome, type Between, type Moves } from './between-homes.ts'
import type { Claims } from './claims.ts'
import type { Topology } from './decide.ts'
import {
  listReplySchema,
  listRequestSchema,
  type PeerListReply,
  type PeerListRequest,
} from './list-messages.ts'
import type { Freshness } from './receipt.ts'
import { placementAsked } from './receive.ts'
import type { ListPage, ListRequest, RequestContext } from './service.ts'
import { type Mac, Session } from './session.ts'
import type { RoutingOperations } from './shard-operations.ts'
import { unanswered } from './unanswered.ts'

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
  readonly sessionMac: Mac
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
    const { self, table, sessionMac } = this.#options
    const placement = partitionOf(table(), dataset, request.prefix)
    const session = Session.decode(sessionMac, context.session)
    const bySession = context.consistency === 'session'
    const seen = bySession ? session.seenBySlot(placement.id) : []
    const peerRequest: PeerListRequest = { dataset: placement.id, ...request, seen }
    if (context.consistency !== 'strong' && !(bySession && session.degraded)) {
      return asPage(await this.#fromAny(placement, peerRequest, undefined))
    }
    const group = this.#groupOf(placement, request.prefix, context)
    const only = placement.data.home[0] as RegionId
    if (group === undefined) return asPage(await this.#fromAny(placement, peerRequest, only))
    let home = await this.#home(placement, group)
    for (let n = 0; n < HOMES_ASKED_MAX; n++) {
      // Nobody ever wrote the group, and the registrar has said so.
      if (home === undefined) {
        return { items: [], receipt: { servedBy: self, role: 'replica', stalenessMs: 0 } }
      }
      const asked = this.#options.moves.mayMove() ? { ...peerRequest, group } : peerRequest
      const page = await this.#fromAny(placement, asked, home)
      if (!('elsewhere' in page)) return page
      home = page.elsewhere
    }
    throw new DenizenError('home_unreachable', 'the regions do not agree on the home yet')
  }

  /** From the home, or the nearest copy that has what the session has seen. */
  async #fromAny(
    placement: Placement,
    request: PeerListRequest,
    home: RegionId | undefined,
  ): Promise<ListPage | ElsewhereList> {
    let behind = false
    for (const region of this.#sources(placement, home)) {
      const reply =
        region === this.#options.self
          ? await this.#here(placement, request)
          : await this.#there(region, request)
      if (reply && 'kind' in reply) return { elsewhere: reply.home.region }
      if (reply && !('behind' in reply)) return this.#page(reply, region, home)
      behind ||= reply !== undefined
    }
    if (behind)
      throw new DenizenError('session_ahead', 'every reachable copy is behind the session')
    throw new DenizenError(
      home === undefined ? 'no_serving_region' : 'home_unreachable',
      'no region that holds the list is reachable',
    )
  }

  #page(
    reply: Extract<PeerListReply, { items: unknown }>,
    region: RegionId,
    home: RegionId | undefined,
  ): ListPage {
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

  /** The group that a prefix lies in; undefined where one region homes all that it covers. */
  #groupOf(
    placement: Placement,
    prefix: string,
    { consistency }: RequestContext,
  ): string | undefined {
    const segments = placement.data.groupBySegments
    if (segments === null || prefix.split('/').length <= segments) {
      if (consistency === 'strong') {
        throw new DenizenError(
          'prefix_spans_partitions',
          'a strong list needs a prefix inside one group; leave Denizen-Consistency out to list more',
        )
      }
      if (placement.data.home.length === 1) return undefined
      throw new DenizenError(
        'session_ahead',
        'the session has seen more than its token holds: start another one to list so much',
      )
    }
    return placement.groupOf(prefix as Key)
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

  async #there(region: RegionId, request: PeerListRequest): Promise<PeerListReply | undefined> {
    try {
      const options = { timeoutMs: timing.callTimeoutMs }
      return listReplySchema.parse(await this.#options.call(region, 'list', request, options))
    } catch (error) {
      if (unanswered(error)) return undefined
      throw error
    }
  }

  async #here(placement: Placement, request: PeerListRequest): Promise<PeerListReply> {
    const { group } = request
    const read = () => this.#read(placement, request)
    if (group !== undefined) return await atSettledHome(this.#options, placement, group, read)
    const reply = await read()
    assert(!('kind' in reply), 'only of a home is asked whether it is one')
    return reply
  }

  async #read(placement: Placement, request: PeerListRequest): Promise<PeerListReply | Between> {
    const { shards, freshness, clock } = this.#options
    const nowMs = clock.wallMs()
    const { prefix, after, limit, values, seen, group } = request
    const count = shards.storeCount(placement.id)
    const bytesMax = Math.ceil(limits.listBytesMax / Math.max(count, 1))
    const ofStore = (slot: Slot, store: number): boolean =>
      shards.storeOfSlot(placement.id, slot) === store
    const { id } = placement
    const readStore = (store: number, body: ListStoreRequest) =>
      group !== undefined && ofStore(placement.slotOf(group), store)
        ? shards.callStore(id, store, 'listAtHome', { ...body, group })
        : shards.callStore(id, store, 'list', body)
    const replies = await Promise.all(
      Array.from({ length: count }, (_, store) =>
        readStore(store, {
          ...{ prefix, after, limit, bytesMax, values, nowMs },
          seen: seen.filter(({ slot }) => ofStore(slot, store)),
        }),
      ),
    )
    const pages: ListStoreReply[] = []
    for (const reply of replies) {
      if ('behind' in reply || 'kind' in reply) return reply
      pages.push(reply)
    }
    const slots = Array.from({ length: placement.data.slots }, (_, slot) => slot)
    const ages = slots.map(slot => freshness.stalenessMs(placement.id, slot, undefined))
    const known = ages.filter(age => age !== undefined)
    const page = mergePages(pages, limit)
    return known.length < ages.length ? page : { ...page, stalenessMs: Math.max(...known) }
  }

  /** Answers another region's `list`. */
  async answer(from: RegionId, body: unknown): Promise<PeerListReply> {
    const request = listRequestSchema.parse(body)
    const placement = placementAsked(this.#options, from, request.dataset)
    return await this.#here(placement, request)
  }
}

/** Lists and watches lie in one partition: partitions may be stored in different places. */
export function partitionOf(table: PlacementTable, dataset: string, prefix: string): Placement {
  const partitions = table.partitions(dataset)
  const found = partitions.find(({ data }) => prefix.startsWith(data.prefix))
  if (found) return found
  throw new DenizenError('prefix_spans_partitions', 'the prefix would span partitions', {
    extra: { partitions: partitions.map(({ data }) => data.prefix) },
  })
}

/**
 * Merges the pages of several stores into one. A store that has more than its page says how far
 * the page reaches, and nothing past the least such end may be in the result: that store could have
 * keys in between. The page ends early rather than grow past `bytesMax`, but if it has no item,
 * then because the stores found none up to `next`.
 */
export function mergePages(
  pages: readonly ListStoreReply[],
  limit: number,
  bytesMax: number = limits.listBytesMax,
): { items: ListItem[]; next?: Key } {
  const ends = pages.flatMap(({ upTo }) => upTo ?? []).sort(compareUtf8)
  const [bound] = ends
  const all = pages
    .flatMap(({ items }) => items)
    .filter(({ key }) => bound === undefined || compareUtf8(key, bound) <= 0)
    .sort((a, b) => compareUtf8(a.key, b.key))
  const items: ListItem[] = []
  let bytes = 0
  for (const item of all) {
    bytes += item.key.length + (item.value?.length ?? 0)
    if (items.length >= limit || (bytes > bytesMax && items.length > 0)) break
    items.push(item)
  }
  const next = items.length < all.length ? items.at(-1)?.key : bound
  return { items, ...(next !== undefined && { next }) }
}
