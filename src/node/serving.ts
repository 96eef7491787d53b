/**
 * What serves data above the shards, wired the same way in every thread of a node: in the cores for
 * clients, in the main thread for other regions.
 */
import type { ClusterRecord } from '../coordination/cluster-record.ts'
import { feedOf, policyInEffect, registrarsInForce } from '../coordination/cluster-record.ts'
import type { Counter } from '../metrics/counter.ts'
import { nearestRegions } from '../model/distance.ts'
import type { Hasher } from '../model/hash.ts'
import type { PlacementTable } from '../model/placement.ts'
import { type RegionId, RegionNumbers } from '../model/slot.ts'
import { Erasures } from '../movement/erasures.ts'
import { Holds } from '../movement/holds.ts'
import { Movements } from '../movement/movements.ts'
import type { PeerCall } from '../peers/peers.ts'
import type { RegionsWith } from '../routing/acks.ts'
import { Claims } from '../routing/claims.ts'
import { DeadEnds } from '../routing/dead-ends.ts'
import type { Topology } from '../routing/decide.ts'
import { Explain } from '../routing/explain.ts'
import { Forwarder } from '../routing/forward.ts'
import { HotReads } from '../routing/hot-reads.ts'
import { Lists } from '../routing/lists.ts'
import { LocalExecution } from '../routing/local-execution.ts'
import { LocationCache } from '../routing/location-cache.ts'
import type { Freshness } from '../routing/receipt.ts'
import { relayAnswers } from '../routing/relay-answers.ts'
import { Relays } from '../routing/relays.ts'
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
  /** The record by which the node acts: its policy, its phase, its registrars. */
  readonly adopted: ClusterRecord
  /** The newest record: of who the members are. */
  readonly record: () => ClusterRecord
  readonly shards: ShardClient<NodeOperations>
  /** Counts moves. */
  readonly ended?: Counter
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
  readonly claims: Claims
  readonly topology: Topology
  readonly erasures: Erasures
  readonly holds: Holds
  /** By the name of the call. */
  readonly answers: Readonly<Record<string, PeerAnswer>>
}

/** For as long as the node acts by one record: with another one it makes another of these. */
export function createServing(options: ServingOptions): Serving {
  const { self, hasher, table, adopted, reachable, random } = options
  const record = (): ClusterRecord => ({ ...adopted, members: options.record().members })
  const sessionMac = hmacSha256(adopted.sessionKey)
  const deadEnds = new DeadEnds(options.clock)
  const passes: Topology['passes'] = (...way) => deadEnds.passes(...way)
  const topology = { ...placesOf(table, self), reachable, passes }
  const relays = new Relays({ ...options, topology, deadEnds })
  const sessions = new SessionTokens(sessionMac, (...of) => options.freshness.isEverywhere(...of))
  const common = { ...options, record, topology, relays, sessionMac, sessions, table: () => table }
  const regions = new RegionNumbers(regionNumbers(record()))
  const claims = new Claims({ ...common, regions: () => regions })
  const mayMove = (): boolean => record().dataFormat >= MOVES_FORMAT
  const movements = new Movements({ ...common, claims, mayMove, regions: () => regions })
  const mayErase = (): boolean => record().dataFormat >= ERASURES_FORMAT
  const erasures = new Erasures({ ...common, claims, moves: movements, mayErase })
  const holds = new Holds({ ...common, claims, moves: movements })
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
  const answers: Serving['answers'] = {
    execute: (from, body) => forwarder.answer(from, body),
    registrar: (from, body) => claims.answer(from, body),
    list: (from, body) => lists.answer(from, body),
    inspect: (from, body) => explain.answer(from, body),
    rehome: (from, body) => movements.answer(from, body),
    erase: (from, body) => erasures.answer(from, body),
    hold: (from, body) => holds.answer(from, body),
  }
  return {
    ...{ router, hotReads, lists, explain, watches, movements, claims, topology },
    ...{ erasures, holds },
    answers: { ...answers, ...relayAnswers(common, answers) },
  }
}

/** What shards are configured with, beside their stores. */
export const shardConfiguration = (
  record: ClusterRecord,
  self: RegionId,
): Omit<ShardConfiguration, 'stores'> => ({
  policy: policyInEffect(record),
  policyEpoch: record.policyEpoch,
  self,
  regionNumbers: regionNumbers(record),
  ownFeed: feedOf(record, self),
  registrarEpochs: Object.fromEntries(
    Object.entries(registrarsInForce(record)).map(([dataset, { epoch }]) => [dataset, epoch]),
  ),
  erasureKey: derivedKey(record.sessionKey, 'erasures'),
})

const regionNumbers = ({ members }: ClusterRecord): Record<RegionId, number> =>
  Object.fromEntries(Object.entries(members).map(([id, { number }]) => [id, number]))

/** Regions by distance from this one. */
function placesOf(table: PlacementTable, self: RegionId): Pick<Topology, 'self' | 'byNearness'> {
  const places = table.data.regions.map(({ id, latitude, longitude }) => ({
    id,
    coordinates: { latitude, longitude },
  }))
  const here = places.find(({ id }) => id === self)
  const others = places.filter(({ id }) => id !== self)
  // A region that was retired is in no policy any more, and sends everybody elsewhere.
  const nearest = here ? nearestRegions(here.coordinates, others) : others
  const byNearness = [self, ...nearest.map(({ id }) => id)]
  return { self, byNearness }
}
