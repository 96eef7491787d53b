/**
 * The life cycle of a node, one process of one region. Its parts are made in the order in which
 * they can be trusted: policy file, data directory, links, coordination; then the data plane, and
 * only then does the node answer for data.
 */
import type { ClusterRecord } from '../coordination/cluster-record.ts'
import { CoordinationError } from '../coordination/coordination.ts'
import type { StaticCoordination } from '../coordination/static.ts'
import { PeerMeter } from '../metrics/peer-meter.ts'
import { assert } from '../model/assert.ts'
import { type Hasher, loadHasher } from '../model/hash.ts'
import type { PolicyData } from '../model/placement.ts'
import type { PeerLinks } from '../peers/links.ts'
import type { PeerCall } from '../peers/peers.ts'
import { drift } from '../policy/report.ts'
import { systemClock } from '../runtime/clock.ts'
import { describeError } from '../runtime/log.ts'
import { nodeDisk } from '../runtime/node-disk.ts'
import { systemRandom } from '../runtime/random.ts'
import type { Tracing } from '../runtime/tracing.ts'
import { traceOf } from '../storage/shard-worker.ts'
import { build } from './build.ts'
import type { Copies } from './cluster-status.ts'
import type { Cores } from './cores.ts'
import { eraseDatasets, lockDataDirectory, openLayouts, storesOfNew } from './data-directory.ts'
import { DataPlane } from './data-plane.ts'
import { desiredPolicy } from './desired-policy.ts'
import { Front } from './front.ts'
import { Identity } from './identity.ts'
import { coordinate } from './node-coordination.ts'
import { NodeLinks } from './node-links.ts'
import type { NodeOptions } from './node-options.ts'
import { openTracing } from './node-tracing.ts'
import { openPeerNetwork } from './peer-network.ts'
import type { PolicyChanges } from './policy-changes.ts'
import { Recovery } from './recovery.ts'
import { StartError } from './start-error.ts'

export interface RunningNode {
  close(): Promise<void>
  /** Resolves when the node has ended; with a reason if nobody asked it to. */
  readonly stopped: Promise<{ reason?: string }>
}

/** How long a node waits for others before it says so in its log. */
const PATIENCE_MS = 2_000

/** Resolves when the node serves. Throws `StartError`. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const desired = desiredPolicy(options.configPath, options.region)
  const unlock = await lockDataDirectory(options.dataDirectory)
  const node = new Node(options, desired, unlock, await loadHasher())
  try {
    await Promise.race([node.start(), endOf(node)])
  } catch (error) {
    await node.close()
    if (error instanceof CoordinationError) throw new StartError(error.message, error.action)
    throw error
  }
  return node
}

/** A store that does not open ends the node before it has started. */
async function endOf(node: RunningNode): Promise<void> {
  const { reason } = await node.stopped
  if (reason === undefined) return
  throw new StartError(
    `the node can't start: ${reason}`,
    'Its log says more. Run denizen doctor --verify on its data directory.',
    1,
  )
}

class Node implements RunningNode {
  readonly stopped: Promise<{ reason?: string }>
  readonly #options: NodeOptions
  readonly #desired: PolicyData
  readonly #unlock: () => void
  readonly #hasher: Hasher
  readonly #peerMeter = new PeerMeter(systemClock)
  #end: (result: { reason?: string }) => void = () => {}
  #violations = 0
  #closing: Promise<void> | undefined

  #coordination: StaticCoordination | undefined
  #tracing: Tracing | undefined
  #links: NodeLinks | undefined
  #front: Front | undefined
  #copies: Copies | undefined
  #recovery: Recovery | undefined
  #data: DataPlane | undefined
  #changes: PolicyChanges | undefined

  constructor(options: NodeOptions, desired: PolicyData, unlock: () => void, hasher: Hasher) {
    this.#options = options
    this.#desired = desired
    this.#unlock = unlock
    this.#hasher = hasher
    this.stopped = new Promise(resolve => {
      this.#end = resolve
    })
  }

  async start(): Promise<void> {
    const { region, dataDirectory, log } = this.#options
    this.#tracing = await openTracing(region, log)
    const identity = await Identity.open(
      { disk: nodeDisk, directory: dataDirectory, region, build },
      systemRandom,
    )
    const { nodeId } = identity
    const coordination = this.#coordinate(identity)
    await coordination.load()
    const links = await this.#openLinks(coordination, nodeId)
    const { cores } = await this.#openFront(coordination, nodeId)
    const cancel = systemClock.after(PATIENCE_MS, () => {
      log.info('the node waits before it serves', { reason: coordination.waitingFor() })
    })
    await coordination.start()
    cancel()
    await identity.useFormat(coordination.record().dataFormat)
    this.#copies = await this.#openData(coordination, cores, identity)
    coordination.onChange(record => this.#adopt(record, identity))
    links.follow()
    for (const difference of this.#drift()) {
      log.warn('denizen.yaml differs from the policy in force', { difference })
    }
    this.#policyChanges().start()
    log.info('the node serves', { policyEpoch: coordination.record().policyEpoch })
  }

  /** What is of a newer format comes after the directory says so. */
  #adopt(record: ClusterRecord, identity: Identity): void {
    identity.useFormat(record.dataFormat).then(
      () => {
        this.#front?.cores.tell({ kind: 'record', record })
        this.#data?.onRecord()
      },
      (error: unknown) => this.#fail('a disk failed', traceOf(error)),
    )
  }

  #coordinate(identity: Identity): StaticCoordination {
    const { coordination, changes } = coordinate({
      ...{ ...this.#options, identity, desired: this.#desired, hasher: this.#hasher },
      call: (...args) => this.#peerLinks().call(...args),
      answer: () => this.#data?.answerTo('policy'),
    })
    this.#changes = changes
    this.#coordination = coordination
    return coordination
  }

  #policyChanges(): PolicyChanges {
    assert(this.#changes, 'the node is coordinated')
    return this.#changes
  }

  #peerLinks(): PeerLinks {
    assert(this.#links, 'the links are open')
    return this.#links.links
  }

  async #openLinks(coordination: StaticCoordination, nodeId: string): Promise<PeerLinks> {
    const { region, peerListen, peers, peerTls, log } = this.#options
    const clock = systemClock
    const speaker = { cluster: this.#desired.cluster, region }
    const network = await openPeerNetwork({ paths: peerTls, speaker, clock, log })
    this.#links = await NodeLinks.open({
      ...{ region, nodeId, peers, coordination, log, clock, random: systemRandom },
      ...{ listen: peerListen, network, meter: this.#peerMeter, tracing: this.#tracing },
      change: body => this.#policyChanges().answer(body),
      data: () => this.#data,
      onReachability: (peer, reachable) =>
        this.#front?.cores.tell({ kind: 'reachability', region: peer, reachable }),
    })
    return this.#links.links
  }

  async #openFront(coordination: StaticCoordination, nodeId: string): Promise<Front> {
    this.#front = await Front.open({
      ...this.#options,
      ...{ nodeId, coordination, links: this.#peerLinks(), peerMeter: this.#peerMeter },
      changes: this.#policyChanges(),
      data: () => this.#data,
      copies: () => this.#copies,
      drift: () => this.#drift(),
      waitingFor: () => this.#waitingFor(),
      violations: () => this.#violations,
      onViolation: () => this.#violated(),
      onFailure: (reason, trace) => this.#fail(reason, trace),
    })
    return this.#front
  }

  #waitingFor(): string | undefined {
    if (this.#copies || this.#closing) return undefined
    const { waitingFor } = this.#recovery ?? {}
    return this.#coordination?.waitingFor() ?? waitingFor ?? 'for its stores to open'
  }

  async #openData(
    coordination: StaticCoordination,
    cores: Cores,
    identity: Identity,
  ): Promise<Copies> {
    const { region: self, dataDirectory, threads, lost, log } = this.#options
    const call: PeerCall = (...args) => this.#peerLinks().call(...args)
    if (identity.isRecovering) {
      this.#recovery = new Recovery({ self, lost, identity, dataDirectory, call, log })
    }
    this.#data = new DataPlane({
      self,
      erase: datasets => eraseDatasets(dataDirectory, datasets),
      layOut: table => openLayouts(nodeDisk, dataDirectory, table, self, storesOfNew(threads)),
      clock: systemClock,
      random: systemRandom,
      hasher: this.#hasher,
      cores,
      record: () => coordination.record(),
      links: this.#peerLinks(),
      recovery: this.#recovery,
      ...{ log, meter: this.#peerMeter, tracing: this.#tracing },
      onViolation: () => this.#violated(),
      onFailure: (reason, trace) => this.#fail(reason, trace),
    })
    return await this.#data.open()
  }

  #drift(): string[] {
    const record = this.#coordination?.record()
    return record ? drift(record.current, this.#desired) : []
  }

  #violated(): void {
    this.#violations += 1
    this.#options.log.error('a residency check refused a message: a bug, or an attack', {
      violations: this.#violations,
    })
  }

  /** Something that must not fail has failed: the process has to end. */
  #fail(reason: string, trace: string): void {
    if (this.#closing) return
    this.#options.log.error(reason, { trace })
    this.#end({ reason })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const { log } = this.#options
    this.#coordination?.stop()
    this.#changes?.stop()
    this.#recovery?.stop()
    const parts: readonly (() => unknown)[] = [
      () => this.#front?.stop(),
      () => this.#data?.stop(),
      () => this.#links?.close(),
      () => this.#tracing?.close(),
      () => this.#data?.close(),
      () => this.#front?.close(),
    ]
    for (const close of parts) {
      try {
        await close()
      } catch (error) {
        log.warn('a part of the node did not close', { ...describeError(error) })
      }
    }
    this.#unlock()
    this.#end({})
  }
}
