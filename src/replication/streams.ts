/**
 * The feeds of a node: one `SourceStream` for each stream on which a peer follows this region, one
 * `FollowedSource` for each region that it follows, for as long as the node runs.
 */
import type { Family } from '../metrics/family.ts'
import type { PeerMeter } from '../metrics/peer-meter.ts'
import { timing } from '../model/limits.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { FeedNumber } from '../model/position.ts'
import type { RegionId } from '../model/slot.ts'
import type { MessageStream } from '../peers/peers.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import type { Growth } from '../storage/shard.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import { AckWaits, type WrittenPoint } from './ack-waits.ts'
import { CompleteEverywhere, type EverywherePoint } from './complete-everywhere.ts'
import type { AgeChange } from './copy-ages.ts'
import { FollowedSource } from './followed-source.ts'
import type { ReplicationOperations } from './shard-operations.ts'
import { SourceStream } from './source-stream.ts'
import { StreamFaults } from './stream-faults.ts'

export interface ReplicationOptions {
  readonly self: RegionId
  readonly table: () => PlacementTable
  readonly feedOf: (region: RegionId) => FeedNumber
  readonly shards: ShardClient<ReplicationOperations>
  readonly clock: Clock
  readonly log: Logger
  readonly meter: PeerMeter
  readonly onViolation: () => void
  readonly onAges: (change: AgeChange) => void
  /** A record that is to be sent is damaged here. */
  readonly onDamaged: (dataset: string, key: string) => void
}

export interface ReplicationLag {
  readonly dataset: string
  readonly source: RegionId
  readonly changes: number
}

export class Replication {
  readonly #options: ReplicationOptions
  readonly #faults: StreamFaults
  readonly #acks: AckWaits
  readonly #everywhere: CompleteEverywhere
  /** Passes on, once a tick, what of this region's own feeds has become complete everywhere. */
  readonly #ownNews: () => readonly EverywherePoint[]
  /** By the region that follows. */
  readonly #outgoing = new Map<RegionId, SourceStream>()
  /** By the region that is followed. */
  readonly #incoming = new Map<RegionId, FollowedSource>()
  #cancelTick: () => void = () => {}
  #stopped = false

  constructor(options: ReplicationOptions) {
    this.#options = options
    this.#faults = new StreamFaults(options.log, options.onViolation)
    const ownFeed = (): FeedNumber => options.feedOf(options.self)
    this.#acks = new AckWaits({ ownFeed, clock: options.clock })
    this.#everywhere = new CompleteEverywhere(dataset => {
      const storing = options.table().byId(dataset)?.data.store ?? []
      return storing.filter(region => region !== options.self)
    })
    this.#ownNews = this.#newsOf(() => true)
  }

  /** Each call gives what is new since the one before. */
  #newsOf(mayTell: (dataset: string) => boolean): () => readonly EverywherePoint[] {
    let told = 0
    return () => {
      const { points, upTo } = this.#everywhere.news(told)
      told = upTo
      return points.filter(({ dataset }) => mayTell(dataset))
    }
  }

  start(): void {
    this.#tick()
  }

  stop(): void {
    this.#stopped = true
    this.#faults.stop()
    this.#cancelTick()
    this.#acks.stop()
    for (const { stream } of this.#outgoing.values()) stream.close()
    for (const source of this.#incoming.values()) source.close()
  }

  /** A peer follows this region. */
  serve(region: RegionId, stream: MessageStream): void {
    const { self, table, feedOf, shards, meter, onDamaged } = this.#options
    if (this.#stopped) {
      stream.close()
      return
    }
    const isCurrent = (): boolean => this.#outgoing.get(region) === outgoing
    const mayShare = (dataset: string): boolean => {
      const placement = table().byId(dataset)
      return placement?.mayHold(self) === true && placement.mayStore(region)
    }
    const outgoing: SourceStream = new SourceStream({
      ...{ stream, mayShare, everywhere: this.#newsOf(mayShare) },
      datasets: this.#sharedWith(region),
      isOfOtherPolicy: dataset => isOfOtherPolicy(table().byId(dataset), [self, region]),
      ownFeed: feedOf(self),
      onComplete: (dataset, slot, complete) => {
        if (!isCurrent()) return
        const counts = table().byId(dataset)?.counted.includes(region)
        if (counts) this.#acks.onComplete(region, { dataset, slot }, complete)
        this.#everywhere.onComplete(region, { dataset, slot }, complete)
      },
      ...{ shards, meter, onDamaged, faults: this.#faults },
    })
    this.#outgoing.get(region)?.stream.close()
    this.#acks.onLost(region)
    this.#outgoing.set(region, outgoing)
    shards.awaitGrowth()
    stream.onClose(() => {
      outgoing.onClosed()
      if (!isCurrent()) return
      this.#outgoing.delete(region)
      this.#acks.onLost(region)
    })
  }

  /** The connection to a source is up: follow it. */
  follow(region: RegionId, stream: MessageStream): void {
    if (this.#stopped) {
      stream.close()
      return
    }
    const source = this.#incoming.get(region) ?? this.#newSource(region)
    this.#incoming.set(region, source)
    source.onStream(stream)
  }

  /** This region's feeds have grown, durably. */
  onGrowth(growth: Growth): void {
    for (const outgoing of this.#outgoing.values()) outgoing.onGrowth(growth)
  }

  /** See `AckWaits`. */
  regionsWith(
    dataset: string,
    regions: number,
    writes: readonly WrittenPoint[],
  ): Promise<readonly number[]> {
    return this.#acks.regionsWith(dataset, regions, writes)
  }

  /** How long writes have waited for other regions. */
  acksFamily(): Family {
    return this.#acks.family()
  }

  /** How far the copies here are behind each source, as of its last answer to a poll. */
  lags(): readonly ReplicationLag[] {
    return [...this.#incoming].flatMap(([source, followed]) =>
      [...followed.lags()].map(([dataset, changes]) => ({ dataset, source, changes })),
    )
  }

  /** What waits to be sent to each follower. */
  queues(): readonly { readonly peer: RegionId; readonly bytes: number }[] {
    return [...this.#outgoing].map(([peer, { stream }]) => ({
      ...{ peer, bytes: stream.bufferedBytes() },
    }))
  }

  #newSource(region: RegionId): FollowedSource {
    const { table, self, feedOf, shards, meter, onAges, onDamaged } = this.#options
    return new FollowedSource({
      ...{ region, onAges, onDamaged },
      feed: feedOf(region),
      datasets: this.#followedOf(region),
      mayStore: dataset => table().byId(dataset)?.mayHold(self) === true,
      isOfOtherPolicy: dataset => isOfOtherPolicy(table().byId(dataset), [self, region]),
      slots: dataset => table().byId(dataset)?.data.slots ?? 0,
      ...{ shards, meter, faults: this.#faults },
    })
  }

  /** Datasets of whose homes a region may be one. */
  #followedOf(region: RegionId): string[] {
    const { self, table } = this.#options
    return [...table().placements]
      .filter(placement => placement.mayStore(self) && placement.mayStore(region))
      .filter(placement => placement.isSource(region))
      .map(({ id }) => id)
  }

  /** What may be sent to a region. */
  #sharedWith(region: RegionId): string[] {
    const { self, table } = this.#options
    return [...table().placements]
      .filter(placement => placement.mayHold(self) && placement.mayStore(region))
      .map(({ id }) => id)
  }

  /**
   * The policy has changed. Where that is about what flows between two regions, they begin anew
   * with what is durable: the streams are closed, and soon open again.
   */
  adopt(): void {
    for (const [region, outgoing] of this.#outgoing) {
      if (outgoing.datasets.join() !== this.#sharedWith(region).join()) outgoing.close()
    }
    for (const [region, source] of this.#incoming) {
      if (source.datasets.join() === this.#followedOf(region).join()) continue
      this.#incoming.delete(region)
      source.close()
    }
  }

  #tick(): void {
    const { self, clock, feedOf, onAges } = this.#options
    for (const source of this.#incoming.values()) source.onTick(clock.monotonicMs())
    const points = this.#ownNews()
    if (points.length > 0) onAges({ region: self, of: 'everywhere', feed: feedOf(self), points })
    this.#cancelTick = clock.after(timing.pollIntervalMs, () => this.#tick())
  }
}

/** One of the two ends is ahead in a change of the policy: neither has done anything wrong. */
const isOfOtherPolicy = (placement: Placement | undefined, ends: readonly RegionId[]): boolean =>
  !placement || ends.some(region => placement.isOfOtherPolicy(region))
