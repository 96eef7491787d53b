/**
 * Who calls, and whether they may: decided on the request line and headers, before the body is read
 * and before the client is told to send it. What is forbidden is named by verb and dataset, never
 * by key.
 */
import type { Access, Caller, Usage } from '../access/access.ts'
import { anyDataset, nodeVerbs, type Verb } from '../access/scope.ts'
import { DenizenError } from '../model/errors.ts'
import type { Exchange, Needs } from './exchange.ts'

/** A quota is full until somebody deletes: asking every second would not help. */
const QUOTA_RETRY_SECONDS = 60

/**
 * Throws `unauthenticated`, `keys_unavailable`; for routes of the node, which have no dataset,
 * `forbidden` and `rate_limited` too.
 */
export async function authenticate(exchange: Exchange, access: Access): Promise<void> {
  if (exchange.needs === 'nothing') return
  exchange.identify(await access.authenticate(exchange.header('authorization')), access)
  const { needs } = exchange
  if (!isNodeVerb(needs)) return
  authorize(exchange, needs, anyDataset, '')
  count(exchange)
}

/**
 * What a route of a dataset needs of its caller, for a key or for all keys under a prefix. Throws
 * `unauthenticated`, `forbidden`, `rate_limited`.
 */
export function authorizeRoute(exchange: Exchange, dataset: string, keyOrPrefix: string): void {
  const { caller, needs } = exchange
  if (needs === 'each operation') {
    const lack = `anything on dataset ${dataset}`
    if (!caller.concerns(dataset)) throw refusal(caller, lack, { dataset })
  } else if (needs !== 'nothing') authorize(exchange, needs, dataset, keyOrPrefix)
  count(exchange, dataset)
}

/**
 * For what goes on after its reply has begun: whether the caller may still do it, by the rules of
 * now. Throws `unauthenticated`, `forbidden`, `keys_unavailable`.
 */
export async function authorizeAnew(
  exchange: Exchange,
  verb: Verb,
  dataset: string,
  keyOrPrefix: string,
): Promise<void> {
  await authenticate(exchange, exchange.access)
  authorize(exchange, verb, dataset, keyOrPrefix)
}

/** As `authorizeRoute`, for one operation in a body, counted beside the request that brought it. */
export function authorizeOperation(
  exchange: Exchange,
  verb: Verb,
  dataset: string,
  key: string,
): void {
  authorize(exchange, verb, dataset, key)
  exchange.caller.owe(dataset, 1)
}

/** Throws `unauthenticated`, `forbidden`. */
export function authorize(
  exchange: Exchange,
  verb: Verb,
  dataset: string,
  keyOrPrefix: string,
): void {
  const { caller, isHinted } = exchange
  if (caller.permits(verb, dataset, keyOrPrefix, isHinted)) return
  const isForHint = isHinted && caller.permits(verb, dataset, keyOrPrefix, false)
  const lack = isForHint
    ? `${verb} on dataset ${dataset} with a hint of its own (Denizen-Hint)`
    : `${verb} on dataset ${dataset} for this key or prefix`
  throw refusal(caller, lack, { verb, dataset })
}

/** Whoever sent no credentials may be permitted with them. */
const refusal = (caller: Caller, lack: string, extra: Record<string, string>): DenizenError =>
  new DenizenError(
    caller.isAnonymous ? 'unauthenticated' : 'forbidden',
    `no scope of the caller grants ${lack}`,
    { extra },
  )

function count(exchange: Exchange, dataset?: string): void {
  const waitMs = exchange.caller.take(dataset)
  if (waitMs === 0) return
  throw new DenizenError('rate_limited', 'more requests have come than the rate permits', {
    extra: { retryAfterSeconds: Math.ceil(waitMs / 1_000) },
  })
}

/**
 * A write that may add to a dataset. One that replaces adds no record, so that a quota of records
 * does not bind it. Throws `quota_exceeded`.
 */
export function checkQuota(exchange: Exchange, dataset: string, replaces: boolean): void {
  refuseExhausted(dataset, exchange.caller.exhausted(dataset), replaces)
}

/** As `checkQuota`, where it is known which quota is used up, if one is. */
export function refuseExhausted(
  dataset: string,
  quota: keyof Usage | undefined,
  replaces: boolean,
): void {
  if (quota === undefined || (quota === 'records' && replaces)) return
  throw new DenizenError('quota_exceeded', `the dataset has used up its quota of ${quota}`, {
    extra: { quota, dataset, retryAfterSeconds: QUOTA_RETRY_SECONDS },
  })
}

const isNodeVerb = (needs: Needs): needs is Verb => nodeVerbs.has(needs)
