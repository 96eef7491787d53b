/**
 * What a node tells Prometheus: what its threads have counted, and what there is once per node. It
 * is made when somebody asks; those who ask meanwhile get the same page.
 */
import type { Quota } from '../access/access-file.ts'
import { type Family, gauge, gauges, type Sample } from '../metrics/family.ts'
import type { PeerMeter } from '../metrics/peer-meter.ts'
import { DenizenError } from '../model/errors.ts'
import { limits } from '../model/limits.ts'
import type { PeerStatus } from '../peers/peers.ts'
import type { ScrubReport } from '../routing/scrub-report.ts'
import type { ClusterView } from '../routing/service.ts'
import { nodeDisk } from '../runtime/node-disk.ts'
import type { Copies } from './cluster-status.ts'
import { comparisonFamilies } from './comparison-families.ts'
import { EventLoopDelay } from './event-loop-delay.ts'
import { MetricsPage } from './metrics-page.ts'
import { storedBytes } from './stored-bytes.ts'

export interface NodeMetricsOptions {
  readonly region: string
  readonly version: string
  readonly dataDirectory: string
  /** Throws `not_ready`. */
  readonly view: () => Promise<ClusterView>
  readonly copies: () => Copies | undefined
  readonly peers: () => readonly PeerStatus[]
  readonly violations: () => number
  /** Of records that were found damaged or different; undefined before the stores are open. */
  readonly repairs: () => Pick<ScrubReport, 'repairs' | 'comparisons'> | undefined
  /** By name of dataset, as the access file has them. */
  readonly quotas: () => Readonly<Record<string, Quota>>
  /** What each core has counted. */
  readonly cores: () => Promise<readonly (readonly Family[])[]>
  readonly peerMeter: PeerMeter
  /** Of groups that were moved. */
  readonly moves: () => readonly Family[]
}

export class NodeMetrics {
  readonly #options: NodeMetricsOptions
  readonly #page: MetricsPage
  readonly #delay = new EventLoopDelay('main')
  #running: Promise<string> | undefined

  constructor(options: NodeMetricsOptions) {
    this.#options = options
    this.#page = new MetricsPage({ region: options.region })
  }

  text(): Promise<string> {
    this.#running ??= this.#text().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #text(): Promise<string> {
    const { cores, peerMeter } = this.#options
    const [counted, own] = await Promise.all([cores(), this.#own()])
    return await this.#page.text([...counted, peerMeter.families(), own])
  }

  async #own(): Promise<Family[]> {
    const copies = this.#options.copies()
    const view = await this.#view()
    return [
      this.#delay.family(),
      gauge('denizen_ready', '1 while the node serves.', view ? 1 : 0),
      ...this.#node(view),
      ...peerFamilies(this.#options.peers()),
      ...quotaFamilies(this.#options.quotas()),
      ...(copies ? [...lagFamilies(copies), await bytesFamily(copies)] : []),
      ...this.#options.moves(),
      ...(view ? datasetFamilies(view) : []),
    ]
  }

  async #view(): Promise<ClusterView | undefined> {
    try {
      return await this.#options.view()
    } catch (error) {
      if (error instanceof DenizenError) return undefined
      throw error
    }
  }

  #node(view: ClusterView | undefined): Family[] {
    const { version, dataDirectory, violations, repairs } = this.#options
    const damaged = repairs()
    const roomBytes = nodeDisk.roomBytes(dataDirectory)
    const labels = { version, ...(view && { cluster: view.cluster, node_id: view.nodeId }) }
    const readOnly = roomBytes < limits.diskReserveBytes ? 1 : 0
    return [
      counted(
        'denizen_refused_placements_total',
        'Messages that a residency check refused: anything but 0 is a bug, or an attack.',
        violations(),
      ),
      gauges('denizen_info', 'The node; always 1.', [{ labels, value: 1 }]),
      gauge('denizen_disk_free_bytes', 'Room where the data directory lies.', roomBytes),
      gauge('denizen_read_only', '1 while values are refused for want of room.', readOnly),
      ...(view ? policyFamilies(view) : []),
      ...(damaged ? repairFamilies(damaged.repairs) : []),
      ...(damaged ? comparisonFamilies(damaged.comparisons) : []),
    ]
  }
}

const counted = (name: string, help: string, value: number): Family => ({
  ...{ name, help, values: [{ labels: {}, value }] },
  ...{ type: 'counter', aggregator: 'sum' },
})

const quotaFamilies = (quotas: Readonly<Record<string, Quota>>): Family[] => {
  const of = (value: (quota: Quota) => number | undefined): Sample[] =>
    Object.entries(quotas).flatMap(([dataset, quota]) => {
      const bound = value(quota)
      return bound === undefined ? [] : [{ labels: { dataset }, value: bound }]
    })
  return [
    gauges(
      'denizen_quota_records',
      'Values that a dataset may hold here, all its partitions together.',
      of(({ records }) => records),
    ),
    gauges(
      'denizen_quota_bytes',
      'Bytes of their keys and values, likewise.',
      of(({ bytes }) => bytes),
    ),
  ]
}

const repairFamilies = ({ found, repaired, waiting }: ScrubReport['repairs']): Family[] => [
  counted('denizen_damaged_records_total', 'Records that were found damaged.', found),
  counted('denizen_repaired_records_total', 'Of them, those that are whole again.', repaired),
  gauge('denizen_damaged_records_waiting', 'Of them, those that still are not.', waiting),
]

const policyFamilies = ({ policyEpoch, policyPhase, drift }: ClusterView): Family[] => [
  gauge('denizen_policy_epoch', 'The number of the policy in force.', policyEpoch),
  gauge('denizen_policy_changing', '1 while it is being changed.', policyPhase ? 1 : 0),
  gauge(
    'denizen_policy_differences',
    'How many things denizen.yaml of this node has otherwise than the policy in force.',
    drift.length,
  ),
]

function peerFamilies(peers: readonly PeerStatus[]): Family[] {
  const of = (value: (peer: PeerStatus) => number | undefined): Sample[] =>
    peers.flatMap(peer => {
      const found = value(peer)
      return found === undefined ? [] : [{ labels: { peer: peer.region }, value: found }]
    })
  return [
    gauges(
      'denizen_peer_up',
      '1 while calls to the region are answered.',
      of(({ reachable }) => (reachable ? 1 : 0)),
    ),
    gauges(
      'denizen_peer_feeds_up',
      "1 while this region follows the other's feeds.",
      of(({ streaming }) => (streaming ? 1 : 0)),
    ),
    gauges(
      'denizen_peer_round_trip_seconds',
      'Smoothed; the last one that was measured while the region does not answer.',
      of(({ rttMs }) => rttMs && rttMs / 1_000),
    ),
    gauges(
      'denizen_peer_calls_in_flight',
      'Calls to the region that wait for their answers.',
      of(({ callsInFlight }) => callsInFlight),
    ),
  ]
}

function lagFamilies({ replication, ages }: Copies): Family[] {
  const lags = replication.lags()
  return [
    replication.acksFamily(),
    gauges(
      'denizen_replication_lag_seconds',
      'Age of the copy of what a region homes; +Inf while nothing was heard of it.',
      lags.map(({ dataset, source }) => {
        const lagMs = ages.lagMs(dataset, source) ?? Number.POSITIVE_INFINITY
        return { labels: { dataset, source }, value: lagMs / 1_000 }
      }),
    ),
    gauges(
      'denizen_replication_lag_records',
      'Changes of a region that its last answer named and the copy here has not applied.',
      lags.map(({ dataset, source, changes }) => ({ labels: { dataset, source }, value: changes })),
    ),
    gauges(
      'denizen_feed_queue_bytes',
      'Bytes of feeds that wait to be sent to a follower.',
      replication.queues().map(({ peer, bytes }) => ({ labels: { peer }, value: bytes })),
    ),
  ]
}

async function bytesFamily({ stores }: Copies): Promise<Family> {
  const values = await Promise.all(
    stores.map(async ({ dataset, store, directory }) => ({
      labels: { dataset, store: String(store) },
      value: await storedBytes(directory),
    })),
  )
  return gauges('denizen_store_bytes', 'What the files of a store take of the disk.', values)
}

/** As stores, feeds and registrars name it. */
const idOf = (name: string, partition: string | undefined): string =>
  partition === undefined ? name : `${name}/${partition}`

function datasetFamilies({ datasets }: ClusterView): Family[] {
  const copies = datasets.flatMap(({ name, partition, copy }) =>
    copy ? [{ labels: { dataset: idOf(name, partition) }, copy }] : [],
  )
  return [
    gauges(
      'denizen_records',
      'Values that the copy holds.',
      copies.map(({ labels, copy }) => ({ labels, value: copy.records })),
    ),
    gauges(
      'denizen_tombstones',
      'Deletions that the copy remembers.',
      copies.map(({ labels, copy }) => ({ labels, value: copy.tombstones })),
    ),
    gauges(
      'denizen_record_bytes',
      'Bytes of the keys and values that the copy holds.',
      copies.map(({ labels, copy }) => ({ labels, value: copy.bytes })),
    ),
  ]
}
