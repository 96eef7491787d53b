/** What the main thread of a node does for as long as it acts by one record. */
import { type ClusterRecord, feedOf } from '../coordination/cluster-record.ts'
import type { PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { Erasures } from '../movement/erasures.ts'
import type { Holds } from '../movement/holds.ts'
import type { Movements } from '../movement/movements.ts'
import { answerPolicy, PolicyPeers } from '../movement/policy-peers.ts'
import { PolicyWork } from '../movement/policy-work.ts'
import type { StayingCopyOptions } from '../movement/staying-copy.ts'
import type { PeerCall } from '../peers/peers.ts'
import { allFeedStates } from '../replication/shard-operations.ts'
import type { Clock } from '../runtime/clock.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import type { PeerAnswer, Serving } from './serving.ts'
import type { NodeOperations } from './shard-operations.ts'

export interface PolicyActingOptions extends StayingCopyOptions {
  readonly adopted: ClusterRecord
  readonly table: PlacementTable
  readonly shards: ShardClient<NodeOperations>
  readonly serving: Serving
  readonly reachable: (region: RegionId) => boolean
  readonly call: PeerCall
  readonly clock: Clock
  readonly onViolation: () => void
}

export interface PolicyActing {
  readonly movements: Movements
  readonly erasures: Erasures
  readonly holds: Holds
  /** By the name of the call. */
  readonly answers: Readonly<Record<string, PeerAnswer>>
  /** All threads act by the record: what the phase asks for begins. */
  begin(): void
  /** The node acts by another record from now on. */
  end(): void
}

export function actOnPolicy(options: PolicyActingOptions): PolicyActing {
  const { self, adopted, table, shards, serving, call, clock } = options
  const { onDamaged, onViolation, compare } = options
  const { claims, movements, erasures, holds, topology } = serving
  const work = new PolicyWork({
    ...{ self, adopted, table, shards, claims, movements, clock, onDamaged, compare },
    peers: new PolicyPeers(adopted, call),
    byNearness: topology.byNearness,
    reachable: options.reachable,
  })
  let hasBegun = false
  const progress = () => work.progress()
  const answering = { self, adopted, table, shards, claims, progress, onViolation }
  return {
    ...{ movements, erasures, holds },
    answers: {
      ...serving.answers,
      policy: async (from, body) => await answerPolicy({ ...answering, hasBegun }, from, body),
    },
    begin(): void {
      hasBegun = true
      movements.start()
      erasures.start()
      work.start()
    },
    end(): void {
      movements.stop()
      erasures.stop()
      work.stop()
    },
  }
}

/**
 * A region that stores a dataset again goes on with its feeds where they had ended: others are
 * complete up to there, and would take what it writes below that for known.
 */
export async function reopenFeeds(
  shards: ShardClient<NodeOperations>,
  record: ClusterRecord,
  self: RegionId,
): Promise<void> {
  const ownFeed = feedOf(record, self)
  const { closedFeeds = {} } = record
  for (const [dataset, regions] of Object.entries(closedFeeds)) {
    const closed = regions[self]
    if (!closed || !shards.stores(dataset)) continue
    const states = await allFeedStates(shards, dataset)
    const open = new Set(states.flatMap(({ slot, feed }) => (feed === ownFeed ? [slot] : [])))
    for (const [slot, seen] of closed.entries()) {
      if (seen === 0 || open.has(slot)) continue
      await shards.call(dataset, slot, 'reopenFeed', { slot, seen })
    }
  }
}

/** Datasets that a change of the policy has taken from this region, whatever is still there. */
export function leftDatasets(
  { next, closedFeeds = {} }: ClusterRecord,
  table: PlacementTable,
  self: RegionId,
): string[] {
  const before = Object.keys(closedFeeds).filter(dataset => closedFeeds[dataset]?.[self])
  const now = (next?.leftCopies ?? []).filter(({ region }) => region === self)
  const left = new Set([...before, ...now.map(({ dataset }) => dataset)])
  return [...left].filter(dataset => table.byId(dataset)?.mayHold(self) !== true)
}
