/**
 * What serves data above the shards, wired the same way in every thread of a node: in the cores for
 * clients, in the main thread for other regions.
 */
import type { ClusterRecord } from '../coordination/cluster-record.ts'
import { memberFeed } from '../coordination/cluster-record.ts'
import { assert } from '../model/assert.ts'
import { nearestRegions } from '../model/distance.ts'
import type { Hasher } from '../model/hash.ts'
import type { PlacementTable } from '../model/placement.ts'
import type { FeedNumber } from '../model/position.ts'
import { type RegionId, RegionNumbers } from '../model/slot.ts'
import { Erasures } from '../movement/erasures.ts'
import { Movements } from '../movement/movements.ts'
import type { PeerCall } from '../peers/peers.ts'
import type { RegionsWith } from '../routing/acks.ts'
import { Claims } from '../routing/claims.ts'
import type { Topology } from '../routing/decide.ts'
import { Explain } from '../routing/explain.ts'
import { Forwarder } from '../routing/forward.ts'
import { HotReads } from '../routing/hot-reads.ts'
import { Lists } from '../routing/lists.ts'
import { LocalExecution } from '../routing/local-execution.ts'
import { LocationCache } from '../routing/location-cache.ts'
import type { Freshness } from '../routing/receipt.ts'
import { Router } from '../routing/router.ts'
import { SessionTokens } from '../routing/session-tokens.ts'
import { Watches } from '../routing/watches.ts'
import type { Clock } from '../runtime/clock.ts'
import { derivedKey, hmacSha256 } from '../runtime/mac.ts'
import type { Random } from '../runtime/random.ts'
import type { Tracing } from '../runtime/tracing.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import type { ShardConfiguration } from '../storage/shard-messages.ts'
import type { NodeOperations } from './shard-operations.ts'

/** The data format since which builds know the markers of moves. */
const MOVES_FORMAT = 2
/** The same of erasures. */
export const ERASURES_FORMAT = 3

export interface ServingOptions {
  readonly self: RegionId
  readonly hasher: Hasher
  readonly table: PlacementTable
  readonly record: () => ClusterRecord
  readonly shards: ShardClient<NodeOperations>
  readonly freshness: Freshness
  readonly regionsWith: RegionsWith
  readonly reachable: (region: RegionId) => boolean
  readonly call: PeerCall
  readonly clock: Clock
  readonly random: Random
  readonly tracing: Tracing | undefined
  /** This region's record of a key seems to be damaged. */
  readonly onDamaged: (dataset: string, key: string) => void
  /** A residency check has refused something. */
  readonly onViolation: () => void
}

/** Answers one kind of call of other regions. */
export type PeerAnswer = (from: RegionId, body: unknown) => Promise<unknown>

export interface Serving {
  readonly router: Router
  readonly hotReads: HotReads
  readonly lists: Lists
  readonly explain: Explain
  readonly watches: Watches
  readonly movements: Movements
  readonly erasures: Erasures
  /** By the name of the call. */
  readonly answers: Readonly<Record<string, PeerAnswer>>
}

export function createServing(options: ServingOptions): Serving {
  const { self, hasher, table, record, reachable, random } = options
  const sessionMac = hmacSha256(record().sessionKey)
  const topology = topologyOf(table, self, reachable)
  const sessions = new SessionTokens(sessionMac, (...of) => options.freshness.isEverywhere(...of))
  const common = { ...options, topology, sessionMac, sessions, table: () => table }
  const regions = new RegionNumbers(regionNumbers(record()))
  const claims = new Claims({ ...common, regions: () => regions })
  const mayMove = (): boolean => record().dataFormat >= MOVES_FORMAT
  const movements = new Movements({ ...common, claims, mayMove, regions: () => regions })
  const mayErase = (): boolean => record().dataFormat >= ERASURES_FORMAT
  const erasures = new Erasures({ ...common, claims, moves: movements, mayErase })
  const local = new LocalExecution({ ...common, claims, moves: movements })
  const forwarder = new Forwarder({ ...common, local })
  const hotReads = new HotReads(common)
  const lists = new Lists({ ...common, claims, moves: movements })
  const explain = new Explain({ ...common, claims })
  const urlOf = (region: RegionId): string | undefined => record().members[region]?.url ?? undefined
  const watches = new Watches({ ...common, urlOf })
  const router = new Router({
    ...common,
    ...{ claims, local, forwarder, urlOf },
    locations: new LocationCache(hasher, random),
  })
  return {
    ...{ router, hotReads, lists, explain, watches, movements, erasures },
    answers: {
      execute: (from, body) => forwarder.answer(from, body),
      registrar: (from, body) => claims.answer(from, body),
      list: (from, body) => lists.answer(from, body),
      inspect: (from, body) => explain.answer(from, body),
      rehome: (from, body) => movements.answer(from, body),
      erase: (from, body) => erasures.answer(from, body),
    },
  }
}

/** What shards are configured with, beside their stores. */
export const shardConfiguration = (
  record: ClusterRecord,
  self: RegionId,
): Omit<ShardConfiguration, 'stores'> => ({
  policy: record.current,
  policyEpoch: record.policyEpoch,
  self,
  regionNumbers: regionNumbers(record),
  ownFeed: feedOf(record, self),
  erasureKey: derivedKey(record.sessionKey, 'erasures'),
})

const regionNumbers = ({ members }: ClusterRecord): Record<RegionId, number> =>
  Object.fromEntries(Object.entries(members).map(([id, { number }]) => [id, number]))

export function feedOf({ members }: ClusterRecord, region: RegionId): FeedNumber {
  const member = members[region]
  assert(member, `region ${region} is a member`)
  return memberFeed(member)
}

/** Regions by distance from this one; measured reachability. */
function topologyOf(
  table: PlacementTable,
  self: RegionId,
  reachable: (region: RegionId) => boolean,
): Topology {
  const places = table.data.regions.map(({ id, latitude, longitude }) => ({
    id,
    coordinates: { latitude, longitude },
  }))
  const here = places.find(({ id }) => id === self)
  assert(here, 'this region is in the policy')
  const others = places.filter(({ id }) => id !== self)
  const byNearness = [self, ...nearestRegions(here.coordinates, others).map(({ id }) => id)]
  return { self, byNearness, reachable }
}
