/** What `GET /v1/cluster` and `denizen status` show of this node, and of what it knows of all. */
import type { ClusterRecord } from '../coordination/cluster-record.ts'
import { DenizenError } from '../model/errors.ts'
import type { PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { PeerStatus } from '../peers/peers.ts'
import type { CopyAges } from '../replication/copy-ages.ts'
import type { Replication } from '../replication/streams.ts'
import type { ClusterView } from '../routing/service.ts'
import { addDigests, emptyDigest } from '../storage/row-values.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import type { StoreLocation } from '../storage/shard-messages.ts'
import type { NodeOperations } from './shard-operations.ts'

/** This region's copies, once its stores are open. */
export interface Copies {
  readonly table: PlacementTable
  readonly shards: ShardClient<NodeOperations>
  readonly ages: CopyAges
  readonly stores: readonly StoreLocation[]
  readonly replication: Replication
}

export interface ClusterStatusOptions {
  readonly region: RegionId
  readonly nodeId: string
  readonly version: string
  readonly record: () => ClusterRecord
  readonly copies: () => Copies | undefined
  readonly drift: () => readonly string[]
  readonly peers: () => readonly PeerStatus[]
  readonly violations: () => number
}

export class ClusterStatus {
  readonly #options: ClusterStatusOptions

  constructor(options: ClusterStatusOptions) {
    this.#options = options
  }

  /** Throws `not_ready`. */
  async view(): Promise<ClusterView> {
    const { region, nodeId, version, record, drift, peers, violations } = this.#options
    const copies = this.#options.copies()
    if (!copies) throw new DenizenError('not_ready', 'the stores are not open yet')
    const current = record()
    const statuses = new Map(peers().map(status => [status.region, status]))
    const datasets = [...copies.table.placements].map(async ({ data }) => {
      const { name, prefix, home, store, serve } = data
      const copy = await this.#copy(copies, data.id)
      return {
        name,
        ...(prefix !== '' && { partition: prefix }),
        home,
        store,
        serve,
        ...(copy && { copy }),
      }
    })
    return {
      cluster: current.current.cluster,
      clusterId: current.clusterId,
      region,
      nodeId,
      version,
      keeper: current.current.keeper,
      keeperEpoch: current.keeperEpoch,
      revision: current.revision,
      policyEpoch: current.policyEpoch,
      ...(current.next && { policyPhase: current.next.phase }),
      dataFormat: current.dataFormat,
      drift: drift(),
      regions: current.current.regions.map(({ id, name, country }) => {
        const { url, build } = current.members[id] ?? {}
        const status = statuses.get(id)
        const rttMs = status?.rttMs
        return {
          region: id,
          name,
          country,
          ...(url && { url }),
          ...(build && { build: { version: build.version, newest: build.newest } }),
          self: id === region,
          reachable: id === region || status?.reachable === true,
          ...(rttMs !== undefined && { rttMs: Math.round(rttMs * 10) / 10 }),
        }
      }),
      datasets: await Promise.all(datasets),
      residencyViolations: violations(),
    }
  }

  async #copy(
    { shards, table, ages: known }: Copies,
    dataset: string,
  ): Promise<ClusterView['datasets'][number]['copy']> {
    if (!shards.stores(dataset)) return undefined
    const digests = (await shards.callAll(dataset, 'digests', {})).flat()
    const { records, tombstones, bytes, sum } = digests.reduce(
      (all, each) => addDigests(all, each.digest),
      emptyDigest,
    )
    const slots = Array.from({ length: table.byId(dataset)?.data.slots ?? 0 }, (_, slot) => slot)
    const ages = slots.map(slot => known.stalenessMs(dataset, slot, undefined))
    const heard = ages.filter(age => age !== undefined)
    const stalenessMs = heard.length < ages.length ? undefined : Math.max(0, ...heard)
    const digest = sum.toString(16).padStart(16, '0')
    return { records, tombstones, bytes, digest, ...(stalenessMs !== undefined && { stalenessMs }) }
  }
}
