/**
 * The watches of one thread. A watch follows this region's own copy: what it commits, be it written
 * here or brought by a feed. A region without a copy sends the client to the nearest that has one.
 */
import { DenizenError } from '../model/errors.ts'
import { limits } from '../model/limits.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { Clock } from '../runtime/clock.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import { type ChangesReply, changesOperation, type StorePoint } from '../storage/store-changes.ts'
import { ChangeAsks } from './change-asks.ts'
import type { Topology } from './decide.ts'
import { partitionOf } from './partitions.ts'
import type { Admission, OpenWatch, WatchRequest } from './service.ts'
import type { RoutingOperations } from './shard-operations.ts'
import { Watch } from './watch.ts'
import { parseCursor } from './watch-cursor.ts'

export interface WatchesOptions {
  readonly self: RegionId
  readonly table: () => PlacementTable
  readonly topology: Topology
  readonly shards: ShardClient<RoutingOperations>
  readonly clock: Clock
  readonly urlOf: (region: RegionId) => string | undefined
}

export class Watches {
  readonly #options: WatchesOptions
  readonly #asks: ChangeAsks
  readonly #open = new Set<Watch>()

  constructor(options: WatchesOptions) {
    this.#options = options
    this.#asks = new ChangeAsks(options.shards)
  }

  /**
   * Throws `prefix_spans_partitions`, `no_serving_region`, `overloaded`, `bad_request` and
   * `cursor_too_old`.
   */
  async watch(dataset: string, request: WatchRequest): Promise<OpenWatch> {
    const { prefix, since, via } = request
    const placement = partitionOf(this.#options.table(), dataset, prefix)
    if (!placement.isReadable(this.#options.self)) return this.#elsewhere(placement, via)
    if (this.#open.size >= limits.watchesPerThreadMax) {
      throw new DenizenError('overloaded', 'as many watches are open as this node takes')
    }
    const begun = await this.#begin(placement, since)
    const watch = new Watch(
      { ...this.#options, asks: this.#asks, dataset: placement.id, prefix },
      begun,
    )
    this.#open.add(watch)
    return {
      kind: 'watch',
      batches: this.#counted(watch, since === undefined),
      end: () => watch.end(),
    }
  }

  /** Nobody watches. */
  get isIdle(): boolean {
    return this.#open.size === 0
  }

  /** Each watch of such a dataset ends with an error: it is served here no more. */
  end(error: DenizenError, isOf: (dataset: string) => boolean = () => true): void {
    for (const watch of this.#open) if (isOf(watch.dataset)) watch.end(error)
  }

  async *#counted(watch: Watch, withState: boolean): ReturnType<Watch['batches']> {
    try {
      yield* watch.batches(withState)
    } finally {
      this.#open.delete(watch)
    }
  }

  async #begin(placement: Placement, since: string | undefined) {
    const { shards } = this.#options
    const points = since === undefined ? undefined : this.#pointsOf(placement, since)
    const count = shards.storeCount(placement.id)
    const replies = await Promise.all(
      Array.from({ length: count }, (_, store) =>
        shards.callStore(placement.id, store, changesOperation, {
          since: points?.[store] ?? null,
          wait: false,
        }),
      ),
    )
    return replies.map(named)
  }

  #pointsOf({ id }: Placement, since: string): readonly StorePoint[] {
    const { self, shards } = this.#options
    const { region, points } = parseCursor(since)
    if (region === self && points.length === shards.storeCount(id)) return points
    throw new DenizenError('cursor_too_old', 'the cursor is of another copy')
  }

  #elsewhere(
    placement: Placement,
    via: RegionId | undefined,
  ): Extract<Admission, { kind: 'redirect' }> {
    const { self, topology, urlOf } = this.#options
    const reason = `${self} keeps no copy of the dataset, and a watch follows one`
    for (const region of via === undefined ? topology.byNearness : []) {
      const url = urlOf(region)
      const watches = placement.isReadable(region) && placement.mayServe(region)
      if (url !== undefined && watches && topology.reachable(region)) {
        return { kind: 'redirect', region, url, reason }
      }
    }
    throw new DenizenError('no_serving_region', reason)
  }
}

function named(reply: ChangesReply): Extract<ChangesReply, { kind: 'changes' }> {
  if (reply.kind === 'changes') return reply
  throw new DenizenError('cursor_too_old', 'the node has started anew, or forgotten what came then')
}
