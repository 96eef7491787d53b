/**
 * A history: what clients asked of a world, what they were answered, and when. It knows nothing of
 * how the world works, so that anybody's checker can judge it. As a file it is JSON Lines, a header
 * first (`history-file.ts`, docs/HISTORIES.md); in memory it has the very same shape.
 *
 * - Times are milliseconds, fractions included, of one clock that only goes forward: the
 *   simulator's, or the monotonic clock of the one process that drove a real run.
 * - `value` is not what was stored but a name for it. No two writes of a history share a value:
 *   so a read names the write that it saw. Attempts under one `idempotencyKey` are one write.
 * - Versions are `term.seq`, as in ETags. A reply that tells none (a deletion over HTTP) has none.
 * - The keys of a history did not exist when it began.
 * - Operations of one session that have the same `invokeMs` stand in the order of their invocation.
 */
import type { Applied } from '../model/error-kinds.ts'
import type { RegionId } from '../model/slot.ts'

export interface History {
  readonly header: HistoryHeader
  /** In any order. A finding names an operation by its index here; in a file, line = index + 2. */
  readonly operations: readonly OperationRecord[]
}

export interface HistoryHeader {
  readonly format: 'denizen-history'
  readonly version: 1
  /** What made it. */
  readonly source: 'simulation' | 'bench'
  /** Of a simulation: what makes the same run again. */
  readonly seed?: number
  /**
   * How much the wall clocks that values end by may differ or jump: a value may end so much earlier
   * than its life says. Left out: by any time, so that it may end at once.
   */
  readonly clocksDifferMs?: number
}

export interface OperationRecord {
  /** Who asked. A client has one operation under way at a time, unless it pipelines. */
  readonly client: string
  /** Operations of a session send and take its token. Left out: no token was sent. */
  readonly session?: string
  /** Whose idempotency keys these are; left out where callers have no names. */
  readonly principal?: string
  /** The region that was asked. */
  readonly entry: RegionId
  readonly dataset: string
  /** What is linearizable as one thing: of transactions, and of keys where `groupBy` is set. */
  readonly group?: string
  readonly operation: Operation
  readonly invokeMs: number
  /** null: no answer came, and the operation may take effect at any later time, or never. */
  readonly returnMs: number | null
  /** null exactly where `returnMs` is. */
  readonly result: Result | null
}

/** An item of a batch is an operation of its own, with the times of the batch. */
export type Operation = Get | Put | Delete | Transaction

export interface Get {
  readonly kind: 'get'
  readonly key: string
  readonly consistency: 'strong' | 'session' | 'bounded' | 'eventual'
  /** Of `bounded`: how old the answer may be. */
  readonly boundMs?: number
}

interface Mutation {
  /** A version, or `*`: any. */
  readonly ifMatch?: string
  readonly ifNoneMatch?: string
  readonly idempotencyKey?: string
  /** How many regions have it on disk before the reply, resolved to a number. Default: 1. */
  readonly acks?: number
}

export interface Put extends Mutation {
  readonly kind: 'put'
  readonly key: string
  readonly value: string
  /** The value becomes absent by itself, so long after it was written by the home's clock. */
  readonly ttlMs?: number
}

export interface Delete extends Mutation {
  readonly kind: 'delete'
  readonly key: string
}

export interface Transaction {
  readonly kind: 'tx'
  readonly conditions: readonly Condition[]
  /** What runs where all conditions hold, and where not. */
  readonly success: readonly Step[]
  readonly failure: readonly Step[]
  readonly idempotencyKey?: string
  readonly acks?: number
}

/** All that is named must hold. */
export interface Condition {
  readonly key: string
  readonly exists?: boolean
  readonly ifMatch?: string
  readonly value?: string
}

export type Step =
  | { readonly op: 'get'; readonly key: string }
  | { readonly op: 'put'; readonly key: string; readonly value: string; readonly ttlMs?: number }
  | { readonly op: 'delete'; readonly key: string }

export type Result = (KeyResult & Receipt) | MismatchResult | TransactedResult | ErrorResult

/** What became of one key: the whole result of most operations, or of a step of a transaction. */
export type KeyResult =
  | { readonly kind: 'found'; readonly version: string; readonly value: string }
  /** Also of a deletion that found nothing. */
  | { readonly kind: 'absent' }
  /** `created`: the key had no value before. */
  | { readonly kind: 'written'; readonly version: string; readonly created?: boolean }
  | { readonly kind: 'deleted'; readonly version?: string }

export interface Receipt {
  readonly home?: RegionId
  readonly servedBy?: RegionId
  readonly role?: 'home' | 'replica' | 'proxy'
  /** The region by way of which it was asked. */
  readonly relay?: RegionId
  /** How old the copy said that it may be. */
  readonly stalenessMs?: number
}

/** The precondition of a write does not hold, so nothing was applied. */
export interface MismatchResult extends Receipt {
  readonly kind: 'mismatch'
  /** The version that the key has; null: none; left out: not told. */
  readonly current?: string | null
}

export interface TransactedResult extends Receipt {
  readonly kind: 'transacted'
  /** The conditions held, so `success` ran; else `failure`. */
  readonly succeeded: boolean
  /** One for each step of the branch that ran, in order. */
  readonly results: readonly KeyResult[]
}

export interface ErrorResult {
  readonly kind: 'error'
  readonly code: string
  readonly applied: Applied
  /** Of a write that was applied though it failed (`acks_timeout`): its version. */
  readonly version?: string
}

export const newHeader = (source: HistoryHeader['source'], seed?: number): HistoryHeader => ({
  format: 'denizen-history',
  version: 1,
  source,
  ...(seed !== undefined && { seed }),
})
