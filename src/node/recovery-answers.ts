/**
 * What a region answers one that was restored: what it holds of the other's feeds, and which groups
 * it homes by a claim. It answers before it serves, because it may be recovering itself.
 */
import { z } from 'zod'
import { type ClusterRecord, feedOf } from '../coordination/cluster-record.ts'
import { DenizenError } from '../model/errors.ts'
import { limits } from '../model/limits.ts'
import type { PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { erasureSchema } from '../movement/erasures.ts'
import { itemSchema } from '../replication/messages.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import type { PeerAnswer } from './serving.ts'
import type { NodeOperations } from './shard-operations.ts'

export interface RecoveryContext {
  readonly self: RegionId
  readonly table: PlacementTable
  readonly record: () => ClusterRecord
  readonly shards: ShardClient<NodeOperations>
  /** A residency check has refused something. */
  readonly onViolation: () => void
}

export type RecoveryCall = 'recovery.feeds' | 'recovery.homes'
/** All of a dataset's ledger of erasures at once: hashes, and a few numbers each. */
export const ledgerCall = 'recovery.erasures'

const position = z.int().min(0)
const requestSchema = z.strictObject({
  dataset: z.string(),
  slots: z.array(z.strictObject({ slot: z.int().min(0), after: position })).min(1),
})
export type RecoveryRequest = z.infer<typeof requestSchema>

const partSchema = z.strictObject({ slot: z.int().min(0), next: position.nullable() })

/** Some of the slots that were asked for; the others are to be asked for again. */
export const feedPartsSchema = z.array(
  partSchema.extend({ items: z.array(itemSchema), seen: position }),
)
export type FeedPart = z.infer<typeof feedPartsSchema>[number]

export const homePartsSchema = z.array(
  partSchema.extend({
    groups: z.array(z.strictObject({ group: z.string().min(1), term: z.int().min(1) })),
  }),
)
export type HomePart = z.infer<typeof homePartsSchema>[number]

const ledgerRequestSchema = z.strictObject({ dataset: z.string() })
export const ledgerSchema = z.array(
  z.strictObject({ hash: z.string().min(1), erasure: erasureSchema }),
)

/** By the name of the call. */
export const answersToRecovering = (
  context: RecoveryContext,
): Readonly<Record<RecoveryCall | typeof ledgerCall, PeerAnswer>> => ({
  'recovery.feeds': (from, body) => feeds(context, from, requestSchema.parse(body)),
  'recovery.homes': (from, body) => homes(context, from, requestSchema.parse(body)),
  [ledgerCall]: (from, body) => erasures(context, from, ledgerRequestSchema.parse(body).dataset),
})

/** Throws `stale_policy`, `residency_violation`, `damaged_record`. */
export const answerToRecovering = (
  context: RecoveryContext,
  from: RegionId,
  name: RecoveryCall,
  body: RecoveryRequest,
): Promise<unknown> => answersToRecovering(context)[name](from, body)

async function feeds(
  context: RecoveryContext,
  from: RegionId,
  { dataset, slots }: RecoveryRequest,
): Promise<FeedPart[]> {
  storedByBoth(context, from, dataset)
  const feed = feedOf(context.record(), from)
  const parts: FeedPart[] = []
  let left: number = limits.streamCreditBytes
  for (const { slot, after } of slots) {
    if (left <= 0) break
    const request = { slot, feed, after, bytesMax: left }
    const held = await context.shards.call(dataset, slot, 'readHeldFeed', request)
    left -= held.bytes
    parts.push({ slot, items: [...held.items], next: held.next, seen: held.seen })
  }
  return parts
}

async function erasures(context: RecoveryContext, from: RegionId, dataset: string) {
  storedByBoth(context, from, dataset)
  return (await context.shards.callAll(dataset, 'ledger', {})).flat()
}

async function homes(
  context: RecoveryContext,
  from: RegionId,
  { dataset, slots }: RecoveryRequest,
): Promise<HomePart[]> {
  storedByBoth(context, from, dataset)
  const parts: HomePart[] = []
  let left: number = limits.claimsPerMessageMax
  for (const { slot, after } of slots) {
    if (left <= 0) break
    const request = { slot, after, entriesMax: limits.claimsPerMessageMax }
    const held = await context.shards.call(dataset, slot, 'claimedHomes', request)
    left -= held.groups.length
    parts.push({ slot, groups: [...held.groups], next: held.next })
  }
  return parts
}

/** The sender's residency check. Throws `stale_policy`, `residency_violation`. */
function storedByBoth(
  { self, table, onViolation }: RecoveryContext,
  from: RegionId,
  dataset: string,
): void {
  const placement = table.byId(dataset)
  if (!placement) throw new DenizenError('stale_policy', 'no such dataset under this policy')
  if (placement.mayStore(self) && placement.mayStore(from)) return
  onViolation()
  throw new DenizenError('residency_violation', `${from} asked ${self} for what it may not store`)
}
