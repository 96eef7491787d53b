/** The headers that replies carry: who answered, how old it may be, what may be cached. */
import type { Receipt } from '../execution/operation.ts'
import type { RegionId } from '../model/slot.ts'

export type Headers = Record<string, string>

/** What replies differ by. */
export const variedBy = 'Accept, Origin'
/** Residency rule 7: nothing between us and the caller keeps or changes a reply. */
export const neverCached = 'private, no-store, no-transform'
/** A cache may keep the reply, but asks whether the ETag still holds before each use. */
const cachedWithCheck = 'no-cache, no-transform'

export const cacheControl = (cacheable: boolean): string =>
  cacheable ? cachedWithCheck : neverCached

/** What scripts in browsers may read of a reply. */
export const exposedHeaders = [
  'ETag',
  'Location',
  'Allow',
  'Retry-After',
  'WWW-Authenticate',
  'Denizen-Home',
  'Denizen-Served-By',
  'Denizen-Session',
  'Server-Timing',
]

/** What scripts in browsers may send. */
export const allowedHeaders = [
  'Accept',
  'Authorization',
  'Content-Type',
  'If-Match',
  'If-None-Match',
  'Idempotency-Key',
  'Last-Event-ID',
  'Denizen-Consistency',
  'Denizen-Session',
  'Denizen-Hint',
  'Denizen-Redirect',
  'Denizen-TTL',
  'Denizen-Acks',
]

/** For requests of scripts of another origin, which browsers mark with `Origin`. */
export const corsHeaders: Readonly<Headers> = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': exposedHeaders.join(', '),
}

/**
 * Values come from strangers and are served from the API's own origin: a browser must neither
 * guess another type for them nor run scripts of theirs there.
 */
export const valueHeaders: Readonly<Headers> = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; sandbox",
}

/**
 * Region ids may begin with a digit and session tokens with anything, so what is no token
 * (RFC 9651, section 3.3.4) becomes a string.
 */
const token = (text: string): string =>
  /^[a-z*][\w:/!#$%&'*+\-.^`|~]*$/i.test(text) ? text : quoted(text)

/** A string of RFC 9651, section 3.3.3. */
export const quoted = (text: string): string =>
  /[\\"]/.test(text) ? `"${text.replace(/[\\"]/g, '\\$&')}"` : `"${text}"`

/** Takes what `quoted` wrote, and the bare text. */
export const unquoted = (text: string): string =>
  /^".*"$/s.test(text) ? text.slice(1, -1).replace(/\\(.)/gs, '$1') : text

/** Rounded up: a copy is never fresher than it says. */
export const wholeMs = (ms: number): number => Math.max(0, Math.ceil(ms))

/** Where the reply comes from: the region that this node is in, and whether it keeps a copy. */
export interface Entry {
  readonly region: RegionId
  readonly stored: boolean
}

/** Left out where the copy can't say. */
const staleness = (ms: number | undefined): string =>
  ms === undefined ? '' : `;staleness-ms=${wholeMs(ms)}`

export const servedBy = (receipt: Receipt, entry: Entry): string =>
  (entry.stored
    ? `${token(receipt.servedBy)};role=${receipt.role}`
    : `${token(entry.region)};role=proxy;from=${token(receipt.servedBy)}`) +
  relayed(receipt.relay) +
  staleness(receipt.stalenessMs)

const relayed = (relay: string | undefined): string =>
  relay === undefined ? '' : `;relay=${token(relay)}`

export const receiptHeaders = (receipt: Receipt, entry: Entry): Headers => ({
  ...(receipt.home === undefined ? {} : { 'Denizen-Home': token(receipt.home) }),
  'Denizen-Served-By': servedBy(receipt, entry),
})

/**
 * One receipt for many: the oldest copy counts. Where several regions answered, this one is a proxy
 * in front of them; where the groups have several homes, none is named, nor is a relay that not all
 * came by.
 */
export function combinedHeaders(receipts: readonly Receipt[], entry: Entry): Headers {
  const [first] = receipts
  if (!first) return {}
  const same = (of: (receipt: Receipt) => string | undefined): boolean =>
    receipts.every(receipt => of(receipt) === of(first))
  const oldestMs = oldest(receipts)
  const home = same(receipt => receipt.home) ? first.home : undefined
  if (same(receipt => receipt.servedBy)) {
    const role = receipts.every(receipt => receipt.role === 'home') ? 'home' : 'replica'
    const combined: Receipt = {
      servedBy: first.servedBy,
      role,
      ...(home === undefined ? {} : { home }),
      ...(first.relay !== undefined && same(receipt => receipt.relay) && { relay: first.relay }),
      ...(oldestMs === undefined ? {} : { stalenessMs: oldestMs }),
    }
    return receiptHeaders(combined, entry)
  }
  return {
    ...(home === undefined ? {} : { 'Denizen-Home': token(home) }),
    'Denizen-Served-By': `${token(entry.region)};role=proxy${staleness(oldestMs)}`,
  }
}

/** One copy that can't say leaves it open for all. */
function oldest(receipts: readonly Receipt[]): number | undefined {
  let oldestMs = 0
  for (const { stalenessMs } of receipts) {
    if (stalenessMs === undefined) return undefined
    oldestMs = Math.max(oldestMs, stalenessMs)
  }
  return oldestMs
}

export const sessionHeader = (session: string | undefined): Headers =>
  session === undefined ? {} : { 'Denizen-Session': quoted(session) }

/** A version that an error names, as the ETag to compare with next time. */
export const etagNamed = (version: unknown): Headers =>
  typeof version === 'string' ? { ETag: `"${version}"` } : {}
