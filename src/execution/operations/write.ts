/**
 * `write`: puts or deletes one key, if this region is the home of its group. The check of the home,
 * of an earlier run, of the precondition and the write itself happen in one turn of the shard, so
 * nothing can come between them.
 */

import type { AccessRun } from '../../model/access-runs.ts'
import { assert } from '../../model/assert.ts'
import { DenizenError } from '../../model/errors.ts'
import type { IdempotencyKey } from '../../model/idempotency.ts'
import type { Key } from '../../model/key.ts'
import type { RegionId } from '../../model/slot.ts'
import { compareVersions, type Version } from '../../model/version.ts'
import type { IdempotencyRecord } from '../../storage/idempotency-record.ts'
import { damagedHead, soundHead } from '../../storage/record.ts'
import type { GroupHome } from '../../storage/row-values.ts'
import type { StoreTransaction } from '../../storage/transaction.ts'
import { type NewValue, putChange, settled } from '../change.ts'
import {
  erasurePoint,
  type KnownHome,
  markHome,
  type Standing,
  standingOf,
  toChange,
} from '../home.ts'
import { earlierRun, onceOnly, remember } from '../idempotency.ts'
import type { FeedPoint, Precondition } from '../operation.ts'

export interface WriteRequest {
  readonly key: Key
  /** undefined deletes. */
  readonly value: NewValue | undefined
  readonly precondition: Precondition
  /** The home's wall clock. */
  readonly nowMs: number
  /** What makes a repeat of this request harmless. */
  readonly idempotency?: IdempotencyKey
  /** The registrar's answer to a claim that this region has just made for the group. */
  readonly claimed?: GroupHome
  /** The region through which it entered, if that is another one. */
  readonly entry?: RegionId
}

export type WriteReply =
  | {
      readonly kind: 'written' | 'deleted'
      readonly version: Version
      readonly created: boolean
      readonly point: FeedPoint
      readonly home: KnownHome
      /** Worth telling, where the policy moves groups to their writers. */
      readonly run?: AccessRun
    }
  /**
   * Nothing was written: a delete found nothing, or the precondition does not hold. `point` is
   * where what was met lies (a tombstone too), so that the session sees no older state later.
   */
  | {
      readonly kind: 'absent' | 'mismatch'
      readonly home: KnownHome
      /** The live version that was met. */
      readonly current: Version | undefined
      readonly point: FeedPoint | undefined
    }
  | NotAtHome

/** Nothing was done: this region is not the home, or can't act as it now. */
export type NotAtHome = Exclude<Standing, { readonly kind: 'home' }>

export function write(store: StoreTransaction, request: WriteRequest): WriteReply {
  const { key, value, precondition, claimed, nowMs } = request
  const { placement, self, ownFeed: feed } = store.context
  const group = placement.groupOf(key)
  const slot = placement.slotOf(group)
  const found = store.heldHead(key)
  const stands = standingOf(store, group, soundHead(found), claimed)
  // A record that is damaged may be of a later life: the registrar knows its term.
  const begins =
    found === damagedHead || (value !== undefined && precondition.ifMatch === undefined)
  const standing = toChange(store, group, stands, { begins, nowMs })
  if (standing.kind !== 'home') return standing
  const { home } = standing
  assert(placement.isSource(self), 'only a region that may home is a home')

  const once = request.idempotency && onceOnlyOf(store, request, group, slot)
  const earlier = once && earlierRun(store, once)
  if (earlier) return repeated(earlier, slot, home)

  if (found === damagedHead) refuseIfConditional(precondition)
  const sound = settled(store, { slot, key, nowMs }, home.term, soundHead(found))
  const current = sound?.tombstone === false ? sound.version : undefined
  const live = current !== undefined || found === damagedHead
  const held = found === damagedHead ? found : sound
  const met = sound
    ? { slot, feed: sound.feed, position: sound.version.seq }
    : erasurePoint(store, group)
  if (!holds(precondition, current)) return { kind: 'mismatch', home, current, point: met }
  if (!value && !live) return { kind: 'absent', home, current, point: met }

  markHome(store, slot, group, claimed)
  const seq = store.appendPosition(slot)
  const version: Version = { term: home.term, seq }
  putChange(store, { slot, key, version, shared: false, held, nowMs }, value)
  if (once) {
    const effect = value ? (live ? 'replaced' : 'created') : 'deleted'
    remember(store, once, version, { succeeded: true, effects: [effect] }, nowMs)
  }
  const point = { slot, feed, position: seq }
  const run = store.context.accesses?.count(group, request.entry)
  const kind = value ? 'written' : 'deleted'
  return { kind, version, created: !live, point, home, ...(run && { run }) }
}

/** What is damaged is replaced by a write that asks for nothing: its version is higher anyway. */
function refuseIfConditional({ ifMatch, ifNoneMatch }: Precondition): void {
  if (ifMatch === undefined && ifNoneMatch === undefined) return
  throw new DenizenError('damaged_record', 'what the precondition asks about is damaged')
}

function onceOnlyOf(
  { context }: StoreTransaction,
  { key, value, precondition, idempotency }: WriteRequest,
  group: string,
  slot: number,
): ReturnType<typeof onceOnly> | undefined {
  if (!idempotency) return undefined
  const named = value && { mediaType: value.mediaType, ttlMs: value.ttlMs ?? null }
  const { ifMatch = null, ifNoneMatch = null } = precondition
  const request = [key, named ?? null, ifMatch, ifNoneMatch]
  return onceOnly(context.hasher, slot, group, idempotency, request, value ? [value.bytes] : [])
}

/** The answer to a repeat: what the first run was answered. */
function repeated(
  { version, feed, effects: [effect] }: IdempotencyRecord,
  slot: number,
  home: KnownHome,
): WriteReply {
  const point = { slot, feed, position: version.seq }
  const kind = effect === 'deleted' ? 'deleted' : 'written'
  return { kind, version, created: effect === 'created', point, home }
}

const holds = ({ ifMatch, ifNoneMatch }: Precondition, current: Version | undefined): boolean =>
  (ifMatch === undefined || matches(ifMatch, current)) &&
  (ifNoneMatch === undefined || !matches(ifNoneMatch, current))

const matches = (wanted: Version | '*', current: Version | undefined): boolean =>
  current !== undefined && (wanted === '*' || compareVersions(wanted, current) === 0)
