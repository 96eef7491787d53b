/**
 * The data plane of a node: shards and everything above them that serves data, wired under one
 * cluster record. The composition root's other half; `node.ts` has the life cycle.
 */
import { type ClusterRecord, memberFeed } from '../coordination/cluster-record.ts'
import { assert } from '../model/assert.ts'
import { nearestRegions } from '../model/distance.ts'
import type { Hasher } from '../model/hash.ts'
import { PlacementTable } from '../model/placement.ts'
import type { FeedNumber } from '../model/position.ts'
import { type RegionId, RegionNumbers } from '../model/slot.ts'
import type { PeerLinks } from '../peers/links.ts'
import type { MessageStream } from '../peers/peers.ts'
import { Replication } from '../replication/streams.ts'
import { Claims } from '../routing/claims.ts'
import type { Topology } from '../routing/decide.ts'
import { Explain } from '../routing/explain.ts'
import { Forwarder } from '../routing/forward.ts'
import { Lists } from '../routing/lists.ts'
import { LocalExecution } from '../routing/local-execution.ts'
import { LocationCache } from '../routing/location-cache.ts'
import { Router } from '../routing/router.ts'
import { importSessionKey } from '../routing/session.ts'
import { systemClock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import { nodeDisk } from '../runtime/node-disk.ts'
import { systemRandom } from '../runtime/random.ts'
import { ShardClient } from '../storage/shard-client.ts'
import { openLayouts } from './data-directory.ts'
import type { ServingParts } from './node-service.ts'
import type { NodeOperations } from './shard-operations.ts'
import { type ShardThreads, startShardThreads } from './shard-threads.ts'

export interface DataPlaneOptions {
  readonly self: RegionId
  readonly dataDirectory: string
  /** Shard threads, and the stores of datasets that are new here. */
  readonly threads: number
  readonly hasher: Hasher
  /** The newest record; its policy is that of the start, as policies don't change yet. */
  readonly record: () => ClusterRecord
  readonly links: PeerLinks
  readonly log: Logger
  /** A residency check has refused something. */
  readonly onViolation: () => void
  /** A disk or a thread has failed: the process has to end. */
  readonly onFailure: (reason: string, trace: string) => void
}

/** Answers one kind of call of other regions. */
type PeerAnswer = (from: RegionId, body: unknown) => Promise<unknown>

export class DataPlane {
  readonly #options: DataPlaneOptions
  readonly #table: PlacementTable
  #threads: ShardThreads | undefined
  #shards: ShardClient<NodeOperations> | undefined
  #replication: Replication | undefined
  #answers: Readonly<Record<string, PeerAnswer>> = {}

  constructor(options: DataPlaneOptions) {
    const { current, policyEpoch } = options.record()
    this.#options = options
    this.#table = new PlacementTable(current, policyEpoch, options.hasher)
  }

  /** Opens the stores, and then everything above them. */
  async open(): Promise<ServingParts> {
    const { self, log, record, onViolation } = this.#options
    const table = this.#table
    const shards = await this.#openShards()
    this.#shards = shards
    const replication = new Replication({
      self,
      table: () => table,
      feedOf: region => this.#feedOf(region),
      shards,
      clock: systemClock,
      log,
      onViolation,
    })
    const sessionKey = await importSessionKey(record().sessionKey)
    const parts = this.#route(shards, replication, sessionKey)
    this.#replication = replication
    replication.start()
    return parts
  }

  /** How a call of this name is answered; undefined for unknown ones, and before `open` is done. */
  answerTo(name: string): PeerAnswer | undefined {
    return this.#answers[name]
  }

  /** A peer follows this region's feeds. */
  serve(from: RegionId, stream: MessageStream): void {
    if (this.#replication) this.#replication.serve(from, stream)
    else stream.close()
  }

  /** A feeds connection to a peer is up. */
  follow(to: RegionId, stream: MessageStream): void {
    if (this.#replication) this.#replication.follow(to, stream)
    else stream.close()
  }

  /** Ends the feeds, before the links close under them. */
  stop(): void {
    this.#replication?.stop()
  }

  async close(): Promise<void> {
    await this.#shards?.close()
    await this.#threads?.close()
  }

  async #openShards(): Promise<ShardClient<NodeOperations>> {
    const { self, dataDirectory, threads, log, record, onViolation, onFailure } = this.#options
    const stores = await openLayouts(nodeDisk, dataDirectory, this.#table, self, threads)
    this.#threads = startShardThreads(threads, error =>
      onFailure('a shard thread ended', error?.stack ?? 'without an error'),
    )
    const shards = new ShardClient<NodeOperations>({
      ports: this.#threads.ports,
      stores,
      onGrowth: growth => this.#replication?.onGrowth(growth),
      onBug: trace => log.error('a bug in a shard', { trace }),
      onViolation,
      onFatal: trace => onFailure('a disk failed', trace),
    })
    await shards.open({
      policy: record().current,
      policyEpoch: record().policyEpoch,
      self,
      regionNumbers: this.#regionNumbers(),
      ownFeed: this.#feedOf(self),
    })
    return shards
  }

  #route(
    shards: ShardClient<NodeOperations>,
    replication: Replication,
    sessionKey: CryptoKey,
  ): ServingParts {
    const { self, hasher, record, links, onViolation } = this.#options
    const table = this.#table
    const topology = topologyOf(table, self, region => links.reachable(region))
    const call: PeerLinks['call'] = (...args) => links.call(...args)
    const common = {
      ...{ self, shards, topology, call, onViolation },
      ...{ table: () => table, freshness: replication, sessionKey: () => sessionKey },
    }
    const regions = new RegionNumbers(this.#regionNumbers())
    const claims = new Claims({ ...common, record, regions: () => regions })
    const local = new LocalExecution({ ...common, claims })
    const forwarder = new Forwarder({ ...common, local })
    const lists = new Lists({ ...common, claims })
    const explain = new Explain({ ...common, claims })
    const router = new Router({
      ...common,
      ...{ claims, local, forwarder, random: systemRandom },
      locations: new LocationCache(hasher, systemRandom),
      urlOf: region => record().members[region]?.url ?? undefined,
    })
    this.#answers = {
      execute: (from, body) => forwarder.answer(from, body),
      registrar: (from, body) => claims.answer(from, body),
      list: (from, body) => lists.answer(from, body),
      inspect: (from, body) => explain.answer(from, body),
    }
    return { table, router, lists, explain, replication, shards }
  }

  #regionNumbers(): Record<RegionId, number> {
    const members = Object.entries(this.#options.record().members)
    return Object.fromEntries(members.map(([id, { number }]) => [id, number]))
  }

  #feedOf(region: RegionId): FeedNumber {
    const member = this.#options.record().members[region]
    assert(member, `region ${region} is a member`)
    return memberFeed(member)
  }
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
