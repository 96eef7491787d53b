/**
 * The life cycle of a node, one process of one region. Its parts are made in the order in which
 * they can be trusted: policy file, data directory, links, coordination; then the data plane, and
 * only then does the node answer for data.
 */
import { join } from 'node:path'
import type { ClusterRecord } from '../coordination/cluster-record.ts'
import { CoordinationError } from '../coordination/coordination.ts'
import { StaticCoordination } from '../coordination/static.ts'
import { PeerMeter } from '../metrics/peer-meter.ts'
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import { type Hasher, loadHasher } from '../model/hash.ts'
import type { PolicyData } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { PeerLinks } from '../peers/links.ts'
import type { PeerCall } from '../peers/peers.ts'
import { drift } from '../policy/report.ts'
import { systemClock } from '../runtime/clock.ts'
import { describeError, type Logger } from '../runtime/log.ts'
import { formatAddress, type HostPort } from '../runtime/network.ts'
import { nodeDisk } from '../runtime/node-disk.ts'
import { systemRandom } from '../runtime/random.ts'
import { type Tracing, tracedAnswer } from '../runtime/tracing.ts'
import { traceOf } from '../storage/shard-worker.ts'
import { build } from './build.ts'
import { ClusterStatus, type Copies } from './cluster-status.ts'
import type { Question } from './core-messages.ts'
import { Cores } from './cores.ts'
import { lockDataDirectory } from './data-directory.ts'
import { DataPlane } from './data-plane.ts'
import { desiredPolicy } from './desired-policy.ts'
import { Identity } from './identity.ts'
import { NodeAccess } from './node-access.ts'
import { NodeMetrics } from './node-metrics.ts'
import { openTracing } from './node-tracing.ts'
import { openPeerNetwork, type PeerNetwork } from './peer-network.ts'
import { Recovery } from './recovery.ts'
import { StartError } from './start-error.ts'
import { TlsFiles, type TlsPaths } from './tls-files.ts'
import { usageOf } from './usage.ts'
import { version } from './version.ts'

export interface NodeOptions {
  readonly region: RegionId
  readonly configPath: string
  readonly dataDirectory: string
  readonly listen: HostPort
  readonly peerListen: HostPort
  /** `host:port` of each other region. */
  readonly peers: ReadonlyMap<RegionId, string>
  /** Files of the certificate for clients; undefined: HTTP without TLS. */
  readonly tls: TlsPaths | undefined
  /** Files for links to peers; undefined: plain TCP. */
  readonly peerTls: Required<TlsPaths> | undefined
  /** The public base URL of this node, without a trailing slash. */
  readonly advertise: string
  readonly threads: number
  /** The operator's word that all other regions are stopped. */
  readonly othersStopped: boolean
  /** The operator's word that these regions are lost for good: after a restore none is asked. */
  readonly lost: ReadonlySet<RegionId>
  /** The access file; undefined: whoever reaches `listen` may do anything. */
  readonly accessPath: string | undefined
  readonly log: Logger
}

export interface RunningNode {
  close(): Promise<void>
  /** Resolves when the node has ended; with a reason if nobody asked it to. */
  readonly stopped: Promise<{ reason?: string }>
}

/** How long a node waits for others before it says so in its log. */
const PATIENCE_MS = 2_000
/** How often the cores hear why the node does not serve yet. */
const WAITING_REPORT_MS = 100

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
  #network: PeerNetwork | undefined
  #tls: TlsFiles | undefined
  #links: PeerLinks | undefined
  #cores: Cores | undefined
  #access: NodeAccess | undefined
  #status: ClusterStatus | undefined
  #metrics: NodeMetrics | undefined
  #copies: Copies | undefined
  #recovery: Recovery | undefined
  #data: DataPlane | undefined

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
    await this.#openAccess()
    const { nodeId } = identity
    const coordination = this.#coordinate(identity)
    await coordination.load()
    await this.#openLinks(coordination, nodeId)
    const cores = await this.#listen(coordination, nodeId)
    const cancel = systemClock.after(PATIENCE_MS, () => {
      log.info('the node waits before it serves', { reason: coordination.waitingFor() })
    })
    this.#reportWaiting(coordination, cores)
    await coordination.start()
    cancel()
    await identity.useFormat(coordination.record().dataFormat)
    this.#copies = await this.#openData(coordination, cores, identity)
    coordination.onChange(record => this.#adopt(record, identity))
    this.#peerLinks().follow()
    for (const difference of this.#drift()) {
      log.warn('denizen.yaml differs from the policy in force', { difference })
    }
    log.info('the node serves', { policyEpoch: coordination.record().policyEpoch })
  }

  async #openAccess(): Promise<void> {
    const { accessPath: path, dataDirectory, log } = this.#options
    if (path === undefined) return
    this.#access = await NodeAccess.open({
      ...{ path, dataDirectory, log, disk: nodeDisk, clock: systemClock },
      tell: message => this.#cores?.tell(message),
      usageOf: async dataset => this.#copies && (await usageOf(this.#copies, dataset)),
    })
  }

  /** What is of a newer format comes after the directory says so. */
  #adopt(record: ClusterRecord, identity: Identity): void {
    identity.useFormat(record.dataFormat).then(
      () => this.#cores?.tell({ kind: 'record', record }),
      (error: unknown) => this.#fail('a disk failed', traceOf(error)),
    )
  }

  #coordinate({ nodeId, isRecovering }: Identity): StaticCoordination {
    const { region, advertise, othersStopped, lost, dataDirectory, log } = this.#options
    this.#coordination = new StaticCoordination({
      self: region,
      nodeId,
      url: advertise,
      build,
      restored: isRecovering ? { lost } : undefined,
      desired: this.#desired,
      othersStopped,
      disk: nodeDisk,
      path: join(dataDirectory, 'coordination.cbor'),
      hasher: this.#hasher,
      random: systemRandom,
      clock: systemClock,
      log,
      call: (to, name, body) => this.#peerLinks().call(to, name, body),
    })
    return this.#coordination
  }

  async #openLinks(coordination: StaticCoordination, nodeId: string): Promise<void> {
    const { region, peerListen, peers, peerTls, log } = this.#options
    const speaker = { cluster: this.#desired.cluster, region }
    const clock = systemClock
    this.#network = await openPeerNetwork({ paths: peerTls, speaker, clock, log })
    this.#links = new PeerLinks({
      self: () => ({
        clusterId: coordination.clusterId() ?? null,
        region,
        nodeId,
        keeperEpoch: coordination.order()?.keeperEpoch ?? 0,
        revision: coordination.order()?.revision ?? 0,
      }),
      network: this.#network.network,
      clock,
      random: systemRandom,
      log,
      listen: formatAddress(peerListen),
      ...{ peers, meter: this.#peerMeter },
      handlers: {
        onCall: (...call) => this.#answer(coordination, ...call),
        onStream: (from, stream) => (this.#data ? this.#data.serve(from, stream) : stream.close()),
        onStreamOpen: (to, stream) => (this.#data ? this.#data.follow(to, stream) : stream.close()),
        onPeerState: (from, state) => coordination.observe(from, state),
        onReachability: (region, reachable) =>
          this.#cores?.tell({ kind: 'reachability', region, reachable }),
      },
    })
    try {
      await this.#links.start()
    } catch (error) {
      throw listenError(error, '--peer-listen', peerListen)
    }
  }

  #peerLinks(): PeerLinks {
    assert(this.#links, 'the links are open')
    return this.#links
  }

  async #answer(
    coordination: StaticCoordination,
    from: RegionId,
    name: string,
    body: unknown,
    trace: string | undefined,
  ): Promise<unknown> {
    if (name.startsWith('coordination.')) return await coordination.answer(from, name, body)
    const answer = this.#data?.answerTo(name)
    if (answer) {
      const answering = tracedAnswer(this.#tracing, { peer: from, name, trace }, () =>
        answer(from, body),
      )
      return await this.#peerMeter.answered(from, name, answering)
    }
    throw new DenizenError('not_ready', `${this.#options.region} does not serve yet`)
  }

  async #listen(coordination: StaticCoordination, nodeId: string): Promise<Cores> {
    const { region, threads, listen, tls: paths, log } = this.#options
    const tls = paths && (await TlsFiles.open({ paths, clock: systemClock, log }))
    this.#tls = tls
    this.#status = new ClusterStatus({
      ...{ region, nodeId, version },
      record: () => coordination.record(),
      copies: () => this.#copies,
      drift: () => this.#drift(),
      peers: () => this.#peerLinks().statuses(),
      violations: () => this.#violations,
    })
    const cores = new Cores({
      ...{ region, count: threads, log },
      answer: question => this.#answerCore(question),
      onViolation: () => this.#violated(),
      onDamaged: (dataset, key) => this.#data?.onDamaged(dataset, key),
      onFailure: (reason, trace) => this.#fail(reason, trace),
    })
    this.#cores = cores
    this.#metrics = this.#measure(cores, this.#status)
    try {
      await cores.listen(listen, () => ({ access: this.#access?.state, tls: tls?.current() }))
      tls?.onChange(() => cores.tell({ kind: 'tls', material: tls.current() }))
    } catch (error) {
      throw listenError(error, '--listen', listen)
    }
    return cores
  }

  #measure(cores: Cores, status: ClusterStatus): NodeMetrics {
    const { region, dataDirectory } = this.#options
    return new NodeMetrics({
      ...{ region, version, dataDirectory, peerMeter: this.#peerMeter },
      view: () => status.view(),
      copies: () => this.#copies,
      peers: () => this.#peerLinks().statuses(),
      violations: () => this.#violations,
      quotas: () => this.#access?.state.file.quotas ?? {},
      repairs: () => this.#copies && this.#data?.scrub(false).repairs,
      cores: () => cores.measure(),
    })
  }

  async #answerCore(question: Question): Promise<unknown> {
    if (question.kind === 'cluster') return await this.#status?.view()
    if (question.kind === 'scrub') return this.#data?.scrub(question.start)
    if (question.kind === 'finalizeFormat') return await this.#finalizeFormat()
    if (question.kind === 'metrics') return await this.#metrics?.text()
    const { region, name, body, timeoutMs, trace } = question
    return await this.#peerLinks().call(region, name, body, { timeoutMs, trace })
  }

  async #finalizeFormat(): Promise<number> {
    assert(this.#coordination, 'the node is coordinated')
    return (await this.#coordination.finalizeFormat()).dataFormat
  }

  /** Until the node serves, whoever asks it is told what it waits for. */
  #reportWaiting(coordination: StaticCoordination, cores: Cores): void {
    if (this.#copies || this.#closing) return
    const waitingFor =
      coordination.waitingFor() ?? this.#recovery?.waitingFor ?? 'for its stores to open'
    cores.tell({ kind: 'waits', reason: `the node waits ${waitingFor}` })
    systemClock.after(WAITING_REPORT_MS, () => this.#reportWaiting(coordination, cores))
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
      dataDirectory,
      storesOfNew: threads,
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
    assert(this.#coordination, 'the node is coordinated')
    return drift(this.#coordination.record().current, this.#desired)
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
    this.#recovery?.stop()
    const parts: readonly (() => unknown)[] = [
      () => this.#access?.close(),
      () => this.#tls?.close(),
      () => this.#cores?.stop(),
      () => this.#data?.stop(),
      () => this.#links?.close(),
      () => this.#network?.close(),
      () => this.#tracing?.close(),
      () => this.#data?.close(),
      () => this.#cores?.close(),
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

function listenError(error: unknown, option: string, address: HostPort): unknown {
  if (!(error instanceof Error && 'code' in error)) return error
  const at = formatAddress(address)
  if (error.code === 'EADDRINUSE') {
    return new StartError(`${at} is taken`, `Stop what listens there, or use another ${option}.`)
  }
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'EACCES') {
    return new StartError(`${at} can not be listened on (${error.code})`, `Use another ${option}.`)
  }
  return error
}
