/** The cluster record as one node holds it: the highest it has seen, durable before it acts. */
import type { RegionId } from '../model/slot.ts'
import { decodeCbor, encodeCbor } from '../protocol/cbor.ts'
import type { Disk } from '../runtime/disk.ts'
import type { Build } from './build.ts'
import { type ClusterRecord, clusterRecordSchema, compareOrder } from './cluster-record.ts'
import { CoordinationError } from './coordination.ts'
import { requireKnownFormat } from './data-format.ts'

export interface HeldRecordOptions {
  readonly disk: Disk
  /** Where the record is kept. */
  readonly path: string
  readonly build: Build
}

export class HeldRecord {
  readonly #options: HeldRecordOptions
  readonly #listeners: ((record: ClusterRecord) => void)[] = []
  #record: ClusterRecord | undefined
  /** Changes of the record, one after the other. */
  #changing: Promise<unknown> = Promise.resolve()

  constructor(options: HeldRecordOptions) {
    this.#options = options
  }

  get current(): ClusterRecord | undefined {
    return this.#record
  }

  onChange(listener: (record: ClusterRecord) => void): void {
    this.#listeners.push(listener)
  }

  async load(): Promise<void> {
    const bytes = await this.#options.disk.read(this.#options.path)
    if (bytes) this.#record = this.parse(decodeCbor(bytes))
  }

  /** Throws `CoordinationError` for a record in a data format that this build does not know. */
  parse(body: unknown): ClusterRecord {
    requireKnownFormat(body, this.#options.build)
    return clusterRecordSchema.parse(body)
  }

  /** As `adopt`, of a record as it came. */
  async learn(body: unknown, from: RegionId): Promise<void> {
    await this.adopt(this.parse(body), from)
  }

  /** Takes a record if it is higher than the one held. `from` is for the message alone. */
  adopt(record: ClusterRecord, from: RegionId): Promise<void> {
    return this.inTurn(async () => {
      if (this.#record && record.clusterId !== this.#record.clusterId) {
        throw new CoordinationError(
          `region ${from} belongs to another cluster (${record.clusterId})`,
          'Check --peer and --data: two clusters share these addresses.',
        )
      }
      if (this.#record && compareOrder(record, this.#record) <= 0) return
      await this.keep(record)
    })
  }

  /** Persists a record, then acts under it. Only `inTurn`. */
  async keep(record: ClusterRecord): Promise<ClusterRecord> {
    await this.#options.disk.replace(this.#options.path, encodeCbor(record))
    this.#record = record
    for (const listener of this.#listeners) listener(record)
    return record
  }

  /** What looks at the record and changes it runs one after the other. */
  inTurn<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#changing.then(task)
    this.#changing = done.catch(() => {})
    return done
  }
}
