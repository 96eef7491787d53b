/**
 * What the main thread of a node and its cores say to each other. A core is a worker thread with an
 * HTTP listener, a router and a shard; the main thread has what exists once: the links to peers,
 * coordination, replication. Calls of shards go over ports of their own (shard-messages.ts).
 */
import type { MessagePort } from 'node:worker_threads'
import type { AccessState } from '../access/access-control.ts'
import type {
  EraseRequest,
  ErasureReceiptRequest,
  HoldRequest,
  MoveReceiptRequest,
  RehomeRequest,
} from '../api/administration.ts'
import type { ClusterRecord } from '../coordination/cluster-record.ts'
import type { FeedPoint } from '../execution/operation.ts'
import type { Family } from '../metrics/family.ts'
import type { AdministrativeAct } from '../model/administrative-act.ts'
import type { WireError } from '../model/errors.ts'
import type { RegionId } from '../model/slot.ts'
import type { AgeChange } from '../replication/copy-ages.ts'
import type { LogFields } from '../runtime/log.ts'
import type { TlsMaterial } from '../runtime/tls-network.ts'
import type { SharedStore, StoreLocation } from '../storage/shard-messages.ts'
import type { AccessMessage } from './node-access.ts'

/** A core's `workerData`. */
export interface CoreBirth {
  readonly region: RegionId
  readonly index: number
  /** To the main thread, for calls of this core's shard. */
  readonly shardPort: MessagePort
  /** To this core's shard, from each other core. */
  readonly servedPorts: readonly MessagePort[]
  /** To the shards of all cores, by index; null for its own. */
  readonly shardPorts: readonly (MessagePort | null)[]
}

export interface ListenRequest {
  readonly host: string
  readonly port: number
  /** Other cores listen at the same address: the kernel spreads connections over them. */
  readonly reusePort: boolean
  /** `undefined`: whoever reaches the port may do anything. */
  readonly access: AccessState | undefined
  /** The certificate for clients; `undefined`: HTTP without TLS. */
  readonly tls: TlsMaterial | undefined
}

export interface ServingState {
  readonly record: ClusterRecord
  readonly stores: readonly StoreLocation[]
  readonly sharedStores: readonly SharedStore[]
  readonly reachable: readonly RegionId[]
}

export type ToCore =
  | ({ readonly kind: 'listen' } & ListenRequest)
  /** The node does not serve yet, for this reason. */
  | { readonly kind: 'waits'; readonly reason: string }
  /** To be shown from now on. */
  | { readonly kind: 'tls'; readonly material: TlsMaterial }
  | { readonly kind: 'serve'; readonly state: ServingState }
  /** The policy has changed, and with it the stores. */
  | { readonly kind: 'adopt'; readonly state: ServingState }
  /** All cores serve: load balancers may send requests. */
  | { readonly kind: 'nodeServes' }
  | { readonly kind: 'record'; readonly record: ClusterRecord }
  | { readonly kind: 'reachability'; readonly region: RegionId; readonly reachable: boolean }
  | { readonly kind: 'aged'; readonly change: AgeChange }
  | { readonly kind: 'answers'; readonly answers: readonly Answer[] }
  | AccessMessage
  /** Say what has been counted. */
  | { readonly kind: 'measure' }
  /** Take no new requests, and end those under way. */
  | { readonly kind: 'stop' }

export type FromCore =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'listenFailed'; readonly code: string | undefined }
  | { readonly kind: 'serving' }
  | { readonly kind: 'adopted' }
  | { readonly kind: 'asks'; readonly asks: readonly Ask[] }
  | { readonly kind: 'violation' }
  /** A record seems to be damaged. */
  | { readonly kind: 'damaged'; readonly dataset: string; readonly key: string }
  | { readonly kind: 'failed'; readonly reason: string; readonly trace: string }
  | {
      readonly kind: 'log'
      readonly level: 'debug' | 'info' | 'warn' | 'error'
      readonly message: string
      readonly fields: LogFields
    }
  | { readonly kind: 'measured'; readonly families: readonly Family[] }
  | { readonly kind: 'stopped' }

/** What only the main thread can do. */
export type Question =
  | {
      readonly kind: 'call'
      readonly region: RegionId
      readonly name: string
      readonly body: unknown
      readonly timeoutMs: number
      readonly trace?: string | undefined
    }
  /** How many regions have writes on disk, once so many do, or time is over. */
  | {
      readonly kind: 'acks'
      readonly dataset: string
      readonly regions: number
      readonly writes: readonly FeedPoint[]
    }
  | { readonly kind: 'cluster' }
  | { readonly kind: 'scrub'; readonly start: boolean }
  | { readonly kind: 'finalizeFormat' }
  | { readonly kind: 'rotateReceiptKey' }
  | ({ readonly kind: 'rehome' } & RehomeRequest)
  | ({ readonly kind: 'erase' } & EraseRequest)
  | ({ readonly kind: 'hold' } & HoldRequest)
  | ({ readonly kind: 'moveReceipt' } & MoveReceiptRequest)
  | ({ readonly kind: 'erasureReceipt' } & ErasureReceiptRequest)
  | { readonly kind: 'beginCensus'; readonly desired: unknown }
  | { readonly kind: 'census' }
  /** Undefined: nothing is wished, how far is it? */
  | { readonly kind: 'policyChange'; readonly wish: unknown }
  | { readonly kind: 'policyReceipt' }
  /** To be put into the audit log. */
  | { readonly kind: 'record'; readonly act: AdministrativeAct }
  /** The page for Prometheus. */
  | { readonly kind: 'metrics' }

export interface Ask {
  readonly id: number
  readonly question: Question
}

export type Answer = { readonly id: number } & (
  | { readonly kind: 'done'; readonly reply: unknown }
  | NoAnswer
)

export type NoAnswer =
  | { readonly kind: 'unanswered'; readonly sent: boolean; readonly reason: string }
  | { readonly kind: 'failed'; readonly error: WireError }
