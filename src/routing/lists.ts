/**
 * Lists: keys under a prefix in byte order, merged from the stores of one dataset. A list is served
 * whole by one copy: this region's, or the nearest one that has all that the session has seen.
 */
import { z } from 'zod'
import type { ListItem } from '../execution/operation.ts'
import type { ListStoreReply } from '../execution/operations/list.ts'
import { compareUtf8 } from '../model/bytes.ts'
import { DenizenError } from '../model/errors.ts'
import type { Key } from '../model/key.ts'
import { limits, timing } from '../model/limits.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { RegionId, Slot } from '../model/slot.ts'
import type { PeerCall } from '../peers/peers.ts'
import { bytesSchema, keySchema, seenPointsSchema, versionSchema } from '../protocol/schemas.ts'
import type { Clock } from '../runtime/clock.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import type { Claims } from './claims.ts'
import type { Topology } from './decide.ts'
import type { Freshness } from './receipt.ts'
import { placementAsked } from './receive.ts'
import type { ListPage, ListRequest, RequestContext } from './service.ts'
import { type Mac, Session } from './session.ts'
import type { RoutingOperations } from './shard-operations.ts'
import { unanswered } from './unanswered.ts'

const seenSchema = z
  .array(z.strictObject({ slot: z.int().min(0), points: seenPointsSchema }))
  .readonly()
const requestSchema = z.strictObject({
  dataset: z.string(),
  prefix: z.string(),
  after: z.string().exactOptional(),
  limit: z.int().min(1).max(limits.listItemsMax),
  values: z.boolean(),
  seen: seenSchema,
})
type PeerListRequest = z.infer<typeof requestSchema>

const itemSchema = z.strictObject({
  key: keySchema,
  version: versionSchema,
  mediaType: z.string(),
  value: bytesSchema.exactOptional(),
  expiresAtMs: z.int().exactOptional(),
})
const replySchema = z.union([
  z.strictObject({ behind: z.literal(true) }),
  z.strictObject({
    items: z.array(itemSchema),
    next: keySchema.exactOptional(),
    stalenessMs: z.number().min(0).exactOptional(),
  }),
])
type PeerListReply = z.infer<typeof replySchema>

export interface ListsOptions {
  readonly self: RegionId
  readonly table: () => PlacementTable
  readonly topology: Topology
  readonly shards: ShardClient<RoutingOperations>
  readonly claims: Claims
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
    const atHome = context.consistency === 'strong' || (bySession && session.degraded)
    const home = atHome ? await this.#home(placement, request.prefix, context) : undefined
    if (atHome && home === undefined) {
      // Nobody ever wrote the group, and the registrar has said so.
      return { items: [], receipt: { servedBy: self, role: 'replica', stalenessMs: 0 } }
    }
    let behind = false
    for (const region of this.#sources(placement, home)) {
      const reply =
        region === self
          ? await this.#here(placement, peerRequest)
          : await this.#there(region, peerRequest)
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
    reply: Exclude<PeerListReply, { behind: true }>,
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

  /** The home of all that a prefix covers; undefined where nobody has claimed it. */
  async #home(
    placement: Placement,
    prefix: string,
    { consistency }: RequestContext,
  ): Promise<RegionId | undefined> {
    const { self, claims, shards } = this.#options
    const segments = placement.data.groupBySegments
    if (segments === null || prefix.split('/').length <= segments) {
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
    const group = placement.groupOf(prefix as Key)
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
      return replySchema.parse(await this.#options.call(region, 'list', request, options))
    } catch (error) {
      if (unanswered(error)) return undefined
      throw error
    }
  }

  async #here(placement: Placement, request: PeerListRequest): Promise<PeerListReply> {
    const { shards, freshness, clock } = this.#options
    const nowMs = clock.wallMs()
    const { prefix, after, limit, values, seen } = request
    const count = shards.storeCount(placement.id)
    const bytesMax = Math.ceil(limits.listBytesMax / Math.max(count, 1))
    const ofStore = (slot: Slot, store: number): boolean =>
      shards.storeOfSlot(placement.id, slot) === store
    const replies = await Promise.all(
      Array.from({ length: count }, (_, store) =>
        shards.callStore(placement.id, store, 'list', {
          prefix,
          after,
          limit,
          bytesMax,
          values,
          nowMs,
          seen: seen.filter(({ slot }) => ofStore(slot, store)),
        }),
      ),
    )
    const pages: ListStoreReply[] = []
    for (const reply of replies) {
      if ('behind' in reply) return reply
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
    const request = requestSchema.parse(body)
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
