/**
 * What the HTTP layer needs of a node: the port between `api` and everything below it. On a node it
 * is the router; at the edge it will be a forwarder. Nothing here knows of HTTP, and nothing here
 * needs `node:*`.
 */
import type {
  ListItem,
  Operation,
  Outcome,
  Receipt,
  Transacted,
  Transaction,
} from '../execution/operation.ts'
import type { KeyChange } from '../execution/operations/watch.ts'
import type { Phases } from '../metrics/phases.ts'
import type { AcksLevel } from '../model/acks.ts'
import type { Key } from '../model/key.ts'
import type { Phase } from '../model/policy-change.ts'
import type { RegionId } from '../model/slot.ts'
import type { FoundNow } from './found-now.ts'

export type Consistency = 'strong' | 'session' | 'eventual' | Bounded

/**
 * The nearest copy that provably has all that the group's home had acknowledged this long before
 * the request came; in milliseconds.
 */
export interface Bounded {
  readonly boundMs: number
}

export const boundOf = (consistency: Consistency): number | undefined =>
  typeof consistency === 'object' ? consistency.boundMs : undefined

export interface RequestContext {
  readonly consistency: Consistency
  /** The `Denizen-Session` token as the client sent it. */
  readonly session?: string
  /** Overrides the entry region as the hint for new homes. */
  readonly hint?: RegionId
  /** Who asks, where callers have names: idempotency keys are theirs. */
  readonly principal?: string
  /** Regions that are to have a write on disk before it is answered, at least. */
  readonly acks?: AcksLevel
  /** Takes where the time goes. */
  readonly phases?: Phases
}

/** A value to write under a key that the server assigns. */
export interface CreateRequest {
  readonly prefix: string
  readonly value: Uint8Array
  readonly mediaType: string
  /** Life of the value in ms; without it as long as the dataset's policy says. */
  readonly ttlMs?: number
  /** The key is derived from it, so that a repeat creates nothing new. */
  readonly idempotencyKey?: string
}

/**
 * Whether this region may answer for a dataset's key or prefix: decided before the body is read.
 */
export type Admission =
  | {
      readonly kind: 'serve'
      /** True for `residency: anywhere`; other replies must not be cached. */
      readonly cacheable: boolean
      /** False where the region answers for the dataset without storing it: role=proxy. */
      readonly stored: boolean
      /** The answer is the same for all keys of the dataset: it has no partitions. */
      readonly everyKey: boolean
    }
  | {
      readonly kind: 'redirect'
      readonly region: RegionId
      /** Base URL of that region, without a trailing slash. */
      readonly url: string
      readonly reason: string
    }
  | { readonly kind: 'refuse'; readonly reason: string }

export interface Answer {
  /** One per operation, in order. */
  readonly outcomes: readonly Outcome[]
  /** The token to return as `Denizen-Session`. */
  readonly session?: string
}

export interface CreateAnswer extends Answer {
  readonly key: Key
}

/** As `CreateAnswer`. */
export interface TransactionAnswer {
  readonly outcome: Transacted | Extract<Outcome, { kind: 'failed' }>
  /** The token to return as `Denizen-Session`. */
  readonly session?: string
}

export interface ListRequest {
  readonly prefix: string
  /** Instead of a prefix: all keys of the group of this key. */
  readonly group?: Key
  /** Exclusive. */
  readonly after?: string
  readonly limit: number
  readonly values: boolean
}

export interface ListPage {
  readonly items: readonly ListItem[]
  /** Send it as `after` for the next page; undefined on the last one. */
  readonly next?: string
  readonly receipt: Receipt
}

export interface WatchRequest {
  readonly prefix: string
  /** A cursor of an earlier watch at this node; without one it begins with the current state. */
  readonly since?: string
  /** The region that has redirected the client here. */
  readonly via?: RegionId
}

export type WatchEvent =
  | KeyChange
  /** The current state has been told; what follows are changes. */
  | { readonly kind: 'live' }

export interface WatchBatch {
  readonly events: readonly WatchEvent[]
  /** Where the watch stands after them; absent where it could not go on from there. */
  readonly cursor?: string
}

export type OpenWatch =
  | {
      readonly kind: 'watch'
      /** Until `end`. To be read: it ends with an error that says why the node ends it. */
      readonly batches: AsyncIterable<WatchBatch>
      /** The client is gone. */
      readonly end: () => void
    }
  /** The region answers for the dataset, but keeps no copy that could be watched. */
  | Extract<Admission, { kind: 'redirect' }>

/** Placement of one key's group, and why. Residency rule 6. */
export interface Explanation {
  readonly dataset: string
  readonly partition?: string
  readonly group: string
  readonly slot: number
  readonly home?: {
    readonly region: RegionId
    readonly since: string
    readonly reason: string
    /** When it was moved, by the wall clock of who decided it. */
    readonly movedAtMs?: number
  }
  readonly registrar?: RegionId
  readonly policyEpoch: number
  readonly law: readonly string[]
  readonly regions: readonly ExplainedRegion[]
}

export interface ExplainedRegion {
  readonly region: RegionId
  readonly mayHome: boolean
  readonly mayStore: boolean
  readonly mayServe: boolean
  /** Why not, in the policy's words, for each permission that is missing. */
  readonly forbids: readonly string[]
  /** Absent for regions that may not store. `unreachable` when the region did not answer. */
  readonly copy?:
    | {
        readonly state: 'home' | 'replica'
        readonly version?: string
        readonly stalenessMs?: number
        /** The region by way of which it was asked, as its own line to here is cut. */
        readonly relay?: RegionId
      }
    | { readonly state: 'unreachable' }
}

export interface ClusterView {
  readonly cluster: string
  readonly clusterId: string
  readonly region: RegionId
  readonly nodeId: string
  readonly version: string
  readonly keeper: RegionId
  readonly keeperEpoch: number
  readonly revision: number
  readonly policyEpoch: number
  /** Of the change of the policy that is under way. */
  readonly policyPhase?: Phase
  /** The data format in force. */
  readonly dataFormat: number
  /** How denizen.yaml on this node differs from the policy in force. */
  readonly drift: readonly string[]
  readonly regions: readonly {
    readonly region: RegionId
    readonly name: string
    readonly country: string
    readonly url?: string
    /** What its node ran when it last joined: the version, and the newest data format it knows. */
    readonly build?: { readonly version: string; readonly newest: number }
    readonly self: boolean
    readonly reachable: boolean
    readonly rttMs?: number
  }[]
  readonly datasets: readonly {
    readonly name: string
    readonly partition?: string
    readonly home: readonly RegionId[]
    readonly store: readonly RegionId[]
    readonly serve: readonly RegionId[]
    /** This region's copy, where it has one. */
    readonly copy?: {
      readonly records: number
      readonly tombstones: number
      /** Of the keys and values of its records. */
      readonly bytes: number
      readonly digest: string
      /** Greatest over the feeds that this region follows; absent while one has not been heard. */
      readonly stalenessMs?: number
    }
  }[]
  /** Refused placements since the start: anything but 0 is a bug, or an attack. */
  readonly residencyViolations: number
}

export interface Service {
  readonly region: RegionId
  /** Throws `unknown_dataset`, `no_partition`, `no_serving_region`, `not_ready`. */
  admit(dataset: string, keyOrPrefix: string, via: RegionId | undefined): Admission
  /**
   * What a `get`, `eventual` without a token or `session`, comes to where this region answers it
   * from its own copy, at once, and with a value. Else undefined: `admit` and `execute` say more.
   * `token`: as the client sent it. `before`: what the same key came to earlier. Where the record
   * is still the same, so is `found`, as an object: what has been made of it holds.
   */
  findNow(
    dataset: string,
    key: Key,
    token: string | undefined,
    before: FoundNow | undefined,
  ): FoundNow | undefined
  /** Runs independent operations. Each failure is an outcome; only bugs reject. */
  execute(
    dataset: string,
    operations: readonly Operation[],
    context: RequestContext,
  ): Promise<Answer>
  /** Writes under a server-assigned key that begins with the prefix. Throws `DenizenError`. */
  create(dataset: string, request: CreateRequest, context: RequestContext): Promise<CreateAnswer>
  /** Throws `DenizenError`. */
  transact(
    dataset: string,
    transaction: Transaction,
    context: RequestContext,
  ): Promise<TransactionAnswer>
  /** Throws `DenizenError`. */
  list(dataset: string, request: ListRequest, context: RequestContext): Promise<ListPage>
  /** Throws `DenizenError`. */
  watch(dataset: string, request: WatchRequest): Promise<OpenWatch>
  /** Throws `DenizenError`. */
  explain(dataset: string, key: Key): Promise<Explanation>
  cluster(): Promise<ClusterView>
  /** `undefined` when the node serves; else why not yet. */
  notReady(): string | undefined
  /** The same of the whole node: other threads of it may have to begin yet. */
  nodeNotReady(): string | undefined
  /** The node takes no values, as its disk is full or read-only; it answers reads. */
  readOnly(): boolean
}
