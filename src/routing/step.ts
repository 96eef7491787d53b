/** One operation as it is run somewhere, and what a region answers to it. */
import type { NewValue } from '../execution/change.ts'
import type { KnownHome } from '../execution/home.ts'
import type { FeedPoint, GroupOperation, GroupOutcome, Operation } from '../execution/operation.ts'
import type { WantedPoints } from '../execution/operations/read.ts'
import type { IdempotencyKey } from '../model/idempotency.ts'
import type { Role } from './decide.ts'
import type { Mac } from './session.ts'

/** What a read asks of a copy that is not the home. */
export interface Wanted {
  readonly seen: WantedPoints
  /**
   * The session has seen more, which all regions are complete past: the copy has to be whole, and
   * to have caught up with every home since its region started. It may have been put back to an
   * older state before that.
   */
  readonly hasRest?: true
  /** In ms: the copy has to be provably no older. */
  readonly boundMs?: number
}

export interface Step extends Wanted {
  readonly operation: GroupOperation
  readonly as: Role
  /** Who asked, where callers have names: idempotency keys are theirs. */
  readonly principal?: string
  /** Regions that are to have a write on disk, where that is more than the dataset asks for. */
  readonly acks?: number
}

/** What a region answers to one operation: an outcome, or where to go instead. */
export type StepResult =
  | {
      readonly kind: 'done'
      readonly outcome: GroupOutcome
      readonly home?: KnownHome
      readonly point?: FeedPoint
    }
  | { readonly kind: 'elsewhere'; readonly home: KnownHome }
  | { readonly kind: 'behind'; readonly home?: KnownHome }
  /** The copy is older than the bound, or can't say how old it is. */
  | { readonly kind: 'stale'; readonly home?: KnownHome; readonly stalenessMs?: number }
  /** The registrar says that nobody has claimed the group. */
  | { readonly kind: 'unclaimed' }

/** True where the operation can bring a key, and so a group, into being. */
export function creates(operation: GroupOperation): boolean {
  if (operation.kind === 'put') return operation.precondition.ifMatch === undefined
  if (operation.kind !== 'transaction') return false
  return [...operation.success, ...operation.failure].some(({ kind }) => kind === 'put')
}

/** undefined deletes. */
export function valueToPut(operation: Exclude<Operation, { kind: 'get' }>): NewValue | undefined {
  if (operation.kind === 'delete') return undefined
  const { value: bytes, mediaType, ttlMs } = operation
  return { bytes, mediaType, ...(ttlMs !== undefined && { ttlMs }) }
}

/** What makes a repeat of the operation harmless, where its caller asks for that. */
export const onceFor = (
  { idempotencyKey: key }: { readonly idempotencyKey?: string },
  principal: string,
): { readonly idempotency?: IdempotencyKey } =>
  key === undefined ? {} : { idempotency: { principal, key } }

/** Its caller may send it again: it is applied once. */
export const repeatable = (operation: GroupOperation): boolean =>
  operation.kind !== 'get' && operation.idempotencyKey !== undefined

/**
 * A principal as records of idempotency keys name it: by a MAC, since a name may be long, and is
 * somebody's.
 */
export const principalName = (mac: Mac, principal: string): string => mac(`principal ${principal}`)

/** The same where the operation has an idempotency key: else it is not asked who sends it. */
export const principalOf = (
  mac: Mac,
  operation: GroupOperation,
  principal: string | undefined,
): string | undefined =>
  principal !== undefined && repeatable(operation) ? principalName(mac, principal) : undefined
