/**
 * One request and its reply. It owns what every route needs: the raw target, the time spent, the
 * form of replies. Replies are made here and nowhere else, so that none lacks a header.
 */

import type { Access, Caller } from '../access/access.ts'
import type { Verb } from '../access/scope.ts'
import type { Receipt } from '../execution/operation.ts'
import { Phases } from '../metrics/phases.ts'
import type { RequestMeter } from '../metrics/request-meter.ts'
import { assert } from '../model/assert.ts'
import { utf8 } from '../model/bytes.ts'
import type { ErrorCode } from '../model/error-kinds.ts'
import { parseTraceParent } from '../model/trace-parent.ts'
import { writeCbor } from '../protocol/cbor-writer.ts'
import type { RequestContext, Service } from '../routing/service.ts'
import type { Clock } from '../runtime/clock.ts'
import type { LogFields, Logger } from '../runtime/log.ts'
import type { Tracing } from '../runtime/tracing.ts'
import type { HostRequest, Reply } from './host.ts'
import { type Format, formatTypes } from './media-type.ts'
import { preferredFormat } from './negotiation.ts'
import {
  corsHeaders,
  type Headers,
  neverCached,
  receiptHeaders,
  variedBy,
} from './reply-headers.ts'
import type { Target } from './target.ts'

/** What a host may pass to `app.fetch` beside the request. */
export interface ApiBindings {
  /** Tells a client that waits for it (Expect: 100-continue) to send the body. */
  readonly sendContinue?: () => void
  /** Ends the connection at once: for a client that does not read the reply. */
  readonly cutOff?: () => void
}

/**
 * What a route needs of its caller: a verb on the dataset and key, which `admit` checks; `admin`,
 * which is of the node; for each operation in the body its own verb; or nothing.
 */
export type Needs = Verb | 'each operation' | 'nothing'

export interface ExchangeOptions {
  readonly service: Service
  readonly clock: Clock
  readonly log: Logger
  readonly meter: RequestMeter
  readonly tracing: Tracing | undefined
  readonly request: HostRequest
  readonly target: Target
  /** Method and route, without key or dataset: for logs. */
  readonly route: string
  /** Whether an unexpected failure may have changed something. */
  readonly mutates: boolean
  readonly needs: Needs
  readonly sendContinue: (() => void) | undefined
  readonly cutOff: (() => void) | undefined
}

export class Exchange {
  readonly service: Service
  readonly request: HostRequest
  readonly target: Target
  readonly mutates: boolean
  readonly needs: Needs
  /** Of the policy; empty where the request names none, or is refused before that is known. */
  dataset = ''
  /** Who ran it, `proxy` being any other region; empty where it does not get that far. */
  served: 'home' | 'replica' | 'proxy' | '' = ''
  /** What it is answered in place of success. */
  error: ErrorCode | undefined
  readonly #options: ExchangeOptions
  readonly #startMs: number
  #timings = ''
  #caller: Caller | undefined
  #access: Access | undefined
  #isHinted: boolean | undefined

  constructor(options: ExchangeOptions) {
    this.service = options.service
    this.request = options.request
    this.target = options.target
    this.mutates = options.mutates
    this.needs = options.needs
    this.#options = options
    this.#startMs = options.clock.monotonicMs()
  }

  /** `name` is in lower case. */
  header(name: string): string | undefined {
    return this.request.header(name)
  }

  /** Set before the route runs, if it needs anything of its caller. */
  get caller(): Caller {
    assert(this.#caller, 'a route that asks who calls needs something of its caller')
    return this.#caller
  }

  /** Who settles who calls, for those who ask again. */
  get access(): Access {
    assert(this.#access, 'a route that asks who calls needs something of its caller')
    return this.#access
  }

  identify(caller: Caller, access: Access): void {
    this.#caller = caller
    this.#access = access
  }

  /** Whether the request names its own hint; a batch asks once for each operation. */
  get isHinted(): boolean {
    this.#isHinted ??= this.header('denizen-hint') !== undefined
    return this.#isHinted
  }

  get accept(): string | undefined {
    return this.header('accept')
  }

  /** The form of structured replies. */
  get format(): Format {
    return preferredFormat(this.accept)
  }

  get clock(): Clock {
    return this.#options.clock
  }

  get tracing(): Tracing | undefined {
    return this.#options.tracing
  }

  get meter(): RequestMeter {
    return this.#options.meter
  }

  /** Since the request came. */
  elapsedMs(): number {
    return this.clock.monotonicMs() - this.#startMs
  }

  sendContinue(): void {
    this.#options.sendContinue?.()
  }

  /** Ends the connection amid the reply, where the host lets us. */
  cutOff(): void {
    this.#options.cutOff?.()
  }

  /** Awaits a task and names the time that it took in Server-Timing. */
  async timed<T>(name: string, task: Promise<T>): Promise<T> {
    const startMs = this.#options.clock.monotonicMs()
    try {
      return await task
    } finally {
      this.#timings += `${name};dur=${(this.#options.clock.monotonicMs() - startMs).toFixed(2)}, `
    }
  }

  /** Runs operations, and says in Server-Timing where the time went. */
  async execute<T>(
    context: RequestContext,
    run: (context: RequestContext) => Promise<T>,
  ): Promise<T> {
    const phases = new Phases(this.clock)
    const startMs = this.clock.monotonicMs()
    try {
      return await run({ ...context, phases })
    } finally {
      this.#timings += phases.timings(this.clock.monotonicMs() - startMs)
    }
  }

  /** What a receipt says in the headers of the reply. `stored`: this region keeps a copy. */
  receipted(receipt: Receipt, { stored }: { readonly stored: boolean }): Headers {
    const { region } = this.service
    this.served = receipt.servedBy === region ? receipt.role : 'proxy'
    return receiptHeaders(receipt, { region, stored })
  }

  reply(status: number, headers: Headers, body?: Uint8Array): Reply {
    const all = this.#withShared(headers)
    if (body === undefined) {
      if (status !== 204 && status !== 304) all['Content-Length'] = '0'
      return { status, headers: all, body: null }
    }
    // Named here so that HEAD, whose body is dropped later, says it too.
    all['Content-Length'] = String(body.length)
    return { status, headers: all, body }
  }

  /** A reply whose body is made while it is sent. */
  streamed(headers: Headers, body: ReadableStream<Uint8Array>): Reply {
    return { status: 200, headers: this.#withShared(headers), body }
  }

  #withShared(headers: Headers): Headers {
    return {
      ...(this.header('origin') !== undefined && corsHeaders),
      Vary: variedBy,
      'Server-Timing': `${this.#timings}total;dur=${this.elapsedMs().toFixed(2)}`,
      'Cache-Control': neverCached,
      ...headers,
    }
  }

  /** A reply whose body is a data structure, in the form that Accept prefers. */
  structured(status: number, body: unknown, headers: Headers = {}): Reply {
    return this.encoded(status, headers, encodeStructure(this.format, body))
  }

  /** The same, where the body is encoded in that form already. */
  encoded(status: number, headers: Headers, body: Uint8Array): Reply {
    return this.reply(status, { 'Content-Type': formatTypes[this.format], ...headers }, body)
  }

  log(level: keyof Logger, message: string, fields: LogFields): void {
    const trace = this.#options.tracing?.current() ?? this.header('traceparent')
    const traceId = trace && parseTraceParent(trace)?.traceId
    this.#options.log[level](message, {
      route: this.#options.route,
      ...(traceId && { traceId }),
      ...fields,
    })
  }
}

export const encodeStructure = (format: Format, body: unknown): Uint8Array =>
  format === 'json' ? utf8(JSON.stringify(body)) : writeCbor(body)
