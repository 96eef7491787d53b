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
    }
  | { readonly kind: 'delete'; readonly key: Key; readonly precondition: Precondition }

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
  /**
   * 0 at the home; at a replica the age of the newest state that it provably has. Absent where it
   * can't say, as it has not heard from a home since it started.
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

/** One line of a list. */
export interface ListItem {
  readonly key: Key
  readonly version: Version
  readonly mediaType: string
  /** Left out when the request asked for keys alone. */
  readonly value?: Uint8Array
}
