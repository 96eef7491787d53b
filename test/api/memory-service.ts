/**
 * A second implementation of the `Service` port: one region, everything in a map. It has versions,
 * preconditions, partitions and admission; no feeds, no peers, no disk.
 */

import type {
  ListItem,
  Operation,
  Outcome,
  Receipt,
  Transacted,
  Transaction,
} from '../../src/execution/operation.ts'
import { compareUtf8 } from '../../src/model/bytes.ts'
import { DenizenError } from '../../src/model/errors.ts'
import { type Key, parseKey } from '../../src/model/key.ts'
import { generationStart } from '../../src/model/position.ts'
import { compareVersions, formatVersion, type Version } from '../../src/model/version.ts'
import type { FoundNow } from '../../src/routing/found-now.ts'
import type {
  Admission,
  Answer,
  ClusterView,
  CreateAnswer,
  CreateRequest,
  Explanation,
  ListPage,
  ListRequest,
  OpenWatch,
  RequestContext,
  Service,
  TransactionAnswer,
  WatchRequest,
} from '../../src/routing/service.ts'

const serve = { kind: 'serve', stored: true, everyKey: false } as const
export const served = { ...serve, cacheable: false } as const
export const servedAnywhere = { ...serve, cacheable: true } as const

export interface MemoryPartition {
  readonly prefix: string
  readonly admission: Admission
}

interface StoredRecord {
  readonly version: Version
  readonly mediaType: string
  readonly value: Uint8Array
  readonly expiresAtMs?: number
}

interface MemoryDataset {
  readonly partitions: readonly MemoryPartition[]
  readonly records: Map<Key, StoredRecord>
}

export class MemoryService implements Service {
  readonly region: string
  /** Why the node is not ready yet. */
  unready: string | undefined
  /** Who answers reads and lists. */
  readReceipt: Receipt
  /** What the next call to the service meets instead of success. */
  nextFailure: Error | undefined
  /** What the next transactions come to. */
  nextTransacted: Omit<Transacted, 'kind' | 'receipt'> = { succeeded: true, results: [] }
  /** What the next watch is; without one, it ends at once. */
  nextWatch: OpenWatch | undefined
  readonly watches: WatchRequest[] = []
  /** Transactions, operations and creations so far. */
  readonly transactions: Transaction[] = []
  readonly operations: Operation[] = []
  readonly created: CreateRequest[] = []
  /** Contexts of the calls so far, as clients asked for them. */
  readonly contexts: RequestContext[] = []
  readonly #datasets = new Map<string, MemoryDataset>()
  #position = generationStart(1)

  constructor(region: string) {
    this.region = region
    this.readReceipt = this.#homeReceipt
  }

  get #homeReceipt(): Receipt {
    return { home: this.region, servedBy: this.region, role: 'home', stalenessMs: 0 }
  }

  addDataset(name: string, partitions: readonly MemoryPartition[]): this {
    this.#datasets.set(name, { partitions, records: new Map() })
    return this
  }

  readOnly(): boolean {
    return false
  }

  notReady(): string | undefined {
    return this.unready
  }

  nodeNotReady(): string | undefined {
    return this.unready
  }

  admit(name: string, keyOrPrefix: string, via: string | undefined): Admission {
    const { admission } = this.#partition(name, keyOrPrefix)
    if (admission.kind === 'redirect' && via !== undefined) {
      throw new DenizenError('no_serving_region', 'the region that sent it here serves it no more')
    }
    return admission
  }

  findNow(name: string, key: Key, token: string | undefined): FoundNow | undefined {
    const dataset = this.#datasets.get(name)
    const admission = dataset?.partitions.find(({ prefix }) => key.startsWith(prefix))?.admission
    const record = dataset?.records.get(key)
    if (!record || admission?.kind !== 'serve' || !admission.stored) return undefined
    if (this.unready !== undefined || this.nextFailure !== undefined) return undefined
    if (this.readReceipt.servedBy !== this.region) return undefined
    this.#called({ consistency: 'session', ...(token !== undefined && { session: token }) })
    this.operations.push({ kind: 'get', key })
    const found = { ...record, session: 's/1+2', cacheable: admission.cacheable }
    // Every token leads to the same one here.
    return { found, receipt: this.readReceipt, session: found.session }
  }

  async execute(
    name: string,
    operations: readonly Operation[],
    context: RequestContext,
  ): Promise<Answer> {
    this.#called(context)
    this.operations.push(...operations)
    return { outcomes: operations.map(one => this.#outcomeOf(name, one)), session: 's/1+2' }
  }

  async create(
    name: string,
    { prefix, ...request }: CreateRequest,
    context: RequestContext,
  ): Promise<CreateAnswer> {
    this.#called(context)
    this.created.push({ prefix, ...request })
    const key = parseKey(`${prefix}~${this.region}~${(this.#position + 1).toString(36)}`)
    const operation: Operation = { kind: 'put', key, precondition: {}, ...request }
    return { key, outcomes: [this.#apply(name, operation)], session: 's/1+2' }
  }

  /** Answers what the test has put into `nextTransacted`. */
  async transact(
    _name: string,
    transaction: Transaction,
    context: RequestContext,
  ): Promise<TransactionAnswer> {
    this.#called(context)
    this.transactions.push(transaction)
    const receipt = this.#homeReceipt
    return { outcome: { kind: 'transacted', ...this.nextTransacted, receipt }, session: 's/1+2' }
  }

  async list(name: string, request: ListRequest, context: RequestContext): Promise<ListPage> {
    this.#called(context)
    const { records } = this.#dataset(name)
    const keys = [...records.keys()]
      .filter(key => isListed(key, request))
      .filter(key => request.after === undefined || compareUtf8(key, request.after) > 0)
      .sort(compareUtf8)
    const items: ListItem[] = keys.slice(0, request.limit).flatMap(key => {
      const record = records.get(key)
      if (!record) return []
      const { value, ...rest } = record
      return [{ key, ...rest, ...(request.values ? { value } : {}) }]
    })
    const last = items.at(-1)
    const more = keys.length > items.length && last !== undefined
    return { items, receipt: this.readReceipt, ...(more ? { next: last.key } : {}) }
  }

  async watch(_name: string, request: WatchRequest): Promise<OpenWatch> {
    this.watches.push(request)
    if (this.nextFailure) throw this.nextFailure
    return this.nextWatch ?? { kind: 'watch', batches: noBatches(), end() {} }
  }

  async explain(dataset: string, key: Key): Promise<Explanation> {
    return {
      dataset,
      group: key,
      slot: 7,
      home: { region: this.region, since: '0', reason: 'it is the only region' },
      policyEpoch: 1,
      law: ['gdpr'],
      regions: [
        {
          region: this.region,
          mayHome: true,
          mayStore: true,
          mayServe: true,
          forbids: [],
          copy: { state: 'home', version: '0.1', stalenessMs: 0 },
        },
      ],
    }
  }

  async cluster(): Promise<ClusterView> {
    return {
      cluster: 'test',
      clusterId: 'c1',
      region: this.region,
      nodeId: 'n1',
      version: '0.1.0',
      keeper: this.region,
      keeperEpoch: 1,
      revision: 1,
      policyEpoch: 1,
      dataFormat: 1,
      drift: [],
      regions: [{ region: this.region, name: 'Test', country: 'IE', self: true, reachable: true }],
      datasets: [],
      residencyViolations: 0,
    }
  }

  #called(context: RequestContext): void {
    const { phases: _, ...asked } = context
    this.contexts.push(asked)
    const failure = this.nextFailure
    this.nextFailure = undefined
    if (failure) throw failure
  }

  #dataset(name: string): MemoryDataset {
    const dataset = this.#datasets.get(name)
    if (dataset) return dataset
    throw new DenizenError('unknown_dataset', 'there is no dataset of this name')
  }

  #partition(name: string, key: string): MemoryPartition {
    const found = this.#dataset(name).partitions.find(({ prefix }) => key.startsWith(prefix))
    if (found) return found
    throw new DenizenError('no_partition', 'the key begins with no partition')
  }

  #outcomeOf(name: string, operation: Operation): Outcome {
    try {
      return this.#apply(name, operation)
    } catch (error) {
      if (!(error instanceof DenizenError)) throw error
      return { kind: 'failed', error, receipt: this.#homeReceipt }
    }
  }

  #apply(name: string, operation: Operation): Outcome {
    const { records } = this.#dataset(name)
    const record = records.get(operation.key)
    if (operation.kind === 'get') {
      if (!record) return { kind: 'absent', receipt: this.readReceipt }
      return { kind: 'found', ...record, receipt: this.readReceipt }
    }
    checkPrecondition(operation.precondition, record?.version)
    const receipt = this.#homeReceipt
    if (operation.kind === 'delete') {
      if (!record) return { kind: 'absent', receipt }
      records.delete(operation.key)
      return { kind: 'deleted', version: this.#nextVersion(), receipt }
    }
    const { value, mediaType, ttlMs } = operation
    const version = this.#nextVersion()
    const life = ttlMs === undefined ? {} : { expiresAtMs: Date.now() + ttlMs }
    records.set(operation.key, { version, mediaType, value: value.slice(), ...life })
    return { kind: 'written', version, created: record === undefined, receipt }
  }

  #nextVersion(): Version {
    this.#position += 1
    return { term: 0, seq: this.#position }
  }
}

async function* noBatches(): AsyncGenerator<never> {}

function checkPrecondition(
  { ifMatch, ifNoneMatch }: Extract<Operation, { kind: 'put' }>['precondition'],
  current: Version | undefined,
): void {
  const names = (wanted: Version | '*'): boolean =>
    current !== undefined && (wanted === '*' || compareVersions(wanted, current) === 0)
  const holds =
    (ifMatch === undefined || names(ifMatch)) && (ifNoneMatch === undefined || !names(ifNoneMatch))
  if (holds) return
  throw new DenizenError('version_mismatch', 'another version is there', {
    extra: current ? { current: formatVersion(current) } : {},
  })
}

/** Groups are the first segments of keys here. */
const isListed = (key: string, { prefix, group }: ListRequest): boolean =>
  group === undefined ? key.startsWith(prefix) : key.split('/')[0] === group.split('/')[0]
