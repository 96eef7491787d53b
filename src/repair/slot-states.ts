/**
 * What regions tell each other first when they compare their copies: for each slot where the copy
 * stands and the digest of what it holds there, both of one commit. Digests say something of each
 * other only where both copies stand at the same place, complete up to the same positions of the
 * same feeds: else one of them may rightly hold what the other is still to get.
 */
import { assert } from '../model/assert.ts'
import type { Hasher } from '../model/hash.ts'
import type { FeedNumber } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import type { FeedState } from '../storage/row-values.ts'
import { viewOf, writeU32, writeU53 } from '../storage/rows.ts'
import type { StoreReader } from '../storage/store.ts'
import { isClosed } from './closed-feeds.ts'

export interface SlotState {
  readonly slot: Slot
  /** A hash of the complete cursors; `betweenStates` where the slot has no such place now. */
  readonly at: bigint
  readonly sum: bigint
}

/** A range of a feed, or a snapshot, is half applied. */
const betweenStates = 0n
const STATE_BYTES = 16
const CURSOR_BYTES = 12

/** Of the store's slots in which anything ever happened. */
export function slotStates(store: StoreReader): SlotState[] {
  const feeds = Map.groupBy(store.feedStates(), ({ slot }) => slot)
  const sums = new Map(Array.from(store.digests(), ({ slot, digest }) => [slot, digest.sum]))
  return [...new Set([...feeds.keys(), ...sums.keys()])].map(slot => ({
    slot,
    at: placeOf(
      store.context.hasher,
      (feeds.get(slot) ?? []).filter(({ feed }) => !isClosed(store, feed)),
    ),
    sum: sums.get(slot) ?? 0n,
  }))
}

/** `feeds` in the order of their numbers. One of which nothing is known is as good as none. */
function placeOf(
  hasher: Hasher,
  feeds: readonly { readonly feed: FeedNumber; readonly state: FeedState }[],
): bigint {
  if (feeds.some(({ state }) => state.replacing || state.end !== state.complete)) {
    return betweenStates
  }
  const known = feeds.filter(({ state }) => state.complete > 0)
  const bytes = new Uint8Array(known.length * CURSOR_BYTES)
  known.forEach(({ feed, state }, index) => {
    writeU32(bytes, index * CURSOR_BYTES, feed)
    writeU53(bytes, index * CURSOR_BYTES + 4, state.complete)
  })
  return hasher.h64(bytes, 1n) || 1n
}

/** As they are sent, in the order of the slots: place u64 | sum u64. */
export function packStates(hasher: Hasher, slots: number, states: readonly SlotState[]) {
  const bytes = new Uint8Array(slots * STATE_BYTES)
  const view = viewOf(bytes)
  const nowhere = placeOf(hasher, [])
  for (let slot = 0; slot < slots; slot++) view.setBigUint64(slot * STATE_BYTES, nowhere)
  for (const { slot, at, sum } of states) {
    assert(slot < slots, 'a slot is one of its dataset')
    view.setBigUint64(slot * STATE_BYTES, at)
    view.setBigUint64(slot * STATE_BYTES + 8, sum)
  }
  return bytes
}

export interface ComparedStates {
  readonly slots: number
  /** Copies stand at the same place, and hold other things. */
  readonly different: readonly Slot[]
  /** They stand at different places, or between two states: nothing can be said. */
  readonly apart: readonly Slot[]
}

/** Undefined where the two are not of the same number of slots. */
export function compareStates(a: Uint8Array, b: Uint8Array): ComparedStates | undefined {
  if (a.length !== b.length || a.length % STATE_BYTES !== 0) return undefined
  const [one, other] = [viewOf(a), viewOf(b)]
  const slots = a.length / STATE_BYTES
  const different: Slot[] = []
  const apart: Slot[] = []
  for (let slot = 0; slot < slots; slot++) {
    const at = slot * STATE_BYTES
    const place = one.getBigUint64(at)
    if (place === betweenStates || place !== other.getBigUint64(at)) apart.push(slot)
    else if (one.getBigUint64(at + 8) !== other.getBigUint64(at + 8)) different.push(slot)
  }
  return { slots, different, apart }
}
