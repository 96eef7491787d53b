/** Acts of an operator on the node that serves the API. */
import type { AdministrativeAct } from '../model/administrative-act.ts'
import type { Census, PolicyInForce } from '../model/home-census.ts'
import type { Key } from '../model/key.ts'
import type { PolicyChangeView } from '../model/policy-change-view.ts'
import type { RegionId } from '../model/slot.ts'
import type { Receipt, ReceiptKeys } from '../receipts/receipt.ts'
import type { ScrubReport } from '../routing/scrub-report.ts'

export interface BackupRequest {
  /** The region where the file is to be kept. */
  readonly place: RegionId
  /** Names of datasets, or ids of partitions; empty: all that this region stores. */
  readonly datasets: readonly string[]
}

export interface RehomeRequest {
  readonly dataset: string
  readonly group: Key
  readonly to: RegionId
}

export interface Rehomed {
  readonly group: string
  readonly from: RegionId
  readonly home: RegionId
  readonly term: number
}

export interface EraseRequest {
  readonly dataset: string
  readonly group: Key
  /** Only if the group is in this state, as `HeldGroup.state` names it. */
  readonly state?: string
  /** The prefix of the partition in which its life goes on. */
  readonly movedTo?: string
}

export interface HoldRequest {
  readonly dataset: string
  readonly group: Key
  /** 0 ends a hold. */
  readonly forMs: number
}

/** A group at its home. */
export interface HeldGroup {
  /** The keyed hash of its name, as receipts have it. */
  readonly group: string
  /** Live keys. */
  readonly records: number
  /** Of their keys and values. */
  readonly bytes: number
  /** Names the state it is in: a tag that changes with every change, and never comes again. */
  readonly state: string
  /** The term under which it was erased last; absent where it never was. */
  readonly erasedTerm?: number
  /** The partition that it was moved to with that, and where it is still. */
  readonly movedTo?: string
}

export interface MoveReceiptRequest {
  readonly dataset: string
  /** As it was named before the move. */
  readonly group: Key
  /** What the mover has read back in the other partition, and says of it. */
  readonly copied: CopiedGroup
}

export interface CopiedGroup {
  /** Prefix of the partition. */
  readonly to: string
  /** The keyed hash of the group's name there. */
  readonly group: string
  readonly records: number
  /** Of the values. */
  readonly bytes: number
  /** SHA-256, hexadecimal: docs/PROTOCOL.md says of what. */
  readonly digest: string
}

export interface ErasureReceiptRequest {
  /** Name of a dataset, or id of a partition. */
  readonly dataset: string
  /** The keyed hash of the group, as its receipt names it. */
  readonly hash: string
}

export interface Administration {
  /**
   * The bytes of a backup of this node; the stream fails where it can't be finished. Throws
   * `not_ready`, `bad_request`, `unknown_dataset`, `forbidden_place`; `overloaded` while another
   * one is being made.
   */
  backUp(request: BackupRequest): Promise<ReadableStream<Uint8Array>>
  /** `start` begins a scrub, or hurries the one under way. Throws `not_ready`. */
  scrub(start: boolean): Promise<ScrubReport>
  /**
   * Puts the newest data format that all nodes know in force, and says which. Throws `not_ready`,
   * `upgrade_refused`, `coordinator_unavailable`.
   */
  finalizeFormat(): Promise<number>
  /**
   * Moves the home of a group, or of the group of a key, wherever it is. Throws `not_ready`,
   * `not_found`, `bad_request`, `rehome_refused`, `home_moving`, `home_unreachable`,
   * `registrar_unavailable`, `outcome_unknown`.
   */
  rehome(request: RehomeRequest): Promise<Rehomed>
  /**
   * Erases a group in all regions. The receipt says which have confirmed by the time. Throws
   * `bad_request` for a key within a group, `version_mismatch` for one in another state,
   * `not_ready`, `upgrade_refused`, `home_moving`, `home_unreachable`, `registrar_unavailable`,
   * `coordinator_unavailable`, `outcome_unknown`.
   */
  erase(request: EraseRequest): Promise<Receipt>
  /**
   * What has become of an erasure. Throws `not_ready`, `not_found`, `unknown_dataset`,
   * `coordinator_unavailable`.
   */
  erasureReceipt(request: ErasureReceiptRequest): Promise<Receipt>
  /**
   * Tells the state of a group, and has its writes wait. Throws `bad_request` for a key within a
   * group, `not_ready`, `damaged_record`, `home_moving`, `home_unreachable`,
   * `registrar_unavailable`, `outcome_unknown`.
   */
  hold(request: HoldRequest): Promise<HeldGroup>
  /**
   * What has become of a move to another partition. Throws as `hold`, and `not_found` where the
   * group was not moved there.
   */
  moveReceipt(request: MoveReceiptRequest): Promise<Receipt>
  /** Throws `not_ready`. */
  policyInForce(): PolicyInForce
  /**
   * Begins to count homes, now and under a compiled policy that is not in force. Throws
   * `not_ready`, `bad_request`; `overloaded` while another count runs.
   */
  beginCensus(desired: unknown): Promise<Census>
  /** The count under way, or the last one. Throws `not_ready`; `bad_request` if there is none. */
  census(): Promise<Census>
  /**
   * Begins a change to another policy: `{policy, eraseDatasets}`. Throws `not_ready`,
   * `bad_request`, `policy_refused`, `policy_changing`, `coordinator_unavailable`.
   */
  applyPolicy(wish: unknown): Promise<PolicyChangeView>
  /** How far the change under way is. Throws `not_ready`, `coordinator_unavailable`. */
  policyChange(): Promise<PolicyChangeView>
  /**
   * Of the change under way, or of the last one. Throws `not_ready`, `coordinator_unavailable`;
   * `not_found` where there was none.
   */
  policyReceipt(): Promise<Receipt>
  /** Throws `not_ready`. */
  receiptKeys(): ReceiptKeys
  /** Throws `not_ready`, `upgrade_refused`, `coordinator_unavailable`. */
  rotateReceiptKey(): Promise<ReceiptKeys>
  /** Puts an act into the audit log; resolves when it is there, or its loss is in the log. */
  record(act: AdministrativeAct): Promise<void>
}
