/**
 * The `Service` that the HTTP layer of a node speaks to. Until the node has learnt the policy in
 * force it answers only that it is not ready, and why.
 */
import type { ClusterRecord } from '../coordination/cluster-record.ts'
import { DenizenError } from '../model/errors.ts'
import type { PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { PeerStatus } from '../peers/peers.ts'
import type { Replication } from '../replication/streams.ts'
import type { Explain } from '../routing/explain.ts'
import type { Lists } from '../routing/lists.ts'
import type { Router } from '../routing/router.ts'
import type { ClusterView, Service } from '../routing/service.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import type { NodeOperations } from './shard-operations.ts'

/** What exists once the node may serve. */
export interface ServingParts {
  readonly table: PlacementTable
  readonly router: Router
  readonly lists: Lists
  readonly explain: Explain
  readonly replication: Replication
  readonly shards: ShardClient<NodeOperations>
}

export interface NodeServiceOptions {
  readonly region: RegionId
  readonly nodeId: string
  readonly version: string
  readonly record: () => ClusterRecord
  readonly waitingFor: () => string | undefined
  readonly drift: () => readonly string[]
  readonly peers: () => readonly PeerStatus[]
  readonly violations: () => number
}

export class NodeService implements Service {
  readonly #options: NodeServiceOptions
  #parts: ServingParts | undefined
  #closing = false

  constructor(options: NodeServiceOptions) {
    this.#options = options
  }

  get region(): RegionId {
    return this.#options.region
  }

  ready(parts: ServingParts): void {
    this.#parts = parts
  }

  close(): void {
    this.#closing = true
  }

  notReady(): string | undefined {
    if (this.#closing) return 'the node is stopping'
    if (this.#parts) return undefined
    return `the node waits ${this.#options.waitingFor() ?? 'for its stores to open'}`
  }

  #serving(): ServingParts {
    const reason = this.notReady()
    if (this.#parts && reason === undefined) return this.#parts
    throw new DenizenError('not_ready', reason ?? 'the node is starting')
  }

  admit(...args: Parameters<Service['admit']>): ReturnType<Service['admit']> {
    return this.#serving().router.admit(...args)
  }
  async execute(...args: Parameters<Service['execute']>): ReturnType<Service['execute']> {
    return await this.#serving().router.execute(...args)
  }
  async create(...args: Parameters<Service['create']>): ReturnType<Service['create']> {
    return await this.#serving().router.create(...args)
  }
  async list(...args: Parameters<Service['list']>): ReturnType<Service['list']> {
    return await this.#serving().lists.list(...args)
  }
  async explain(...args: Parameters<Service['explain']>): ReturnType<Service['explain']> {
    return await this.#serving().explain.explain(...args)
  }

  async cluster(): Promise<ClusterView> {
    const parts = this.#serving()
    const { region, nodeId, version, record, drift, peers, violations } = this.#options
    const current = record()
    const statuses = new Map(peers().map(status => [status.region, status]))
    const datasets = [...parts.table.placements].map(async ({ data }) => {
      const { name, prefix, home, store, serve } = data
      const copy = await this.#copy(parts, data.id)
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
      drift: drift(),
      regions: current.current.regions.map(({ id, name, country }) => {
        const url = current.members[id]?.url
        const status = statuses.get(id)
        const rttMs = status?.rttMs
        return {
          region: id,
          name,
          country,
          ...(url && { url }),
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
    { shards, table, replication }: ServingParts,
    dataset: string,
  ): Promise<ClusterView['datasets'][number]['copy']> {
    if (!shards.stores(dataset)) return undefined
    const digests = (await shards.callAll(dataset, 'digests', {})).flat()
    let records = 0
    let tombstones = 0
    let sum = 0n
    for (const { digest } of digests) {
      records += digest.records
      tombstones += digest.tombstones
      sum = BigInt.asUintN(64, sum + digest.sum)
    }
    const slots = Array.from({ length: table.byId(dataset)?.data.slots ?? 0 }, (_, slot) => slot)
    const ages = slots.map(slot => replication.stalenessMs(dataset, slot, undefined))
    const known = ages.filter(age => age !== undefined)
    const stalenessMs = known.length < ages.length ? undefined : Math.max(0, ...known)
    const digest = sum.toString(16).padStart(16, '0')
    return { records, tombstones, digest, ...(stalenessMs !== undefined && { stalenessMs }) }
  }
}
