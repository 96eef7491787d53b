/**
 * The shortest way of a GET: one that only wants the value, which is at hand, and whose sender may
 * read it. It takes no promise, no schema and no object for each header; the reply is a text. What
 * is unusual in any way, or finds no value, is left to the route; both answer the same.
 */
import type { Access, Caller } from '../access/access.ts'
import type { Receipt } from '../execution/operation.ts'
import type { RequestMeter } from '../metrics/request-meter.ts'
import { DenizenError } from '../model/errors.ts'
import type { Key } from '../model/key.ts'
import { limits } from '../model/limits.ts'
import { RecentMap } from '../model/recent-map.ts'
import type { FoundNow, FoundValue } from '../routing/found-now.ts'
import type { Service } from '../routing/service.ts'
import type { Clock } from '../runtime/clock.ts'
import { etagOf } from './preconditions.ts'
import {
  cacheControl,
  corsHeaders,
  type Headers,
  quoted,
  receiptHeaders,
  unquoted,
  valueHeaders,
  variedBy,
} from './reply-headers.ts'
import { getValue, kvBase } from './routes/kv.ts'
import { keyTarget } from './target.ts'

/** A reply of status 200 that is ready to be sent. */
export interface ReadyReply {
  /** Lines, each with its end, of all headers but those of the connection and Date. */
  readonly headers: string
  readonly body: Uint8Array
}

/** More requests have come than a rate permits; the one at hand has been held against it. */
export interface Limited {
  readonly caller: Caller
  readonly waitMs: number
}

export interface PlainReadsOptions {
  readonly service: Service
  readonly access: Access
  readonly meter: RequestMeter
  readonly clock: Clock
}

/** A target that was asked for before, with what has been made ready of its reply. */
interface Known {
  readonly dataset: string
  readonly key: Key
  answer: FoundNow | undefined
  valueLines: string
  /** Of a session that begins with it. */
  sessionLine: string
  receiptParts: ReceiptParts
  isKept: boolean
}

/** What is made of a receipt. */
interface ReceiptParts {
  readonly dataset: string
  readonly receipt: Receipt
  readonly lines: string
  readonly count: Count
}

type Count = (durationMs: number) => void

/** What a plain read may have of headers that matter. */
interface Asked {
  readonly authorization: string | undefined
  /** Of `Denizen-Session`. */
  readonly token: string | undefined
  readonly isOfScript: boolean
}

export class PlainReads {
  readonly #options: PlainReadsOptions
  /** By role and dataset. */
  readonly #counters = new Map<string, Count>()
  #lastReceipt: ReceiptParts | undefined
  /** Counts those that were not kept so far. */
  #unkept = 0
  readonly #known = new RecentMap<string, Known>(limits.hotValuesMax)

  constructor(options: PlainReadsOptions) {
    this.#options = options
  }

  /** `rawTarget` and `rawHeaders` (names and values in turn) as they came. */
  answer(rawTarget: string, rawHeaders: readonly string[]): ReadyReply | Limited | undefined {
    const startMs = this.#options.clock.monotonicMs()
    const asked = askedOf(rawHeaders)
    if (!asked) return undefined
    const known = this.#known.get(rawTarget) ?? parse(rawTarget)
    if (!known) return undefined
    const caller = this.#options.access.known(asked.authorization)
    if (!caller?.permits('read', known.dataset, known.key, false)) return undefined
    const answer = this.#options.service.findNow(
      known.dataset,
      known.key,
      asked.token,
      known.answer,
    )
    if (!answer || !isHeaderSafe(known, answer)) return undefined
    const waitMs = caller.take(known.dataset)
    if (waitMs !== 0) return { caller, waitMs }
    this.#prepare(rawTarget, known, answer)
    return this.#reply(known, answer, asked, startMs)
  }

  #reply(known: Known, answer: FoundNow, { isOfScript }: Asked, startMs: number): ReadyReply {
    const { found, session } = answer
    const durationMs = this.#options.clock.monotonicMs() - startMs
    known.receiptParts.count(durationMs)
    const took = durationMs.toFixed(2)
    const cors = isOfScript ? corsLines : ''
    const timing = `Server-Timing: store;dur=${took}, total;dur=${took}\r\n`
    const ofSession = session === found.session ? known.sessionLine : sessionLine(session)
    const headers =
      fixedLines + known.valueLines + ofSession + known.receiptParts.lines + cors + timing
    return { headers, body: found.value }
  }

  /** What was made ready for the answer before is made anew where it differs. */
  #prepare(rawTarget: string, known: Known, answer: FoundNow): void {
    const { found, receipt } = answer
    const before = known.answer
    known.answer = answer
    if (before?.found !== found) {
      known.valueLines = valueLines(found)
      known.sessionLine = sessionLine(found.session)
      this.#keep(rawTarget, known, found)
    }
    if (before?.receipt !== receipt) known.receiptParts = this.#receiptParts(known.dataset, receipt)
  }

  /** Receipts of one dataset are mostly alike. */
  #receiptParts(dataset: string, receipt: Receipt): ReceiptParts {
    const last = this.#lastReceipt
    if (last?.dataset === dataset && isAlike(last.receipt, receipt)) return last
    const { region } = this.#options.service
    const lines = linesOf(receiptHeaders(receipt, { region, stored: true }))
    const count = this.#counterOf(dataset, receipt)
    this.#lastReceipt = { dataset, receipt, lines, count }
    return this.#lastReceipt
  }

  /**
   * What is read once would push out what is read again and again, and keeping it costs more than
   * reading it; so only one in a few is kept, once there is more than fits. What is hot will soon
   * be among them.
   */
  #keep(rawTarget: string, known: Known, { value }: FoundValue): void {
    if (value.length > limits.hotValueBytesMax) this.#known.delete(rawTarget)
    else if (known.isKept || this.#unkept++ % this.#keptOneIn() === 0) {
      known.isKept = true
      makeFlat(known.valueLines)
      this.#known.set(rawTarget, known)
    }
  }

  #keptOneIn(): number {
    const { hasAged, isWorthIt } = this.#known
    if (!hasAged) return 1
    return isWorthIt ? 4 : 64
  }

  #counterOf(dataset: string, { role }: Receipt): Count {
    const name = `${role} ${dataset}`
    const counter = this.#counters.get(name)
    if (counter) return counter
    const alike = { operation: getValue.id, dataset, served: role, status: 200 } as const
    const made = this.#options.meter.alike(alike)
    this.#counters.set(name, made)
    return made
  }
}

const none: ReceiptParts = {
  ...{ dataset: '', receipt: { servedBy: '', role: 'replica' } },
  ...{ lines: '', count: () => undefined },
}

const isAlike = (a: Receipt, b: Receipt): boolean =>
  a.home === b.home &&
  a.servedBy === b.servedBy &&
  a.role === b.role &&
  a.stalenessMs === b.stalenessMs

/** Of a query, and of what `DirectApi.soon` leaves to the framework. */
const unusual = /[?\\]/

/** Undefined where the route has more to say of the target. */
function parse(rawTarget: string): Known | undefined {
  if (!rawTarget.startsWith(kvBase) || unusual.test(rawTarget)) return undefined
  try {
    const { dataset, key } = keyTarget(rawTarget, kvBase)
    return {
      ...{ dataset, key, answer: undefined },
      ...{ valueLines: '', sessionLine: '', receiptParts: none, isKept: false },
    }
  } catch (error) {
    if (error instanceof DenizenError) return undefined
    throw error
  }
}

/** Headers that a read is answered by; all others change nothing. `long`: the route's to read. */
type Meaning = 'accept' | 'authorization' | 'origin' | 'consistency' | 'session' | 'long'
const meanings = new Map<string, Meaning>([
  ...Object.keys(getValue.headers.shape).map(name => [name.toLowerCase(), 'long'] as const),
  ...['content-length', 'transfer-encoding'].map(name => [name, 'long'] as const),
  ['accept', 'accept'],
  ['authorization', 'authorization'],
  ['origin', 'origin'],
  ['denizen-consistency', 'consistency'],
  ['denizen-session', 'session'],
])

/** Undefined where there is more in them than a plain read has. */
function askedOf(rawHeaders: readonly string[]): Asked | undefined {
  let authorization: string | undefined
  let isOfScript = false
  let token: string | undefined
  let consistency: string | undefined
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name, value] = [rawHeaders[at] as string, rawHeaders[at + 1] as string]
    switch (meanings.get(name.toLowerCase())) {
      case undefined:
        break
      case 'accept':
        if (value !== '*/*') return undefined
        break
      case 'origin':
        isOfScript = true
        break
      case 'authorization':
        if (authorization !== undefined) return undefined
        authorization = value
        break
      case 'consistency':
        if (consistency !== undefined) return undefined
        consistency = value
        break
      case 'session':
        if (token !== undefined || value.length > limits.sessionTokenBytesMax + 2) return undefined
        token = unquoted(value)
        break
      case 'long':
        return undefined
    }
  }
  if (consistency === 'eventual' ? token !== undefined : (consistency ?? 'session') !== 'session') {
    return undefined
  }
  return { authorization, token, isOfScript }
}

/** Stored types were checked when they came; nothing else checks what becomes a header here. */
const isHeaderSafe = ({ answer }: Known, { found }: FoundNow): boolean =>
  answer?.found === found || /^[\t -~]*$/.test(found.mediaType)

const linesOf = (headers: Headers): string =>
  Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')

const corsLines = linesOf(corsHeaders)

/** A joined text is a tree until somebody looks into it: what is kept is better one piece. */
const makeFlat = (text: string): boolean => /^\n/.test(text)

const fixedLines = linesOf({ Vary: variedBy, ...valueHeaders })

const valueLines = ({ version, mediaType, value, cacheable }: FoundValue): string =>
  `Cache-Control: ${cacheControl(cacheable)}\r\nETag: ${etagOf(version)}\r\n` +
  `Content-Type: ${mediaType}\r\nContent-Length: ${value.length}\r\n`

const sessionLine = (session: string): string => `Denizen-Session: ${quoted(session)}\r\n`
