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
import { PeerFailure } from '../peers/peers.ts'
import { bytesSchema, keySchema, seenPointsSchema, versionSchema } from '../protocol/schemas.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import type { Claims } from './claims.ts'
import type { Topology } from './decide.ts'
import type { Freshness } from './local-execution.ts'
import type { ListPage, ListRequest, RequestContext } from './service.ts'
import { Session } from './session.ts'
import type { RoutingOperations } from './shard-operations.ts'

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
})
const replySchema = z.union([
  z.strictObject({ behind: z.literal(true) }),
  z.strictObject({
    items: z.array(itemSchema),
    finished: z.boolean(),
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
  readonly sessionKey: () => CryptoKey
  readonly call: (
    region: RegionId,
    name: string,
    body: unknown,
    options: { timeoutMs: number },
  ) => Promise<unknown>
  readonly onViolation: () => void
}

export class Lists {
  readonly #options: ListsOptions

  constructor(options: ListsOptions) {
    this.#options = options
  }

  async list(dataset: string, request: ListRequest, context: RequestContext): Promise<ListPage> {
    const { self, table, sessionKey } = this.#options
    const placement = this.#partition(table(), dataset, request.prefix)
    const session = await Session.decode(sessionKey(), context.session)
    const seen = context.consistency === 'session' ? session.seenBySlot(placement.id) : []
    const peerRequest: PeerListRequest = { dataset: placement.id, ...request, seen }
    let behind = false
    for (const region of await this.#sources(placement, request.prefix, context)) {
      const reply =
        region === self
          ? await this.#here(placement, peerRequest)
          : await this.#there(region, peerRequest)
      if (reply && !('behind' in reply)) return this.#page(reply, region, context)
      behind ||= reply !== undefined
    }
    if (behind)
      throw new DenizenError('session_ahead', 'every reachable copy is behind the session')
    throw new DenizenError(
      context.consistency === 'strong' ? 'home_unreachable' : 'no_serving_region',
      'no region that holds the list is reachable',
    )
  }

  #page(
    reply: Exclude<PeerListReply, { behind: true }>,
    region: RegionId,
    context: RequestContext,
  ): ListPage {
    const { items, finished, stalenessMs } = reply
    const strong = context.consistency === 'strong'
    const receipt = {
      servedBy: region,
      role: strong ? ('home' as const) : ('replica' as const),
      ...(strong ? { home: region, stalenessMs: 0 } : stalenessMs !== undefined && { stalenessMs }),
    }
    const last = items.at(-1)
    return { items, receipt, ...(!finished && last && { next: last.key }) }
  }

  /** A list lies in one partition: partitions may be stored in different places. */
  #partition(table: PlacementTable, dataset: string, prefix: string): Placement {
    const partitions = table.partitions(dataset)
    const found = partitions.find(({ data }) => prefix.startsWith(data.prefix))
    if (found) return found
    throw new DenizenError('prefix_spans_partitions', 'the list would span partitions', {
      extra: { partitions: partitions.map(({ data }) => data.prefix) },
    })
  }

  /** Who may be asked, in order. */
  async #sources(
    placement: Placement,
    prefix: string,
    { consistency }: RequestContext,
  ): Promise<readonly RegionId[]> {
    const { self, topology, claims, shards } = this.#options
    const usable = (region: RegionId): boolean => region === self || topology.reachable(region)
    if (consistency !== 'strong') {
      return topology.byNearness.filter(region => placement.mayStore(region) && usable(region))
    }
    const group = this.#groupOfPrefix(placement, prefix)
    const slot = placement.slotOf(group)
    const known =
      placement.computedHome(group) ??
      (placement.mayStore(self)
        ? (await shards.call(placement.id, slot, 'locate', { group }))?.region
        : undefined)
    if (known !== undefined) return [known].filter(usable)
    const registered = await claims.lookup(placement, group)
    // Nobody ever wrote the group: the list is empty, and the registrar has said so.
    const home = registered ? claims.known(registered).region : undefined
    const empty = topology.byNearness.find(region => placement.mayStore(region) && usable(region))
    return [home ?? empty].filter(region => region !== undefined).filter(usable)
  }

  #groupOfPrefix(placement: Placement, prefix: string): string {
    const segments = placement.data.groupBySegments
    const whole = segments !== null && prefix.split('/').length > segments
    if (whole) return placement.groupOf(prefix as Key)
    throw new DenizenError(
      'prefix_spans_partitions',
      'a strong list needs a prefix inside one group; leave Denizen-Consistency out to list more',
    )
  }

  async #there(region: RegionId, request: PeerListRequest): Promise<PeerListReply | undefined> {
    try {
      const options = { timeoutMs: timing.callTimeoutMs }
      return replySchema.parse(await this.#options.call(region, 'list', request, options))
    } catch (error) {
      if (error instanceof PeerFailure) return undefined
      throw error
    }
  }

  async #here(placement: Placement, request: PeerListRequest): Promise<PeerListReply> {
    const { shards, freshness } = this.#options
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
    const { self, table, onViolation } = this.#options
    const request = requestSchema.parse(body)
    const placement = table().byId(request.dataset)
    if (!placement) throw new DenizenError('stale_policy', 'no such dataset under this policy')
    if (!placement.mayStore(self) || !(placement.mayStore(from) || placement.mayServe(from))) {
      onViolation()
      throw new DenizenError('residency_violation', `${from} asked ${self} for a list`)
    }
    return await this.#here(placement, request)
  }
}

/**
 * Merges the pages of several stores into one. A store that has more than its page says where its
 * page ends, and nothing past the least such end may be in the result: that store could have keys
 * in between.
 */
export function mergePages(
  pages: readonly ListStoreReply[],
  limit: number,
): { items: ListItem[]; finished: boolean } {
  let bound: string | undefined
  for (const { items, finished } of pages) {
    const last = items.at(-1)?.key
    if (finished || last === undefined) continue
    if (bound === undefined || compareUtf8(last, bound) < 0) bound = last
  }
  const all = pages
    .flatMap(({ items }) => items)
    .filter(({ key }) => bound === undefined || compareUtf8(key, bound) <= 0)
    .sort((a, b) => compareUtf8(a.key, b.key))
  const items = all.slice(0, limit)
  return { items, finished: bound === undefined && all.length <= limit }
}
