/** Operations on keys and what comes of them: the words that api, routing and shards share. */
import type { DenizenError } from '../model/errors.ts'
import type { Key } from '../model/key.ts'
import type { FeedNumber, Position } from '../model/position.ts'
import type { RegionId, Slot } from '../model/slot.ts'
import type { Version } from '../model/version.ts'

/** `*` asks for any version (If-Match) or none at all (If-None-Match). */
export interface Precondition {
  readonly ifMatch?: Version | '*'
  readonly ifNoneMatch?: Version | '*'
}

export type Operation =
  | { readonly kind: 'get'; readonly key: Key }
  | {
      readonly kind: 'put'
      readonly key: Key
      readonly value: Uint8Array
      readonly mediaType: string
      readonly precondition: Precondition
      /** Life of the value in ms; without it as long as the dataset's policy says. */
      readonly ttlMs?: number
      /** The caller's `Idempotency-Key`: a repeat is answered, and not applied again. */
      readonly idempotencyKey?: string
    }
  | {
      readonly kind: 'delete'
      readonly key: Key
      readonly precondition: Precondition
      readonly idempotencyKey?: string
    }

/** What a transaction demands of one key: all that is named. */
export interface TransactionCondition {
  readonly key: Key
  readonly exists?: boolean
  readonly ifMatch?: Version
  /** The stored value is this one, byte for byte, with this media type. */
  readonly value?: { readonly bytes: Uint8Array; readonly mediaType: string }
}

export type TransactionStep =
  | { readonly kind: 'get'; readonly key: Key }
  | {
      readonly kind: 'put'
      readonly key: Key
      readonly value: Uint8Array
      readonly mediaType: string
      readonly ttlMs?: number
    }
  | { readonly kind: 'delete'; readonly key: Key }

/**
 * Runs `success` if all conditions hold, else `failure`, at the home and at once: nothing comes
 * between, and every copy has all of it or nothing. No key is written twice by one branch.
 */
export interface Transaction {
  readonly kind: 'transaction'
  /** The group that all keys belong to; it is a key itself, so that it is routed as one. */
  readonly key: Key
  readonly conditions: readonly TransactionCondition[]
  readonly success: readonly TransactionStep[]
  readonly failure: readonly TransactionStep[]
  readonly idempotencyKey?: string
}

/** What one group's home, or a copy, runs in one turn. */
export type GroupOperation = Operation | Transaction

/** Where a change lies in the feeds: what sessions remember. */
export interface FeedPoint {
  readonly slot: Slot
  readonly feed: FeedNumber
  readonly position: Position
}

/** Who answered, from which copy, how old it may be. */
export interface Receipt {
  /** The group's home, where known; a key that nobody wrote has none. */
  readonly home?: RegionId
  /** The region whose copy answered. */
  readonly servedBy: RegionId
  readonly role: 'home' | 'replica'
  /** The region by way of which it was asked, as its own line to here is cut. */
  readonly relay?: RegionId
  /**
   * 0 at the home; at a replica the age of the newest state that it provably has. Absent where it
   * can't say, as it has not heard from a home since it started. What took the way by a relay
   * counts, too.
   */
  readonly stalenessMs?: number
}

export type Outcome =
  | {
      readonly kind: 'found'
      readonly version: Version
      readonly mediaType: string
      readonly value: Uint8Array
      readonly receipt: Receipt
    }
  | { readonly kind: 'absent'; readonly receipt: Receipt }
  | {
      readonly kind: 'written'
      readonly version: Version
      /** True when the key had no live value before. */
      readonly created: boolean
      readonly receipt: Receipt
    }
  | { readonly kind: 'deleted'; readonly version: Version; readonly receipt: Receipt }
  | { readonly kind: 'failed'; readonly error: DenizenError; readonly receipt?: Receipt }

export type TransactionResult =
  | {
      readonly kind: 'found'
      readonly version: Version
      readonly mediaType: string
      readonly value: Uint8Array
    }
  | { readonly kind: 'absent' }
  | { readonly kind: 'written'; readonly version: Version; readonly created: boolean }
  | { readonly kind: 'deleted'; readonly version: Version }

export interface Transacted {
  readonly kind: 'transacted'
  /** The conditions held, so that `success` ran. */
  readonly succeeded: boolean
  /** One for each operation of the branch that ran, in order. */
  readonly results: readonly TransactionResult[]
  readonly receipt: Receipt
}

export type GroupOutcome = Outcome | Transacted

/** One line of a list. */
export interface ListItem {
  readonly key: Key
  readonly version: Version
  readonly mediaType: string
  /** Left out when the request asked for keys alone. */
  readonly value?: Uint8Array
  /** Wall-clock ms of its home from which on it is gone; left out where it stays. */
  readonly expiresAtMs?: number
}
