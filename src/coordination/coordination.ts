/**
 * The coordination port: who the regions are, which policy is in force, who is registrar. Adapters:
 * `static` (built in, see static.ts); etcd attaches here. Nothing per key passes through it.
 */
import type { RegionId } from '../model/slot.ts'
import type { ClusterRecord, RecordOrder } from './cluster-record.ts'

export interface Coordination {
  /** The record in force. Throws before `start` has resolved. */
  record(): ClusterRecord
  /** The order of the record held, or undefined when there is none yet. */
  order(): RecordOrder | undefined
  clusterId(): string | undefined
  /** Learns of a peer's order; a higher one is fetched. */
  observe(region: RegionId, order: RecordOrder): void
  onChange(listener: (record: ClusterRecord) => void): void
  /** Resolves when this node may serve. Rejects with `CoordinationError`. */
  start(): Promise<void>
  /** Why the node may not serve yet; undefined once it may. */
  waitingFor(): string | undefined
  stop(): void
}

/** The operator has to act: the message says what happened, the action what to do. */
export class CoordinationError extends Error {
  override readonly name = 'CoordinationError'
  readonly action: string
  constructor(message: string, action: string) {
    super(message)
    this.action = action
  }
}
