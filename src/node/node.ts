/**
 * The life cycle of a node, one process of one region. Its parts are made in the order in which
 * they can be trusted: policy file, data directory, links, coordination; then the data plane, and
 * only then does the node answer for data.
 */
import { join } from 'node:path'
import { createApi } from '../api/app.ts'
import { CoordinationError } from '../coordination/coordination.ts'
import { StaticCoordination } from '../coordination/static.ts'
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import { type Hasher, loadHasher } from '../model/hash.ts'
import type { PolicyData } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { PeerLinks } from '../peers/links.ts'
import { drift } from '../policy/report.ts'
import { systemClock } from '../runtime/clock.ts'
import { describeError, type Logger } from '../runtime/log.ts'
import { formatAddress, type HostPort } from '../runtime/network.ts'
import { nodeDisk } from '../runtime/node-disk.ts'
import { systemRandom } from '../runtime/random.ts'
import { tcpNetwork } from '../runtime/tcp-network.ts'
import { lockDataDirectory, openIdentity } from './data-directory.ts'
import { DataPlane } from './data-plane.ts'
import { desiredPolicy } from './desired-policy.ts'
import { nodeTarget, startHttpServer } from './http-server.ts'
import { NodeService, type ServingParts } from './node-service.ts'
import { StartError } from './start-error.ts'
import { version } from './version.ts'

export interface NodeOptions {
  readonly region: RegionId
  readonly configPath: string
  readonly dataDirectory: string
  readonly listen: HostPort
  readonly peerListen: HostPort
  /** `host:port` of each other region. */
  readonly peers: ReadonlyMap<RegionId, string>
  /** The public base URL of this node, without a trailing slash. */
  readonly advertise: string
  readonly threads: number
  /** The operator's word that all other regions are stopped. */
  readonly othersStopped: boolean
  readonly log: Logger
}

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
  #end: (result: { reason?: string }) => void = () => {}
  #violations = 0
  #closing: Promise<void> | undefined

  #coordination: StaticCoordination | undefined
  #links: PeerLinks | undefined
  #http: { close(): Promise<void> } | undefined
  #service: NodeService | undefined
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
    const nodeId = await openIdentity(nodeDisk, systemRandom, dataDirectory, region)
    const coordination = this.#coordinate(nodeId)
    await coordination.load()
    await this.#openLinks(coordination, nodeId)
    const service = this.#serve(coordination, nodeId)
    await this.#listen(service)
    const cancel = systemClock.after(PATIENCE_MS, () => {
      log.info('the node waits before it serves', { reason: coordination.waitingFor() })
    })
    await coordination.start()
    cancel()
    service.ready(await this.#openData(coordination))
    this.#peerLinks().follow()
    for (const difference of this.#drift()) {
      log.warn('denizen.yaml differs from the policy in force', { difference })
    }
    log.info('the node serves', { policyEpoch: coordination.record().policyEpoch })
  }

  #coordinate(nodeId: string): StaticCoordination {
    const { region, advertise, othersStopped, dataDirectory, log } = this.#options
    this.#coordination = new StaticCoordination({
      self: region,
      nodeId,
      url: advertise,
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
    const { region, peerListen, peers, log } = this.#options
    this.#links = new PeerLinks({
      self: () => ({
        clusterId: coordination.clusterId() ?? null,
        region,
        nodeId,
        keeperEpoch: coordination.order()?.keeperEpoch ?? 0,
        revision: coordination.order()?.revision ?? 0,
      }),
      network: tcpNetwork,
      clock: systemClock,
      random: systemRandom,
      log,
      listen: formatAddress(peerListen),
      peers,
      handlers: {
        onCall: (from, name, body) => this.#answer(coordination, from, name, body),
        onStream: (from, stream) => (this.#data ? this.#data.serve(from, stream) : stream.close()),
        onStreamOpen: (to, stream) => (this.#data ? this.#data.follow(to, stream) : stream.close()),
        onPeerState: (from, state) => coordination.observe(from, state),
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
  ): Promise<unknown> {
    if (name.startsWith('coordination.')) return await coordination.answer(from, name, body)
    const answer = this.#data?.answerTo(name)
    if (answer) return await answer(from, body)
    throw new DenizenError('not_ready', `${this.#options.region} does not serve yet`)
  }

  #serve(coordination: StaticCoordination, nodeId: string): NodeService {
    this.#service = new NodeService({
      region: this.#options.region,
      nodeId,
      version,
      record: () => coordination.record(),
      waitingFor: () => coordination.waitingFor(),
      drift: () => this.#drift(),
      peers: () => this.#peerLinks().statuses(),
      violations: () => this.#violations,
    })
    return this.#service
  }

  async #openData(coordination: StaticCoordination): Promise<ServingParts> {
    const { region: self, dataDirectory, threads, log } = this.#options
    this.#data = new DataPlane({
      self,
      dataDirectory,
      threads,
      hasher: this.#hasher,
      record: () => coordination.record(),
      links: this.#peerLinks(),
      log,
      onViolation: () => this.#violated(),
      onFailure: (reason, trace) => this.#fail(reason, trace),
    })
    return await this.#data.open()
  }

  #drift(): string[] {
    assert(this.#coordination, 'the node is coordinated')
    return drift(this.#coordination.record().current, this.#desired)
  }

  async #listen(service: NodeService): Promise<void> {
    const { listen, log } = this.#options
    const app = createApi({ service, rawTarget: nodeTarget, log, clock: systemClock, version })
    try {
      this.#http = await startHttpServer({ app, ...listen, log, clock: systemClock })
    } catch (error) {
      throw listenError(error, '--listen', listen)
    }
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
    this.#service?.close()
    this.#end({ reason })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const { log } = this.#options
    this.#coordination?.stop()
    this.#service?.close()
    for (const part of [this.#http, this.#links, this.#data]) {
      if (part === this.#links) this.#data?.stop()
      try {
        await part?.close()
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
