/** A list as this region's copy has it: a page merged from the pages of its stores. */
import type { ListItem } from '../execution/operation.ts'
import type { ListStoreReply, ListStoreRequest } from '../execution/operations/list.ts'
import { assert } from '../model/assert.ts'
import { compareUtf8 } from '../model/bytes.ts'
import type { Key } from '../model/key.ts'
import { limits } from '../model/limits.ts'
import type { Placement } from '../model/placement.ts'
import type { RegionId, Slot } from '../model/slot.ts'
import type { Clock } from '../runtime/clock.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import { atSettledHome, type Between, type Moves } from './between-homes.ts'
import type { Claims } from './claims.ts'
import type { PeerListReply, PeerListRequest } from './list-messages.ts'
import { isOfWhole } from './local-answer.ts'
import type { Freshness } from './receipt.ts'
import type { RoutingOperations } from './shard-operations.ts'

export interface ListCopyOptions {
  readonly self: RegionId
  readonly shards: ShardClient<RoutingOperations>
  readonly freshness: Freshness
  readonly clock: Clock
  readonly moves: Moves
  readonly claims: Claims
}

/** What the page is of: the copy is as old as the oldest of its slots. */
interface Covered {
  readonly slots: readonly Slot[]
  /** In ms, as `CopyAge` has it. */
  readonly stalenessMs: () => number | undefined
  /** See `Wanted`: the home of all of it has nobody to hear. */
  readonly hasHeardAll: () => boolean
}

type CopyReply = PeerListReply | Between | { readonly kind: 'homeless' }

/** Where the request names a group, only its home answers, once it has one. */
export async function listCopy(
  options: ListCopyOptions,
  placement: Placement,
  request: PeerListRequest,
): Promise<PeerListReply> {
  const { group } = request
  const read = (): Promise<CopyReply> => readCopy(options, placement, request)
  if (group === undefined) {
    const reply = await read()
    assert(!('kind' in reply), 'only a home is asked whether it is one')
    return reply
  }
  const reply = await atSettledHome(options, placement, group, read)
  if (!('kind' in reply) || reply.kind === 'elsewhere') return reply
  const { claims, self } = options
  const registered = await claims.lookup(placement, group)
  const home = registered && claims.known(registered)
  if (home && home.region !== self) return { kind: 'elsewhere', home }
  // Claimed by this region, or by nobody: there is nothing.
  const { group: _, ...rest } = request
  return await listCopy(options, placement, rest)
}

async function readCopy(
  options: ListCopyOptions,
  placement: Placement,
  request: PeerListRequest,
): Promise<CopyReply> {
  const { shards, clock } = options
  const nowMs = clock.wallMs()
  const { prefix, after, limit, values, seen, boundMs, group, ofGroup } = request
  const { id } = placement
  const isWhole = isOfWhole(request)
  const covered = await coveredBy(options, placement, ofGroup ?? groupOfPrefix(placement, prefix))
  const count = shards.storeCount(placement.id)
  const bytesMax = Math.ceil(limits.listBytesMax / Math.max(count, 1))
  const replies = await Promise.all(
    Array.from({ length: count }, (_, store) => {
      const isOfStore = (slot: Slot): boolean => shards.storeOfSlot(placement.id, slot) === store
      const body: ListStoreRequest = {
        ...{ prefix, after, limit, bytesMax, values, nowMs },
        ...(ofGroup !== undefined && { ofGroup }),
        seen: seen.filter(({ slot }) => isOfStore(slot)),
        whole: isWhole ? covered.slots.filter(isOfStore) : [],
      }
      return group !== undefined && isOfStore(placement.slotOf(group))
        ? shards.callStore(id, store, 'listAtHome', { ...body, group })
        : shards.callStore(id, store, 'list', body)
    }),
  )
  const pages: ListStoreReply[] = []
  for (const reply of replies) {
    if ('kind' in reply) return reply
    if ('behind' in reply) return boundMs === undefined ? reply : { stale: true }
    pages.push(reply)
  }
  if (request.hasRest && !covered.hasHeardAll()) return { behind: true }
  const stalenessMs = covered.stalenessMs()
  const age = stalenessMs === undefined ? {} : { stalenessMs }
  const isTooOld = boundMs !== undefined && !(stalenessMs !== undefined && stalenessMs <= boundMs)
  return isTooOld ? { stale: true, ...age } : { ...mergePages(pages, limit), ...age }
}

/** The ages are looked at first, then who is home, then what there is: none is newer than said. */
async function coveredBy(
  { self, shards, freshness }: ListCopyOptions,
  placement: Placement,
  group: string | undefined,
): Promise<Covered> {
  const slots =
    group === undefined
      ? Array.from({ length: placement.data.slots }, (_, slot) => slot)
      : [placement.slotOf(group)]
  const ages = slots.map(slot => freshness.asOf(placement.id, slot))
  const [slot = 0] = slots
  const home =
    group === undefined ? undefined : await shards.call(placement.id, slot, 'locate', { group })
  const marker =
    group === undefined ? undefined : await shards.call(placement.id, slot, 'marker', { group })
  // What the copy may lack of other homes may be as old as any feed is.
  const source = marker?.past || marker?.stopped ? undefined : home?.region
  return {
    slots,
    stalenessMs: () => oldest(ages, source),
    hasHeardAll: () => home?.region === self || oldest(ages, undefined) !== undefined,
  }
}

function oldest(
  ages: readonly ReturnType<Freshness['asOf']>[],
  home: RegionId | undefined,
): number | undefined {
  let oldestMs = 0
  for (const age of ages) {
    const stalenessMs = age.stalenessMs(home)
    if (stalenessMs === undefined) return undefined
    oldestMs = Math.max(oldestMs, stalenessMs)
  }
  return oldestMs
}

/** The group that all keys with the prefix belong to; undefined where it may be several. */
export function groupOfPrefix(placement: Placement, prefix: string): string | undefined {
  const segments = placement.data.groupBySegments
  if (segments === null || prefix.split('/').length <= segments) return undefined
  return placement.groupOf(prefix as Key)
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
