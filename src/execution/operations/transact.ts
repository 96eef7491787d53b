/**
 * `transact`: a transaction on one group, if this region is its home, in one turn of the shard. All
 * that it changes has one position, and so one version: followers apply it whole.
 */
import type { AccessRun } from '../../model/access-runs.ts'
import { assert } from '../../model/assert.ts'
import { compareBytes } from '../../model/bytes.ts'
import { DenizenError } from '../../model/errors.ts'
import type { IdempotencyKey } from '../../model/idempotency.ts'
import type { Key } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import type { RegionId, Slot } from '../../model/slot.ts'
import { compareVersions, type Version } from '../../model/version.ts'
import type { Effect, IdempotencyRecord } from '../../storage/idempotency-record.ts'
import type { StoredRecord, VerifiedHead } from '../../storage/record.ts'
import type { GroupHome } from '../../storage/row-values.ts'
import type { StoreTransaction } from '../../storage/transaction.ts'
import { putChange, settled } from '../change.ts'
import { transactionKeys } from '../check-transaction.ts'
import { type KnownHome, markHome, standingOf, toChange } from '../home.ts'
import { earlierRun, type OnceOnly, onceOnly, remember } from '../idempotency.ts'
import type {
  FeedPoint,
  Transacted,
  Transaction,
  TransactionCondition,
  TransactionResult,
  TransactionStep,
} from '../operation.ts'
import type { NotAtHome } from './write.ts'

export interface TransactRequest {
  readonly transaction: Transaction
  /** The home's wall clock. */
  readonly nowMs: number
  readonly idempotency?: IdempotencyKey
  /** The registrar's answer to a claim that this region has just made for the group. */
  readonly claimed?: GroupHome
  /** The region through which it entered, if that is another one. */
  readonly entry?: RegionId
}

export type TransactReply =
  | {
      readonly kind: 'transacted'
      readonly succeeded: boolean
      readonly results: readonly TransactionResult[]
      readonly home: KnownHome
      /** The end of the feed: all that was read lies before it. */
      readonly point: FeedPoint
      /** Worth telling, where the policy moves groups to their writers. */
      readonly run?: AccessRun
    }
  | NotAtHome

/** Throws `too_large` where it reads more than a reply holds. */
export function transact(store: StoreTransaction, request: TransactRequest): TransactReply {
  const { transaction, nowMs, claimed } = request
  const { placement, self, ownFeed: feed } = store.context
  const group = transaction.key
  assert(
    transactionKeys(transaction).every(key => placement.groupOf(key) === group),
    'keys of one group',
  )
  const slot = placement.slotOf(group)
  const stands = standingOf(store, group, store.recordHead(group), claimed)
  const begins = [...transaction.success, ...transaction.failure].some(({ kind }) => kind === 'put')
  const standing = toChange(store, group, stands, { begins, nowMs })
  if (standing.kind !== 'home') return standing
  const { home } = standing
  assert(placement.isSource(self), 'only a region that may home is a home')

  const once = request.idempotency && onceOnlyOf(store, transaction, slot, request.idempotency)
  const earlier = once && earlierRun(store, once)
  const run = new Run(store, slot, home.term, nowMs, () => markHome(store, slot, group, claimed))
  run.settle(transaction.conditions)
  const succeeded =
    earlier?.succeeded ?? transaction.conditions.every(condition => run.holds(condition))
  const steps = succeeded ? transaction.success : transaction.failure
  run.settle(steps)
  const results = earlier
    ? steps.map((step, index) => run.repeat(step, earlier, index))
    : steps.map(step => run.step(step))
  if (once && !earlier && run.version) {
    remember(store, once, run.version, { succeeded, effects: results.map(effectOf) }, nowMs)
  }
  const point = { slot, feed, position: store.feedState(slot, feed).end }
  const accessRun = run.version && store.context.accesses?.count(group, request.entry)
  return {
    kind: 'transacted',
    succeeded,
    results,
    home,
    point,
    ...(accessRun && { run: accessRun }),
  }
}

class Run {
  /** Of all that it changes; undefined before the first change. */
  version: Version | undefined
  readonly #store: StoreTransaction
  readonly #slot: Slot
  readonly #term: number
  readonly #nowMs: number
  readonly #beforeFirstChange: () => void
  #bytesRead = 0

  constructor(
    store: StoreTransaction,
    slot: Slot,
    term: number,
    nowMs: number,
    beforeFirstChange: () => void,
  ) {
    this.#store = store
    this.#slot = slot
    this.#term = term
    this.#nowMs = nowMs
    this.#beforeFirstChange = beforeFirstChange
  }

  /** Before the first change: a tombstone of an expired value takes an earlier position. */
  settle(items: readonly { readonly key: Key }[]): void {
    assert(!this.version, 'nothing has been changed yet')
    for (const { key } of items) {
      const at = { slot: this.#slot, key, nowMs: this.#nowMs }
      settled(this.#store, at, this.#term, this.#store.recordHead(key))
    }
  }

  holds({ key, exists, ifMatch, value }: TransactionCondition): boolean {
    const record = this.#live(key)
    if (exists !== undefined && exists !== (record !== undefined)) return false
    if (ifMatch && (!record || compareVersions(record.version, ifMatch) !== 0)) return false
    if (!value) return true
    return record?.mediaType === value.mediaType && compareBytes(record.value, value.bytes) === 0
  }

  step(step: TransactionStep): TransactionResult {
    if (step.kind === 'get') return this.#read(step.key)
    const held = this.#store.recordHead(step.key)
    const live = held !== undefined && !held.tombstone
    if (step.kind === 'delete') {
      if (!live) return { kind: 'absent' }
      return { kind: 'deleted', version: this.#change(step.key, held, undefined) }
    }
    const { key, value: bytes, mediaType, ttlMs } = step
    const value = { bytes, mediaType, ...(ttlMs !== undefined && { ttlMs }) }
    return { kind: 'written', version: this.#change(key, held, value), created: !live }
  }

  /** What a step was answered at first; reads are no mutations, so they read anew. */
  repeat(
    step: TransactionStep,
    { version, effects }: IdempotencyRecord,
    index: number,
  ): TransactionResult {
    if (step.kind === 'get') return this.#read(step.key)
    const effect = effects[index]
    if (effect === 'absent') return { kind: 'absent' }
    if (effect === 'deleted') return { kind: 'deleted', version }
    return { kind: 'written', version, created: effect === 'created' }
  }

  #live(key: Key): StoredRecord | undefined {
    const record = this.#store.record(key)
    return record?.tombstone === false ? record : undefined
  }

  #read(key: Key): TransactionResult {
    const record = this.#live(key)
    if (!record) return { kind: 'absent' }
    const { version, mediaType, value } = record
    this.#bytesRead += value.length
    if (this.#bytesRead > limits.transactionBytesMax) {
      throw new DenizenError('too_large', 'the transaction reads more than one reply holds')
    }
    return { kind: 'found', version, mediaType, value }
  }

  #change(
    key: Key,
    held: VerifiedHead | undefined,
    value: Parameters<typeof putChange>[2],
  ): Version {
    if (!this.version) {
      this.#beforeFirstChange()
      this.version = { term: this.#term, seq: this.#store.appendPosition(this.#slot) }
    }
    const { version } = this
    const at = { slot: this.#slot, key, nowMs: this.#nowMs }
    putChange(this.#store, { ...at, version, shared: true, held }, value)
    return version
  }
}

/** What comes of a transaction that puts nothing, on a group that nobody ever wrote. */
export function evaluateOnNothing(transaction: Transaction): Omit<Transacted, 'receipt'> {
  const succeeded = transaction.conditions.every(
    ({ exists, ifMatch, value }) => exists !== true && !ifMatch && !value,
  )
  const steps = succeeded ? transaction.success : transaction.failure
  return { kind: 'transacted', succeeded, results: steps.map(() => ({ kind: 'absent' })) }
}

function onceOnlyOf(
  { context }: StoreTransaction,
  transaction: Transaction,
  slot: Slot,
  idempotency: IdempotencyKey,
): OnceOnly {
  const values: Uint8Array[] = []
  const named = (value: Uint8Array | undefined): number | null => {
    if (value) values.push(value)
    return value ? values.length : null
  }
  const conditions = transaction.conditions.map(({ key, exists = null, ifMatch = null, value }) => [
    ...[key, exists, ifMatch],
    ...[value?.mediaType ?? null, named(value?.bytes)],
  ])
  const steps = (branch: readonly TransactionStep[]) =>
    branch.map(step =>
      step.kind === 'put'
        ? [step.kind, step.key, step.mediaType, step.ttlMs ?? null, named(step.value)]
        : [step.kind, step.key],
    )
  const request = [conditions, steps(transaction.success), steps(transaction.failure)]
  return onceOnly(context.hasher, slot, transaction.key, idempotency, request, values)
}

function effectOf(result: TransactionResult): Effect {
  switch (result.kind) {
    case 'found':
      return 'read'
    case 'written':
      return result.created ? 'created' : 'replaced'
    default:
      return result.kind
  }
}
