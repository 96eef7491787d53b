/**
 * What clients of a node meet: its cores, what they may do there, its certificate; and what the
 * cores ask of the main thread.
 */
import { join } from 'node:path'
import type { StaticCoordination } from '../coordination/static.ts'
import type { PeerMeter } from '../metrics/peer-meter.ts'
import type { AdministrativeAct } from '../model/administrative-act.ts'
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import type { RegionId } from '../model/slot.ts'
import type { PeerLinks } from '../peers/links.ts'
import { type Audit, auditLog } from '../runtime/audit-log.ts'
import { systemClock } from '../runtime/clock.ts'
import { describeError, type Logger } from '../runtime/log.ts'
import type { HostPort } from '../runtime/network.ts'
import { nodeDisk } from '../runtime/node-disk.ts'
import { ClusterStatus, type Copies } from './cluster-status.ts'
import type { Question } from './core-messages.ts'
import { Cores } from './cores.ts'
import type { DataPlane } from './data-plane.ts'
import { type ErasureReceiptsOptions, eraseGroup, erasureReceipt } from './erasure-receipts.ts'
import { listenError } from './listen-error.ts'
import { holdGroup, moveReceipt } from './move-receipts.ts'
import { NodeAccess } from './node-access.ts'
import { NodeMetrics } from './node-metrics.ts'
import { PolicyCensus } from './policy-census.ts'
import type { PolicyChanges } from './policy-changes.ts'
import { publicReceiptKeys } from './receipt-keys.ts'
import { TlsFiles, type TlsPaths } from './tls-files.ts'
import { usageOf } from './usage.ts'
import { version } from './version.ts'

export interface FrontOptions {
  readonly region: RegionId
  readonly nodeId: string
  readonly dataDirectory: string
  readonly listen: HostPort
  readonly threads: number
  readonly tls: TlsPaths | undefined
  readonly accessPath: string | undefined
  readonly coordination: StaticCoordination
  readonly changes: PolicyChanges
  readonly links: PeerLinks
  readonly peerMeter: PeerMeter
  readonly log: Logger
  /** Undefined until the stores are open. */
  readonly data: () => DataPlane | undefined
  readonly copies: () => Copies | undefined
  readonly drift: () => readonly string[]
  /** Why the node does not serve yet; undefined once it does, or ends. */
  readonly waitingFor: () => string | undefined
  readonly violations: () => number
  readonly onViolation: () => void
  readonly onFailure: (reason: string, trace: string) => void
}

/** How often the cores hear why the node does not serve yet. */
const WAITING_REPORT_MS = 100

export class Front {
  readonly cores: Cores
  readonly #options: FrontOptions
  readonly #status: ClusterStatus
  readonly #metrics: NodeMetrics
  readonly #audit: Audit
  readonly #census: PolicyCensus
  #access: NodeAccess | undefined
  #tls: TlsFiles | undefined

  private constructor(options: FrontOptions) {
    const { region, threads, log, data, onViolation, onFailure } = options
    this.#options = options
    this.#audit = auditLog(join(options.dataDirectory, 'audit.log'), systemClock)
    this.#status = this.#createStatus()
    this.#census = new PolicyCensus({ copies: options.copies, clock: systemClock })
    this.cores = new Cores({
      ...{ region, count: threads, log, onViolation, onFailure },
      answer: question => this.#answer(question),
      onDamaged: (dataset, key) => data()?.onDamaged(dataset, key),
    })
    this.#metrics = this.#createMetrics()
  }

  /** Listens for clients, who are told what the node waits for. Throws `StartError`. */
  static async open(options: FrontOptions): Promise<Front> {
    const { listen, tls: paths, log } = options
    // What is wrong with a file is told before any thread starts.
    const tls = paths && (await TlsFiles.open({ paths, clock: systemClock, log }))
    const front = new Front(options)
    front.#tls = tls
    try {
      await front.#openAccess()
      await front.#listen()
    } catch (error) {
      await front.stop()
      await front.close()
      throw listenError(error, '--listen', listen)
    }
    front.#reportWaiting()
    return front
  }

  async #openAccess(): Promise<void> {
    const { accessPath: path, copies, log } = this.#options
    if (path === undefined) return
    this.#access = await NodeAccess.open({
      ...{ path, log, audit: this.#audit, disk: nodeDisk, clock: systemClock },
      tell: message => this.cores.tell(message),
      usageOf: async dataset => {
        const opened = copies()
        return opened && (await usageOf(opened, dataset))
      },
    })
  }

  async #listen(): Promise<void> {
    const tls = this.#tls
    await this.cores.listen(this.#options.listen, () => ({
      access: this.#access?.state,
      tls: tls?.current(),
    }))
    tls?.onChange(() => this.cores.tell({ kind: 'tls', material: tls.current() }))
  }

  #createStatus(): ClusterStatus {
    const { region, nodeId, coordination, copies, drift, links, violations } = this.#options
    return new ClusterStatus({
      ...{ region, nodeId, version, copies, drift, violations },
      record: () => coordination.record(),
      peers: () => links.statuses(),
    })
  }

  #createMetrics(): NodeMetrics {
    const { region, dataDirectory, peerMeter, copies, links, violations, data } = this.#options
    return new NodeMetrics({
      ...{ region, version, dataDirectory, peerMeter, copies, violations },
      view: () => this.#status.view(),
      peers: () => links.statuses(),
      quotas: () => this.#access?.state.file.quotas ?? {},
      repairs: () => copies() && data()?.scrub(false),
      cores: () => this.cores.measure(),
      moves: () => data()?.moves() ?? [],
    })
  }

  /** What a core asks of the main thread. */
  async #answer(question: Question): Promise<unknown> {
    const { coordination, data, links } = this.#options
    switch (question.kind) {
      case 'acks':
        return await this.#data().regionsWith(question.dataset, question.regions, question.writes)
      case 'cluster':
        return await this.#status.view()
      case 'scrub':
        return data()?.scrub(question.start)
      case 'rehome':
        return await data()?.rehome(question)
      case 'erase':
        return await eraseGroup(this.#erasing(), question)
      case 'hold':
        return await holdGroup(this.#erasing(), question)
      case 'moveReceipt':
        return await moveReceipt(this.#erasing(), question)
      case 'erasureReceipt':
        return await erasureReceipt(this.#erasing(), question)
      case 'finalizeFormat':
        return (await coordination.acts.finalizeFormat()).dataFormat
      case 'rotateReceiptKey':
        return publicReceiptKeys(await coordination.acts.receiptKey(true))
      case 'beginCensus':
        return this.#census.begin(question.desired)
      case 'census':
        return this.#census.view()
      case 'policyChange':
        return await (question.wish === undefined
          ? this.#options.changes.view()
          : this.#options.changes.begin(question.wish))
      case 'policyReceipt':
        return await this.#options.changes.receipt()
      case 'record':
        return await this.#record(question.act)
      case 'metrics':
        return await this.#metrics.text()
      case 'call': {
        const { region, name, body, timeoutMs, trace } = question
        return await links.call(region, name, body, { timeoutMs, trace })
      }
    }
  }

  #erasing(): ErasureReceiptsOptions {
    const { coordination, data } = this.#options
    const parts = data()?.erasing()
    if (!parts) throw new DenizenError('not_ready', 'the stores are not open yet')
    const keyedRecord = () => coordination.acts.receiptKey(false)
    return { ...parts, clock: systemClock, keyedRecord }
  }

  #data(): DataPlane {
    const data = this.#options.data()
    assert(data, 'a core writes once the stores are open')
    return data
  }

  /** What was done is not undone for a log that can't be written. */
  async #record(act: AdministrativeAct): Promise<void> {
    try {
      await this.#audit.record(act)
    } catch (error) {
      this.#options.log.error('an act is missing in the audit log', describeError(error))
    }
  }

  #reportWaiting(): void {
    const waitingFor = this.#options.waitingFor()
    if (waitingFor === undefined) return
    this.cores.tell({ kind: 'waits', reason: `the node waits ${waitingFor}` })
    systemClock.after(WAITING_REPORT_MS, () => this.#reportWaiting())
  }

  /** Takes no new requests, and ends those under way. */
  async stop(): Promise<void> {
    this.#census.stop()
    await this.#access?.close()
    this.#tls?.close()
    await this.cores.stop()
  }

  /** Ends the threads. */
  async close(): Promise<void> {
    await this.cores.close()
  }
}
