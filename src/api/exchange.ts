/**
 * One request and its reply. It owns what every route needs: the raw target, the time spent, the
 * form of replies. Replies are made here and nowhere else, so that none lacks a header.
 */

import { utf8 } from '../model/bytes.ts'
import { encodeCbor } from '../protocol/cbor.ts'
import type { Service } from '../routing/service.ts'
import type { Clock } from '../runtime/clock.ts'
import type { LogFields, Logger } from '../runtime/log.ts'
import { type Format, formatTypes } from './media-type.ts'
import { preferredFormat } from './negotiation.ts'
import { corsHeaders, type Headers, neverCached } from './reply-headers.ts'
import type { Target } from './target.ts'

/** What a host may pass to `app.fetch` beside the request. */
export interface ApiBindings {
  /** Tells a client that waits for it (Expect: 100-continue) to send the body. */
  readonly sendContinue?: () => void
}

export interface ExchangeOptions {
  readonly service: Service
  readonly clock: Clock
  readonly log: Logger
  readonly request: Request
  readonly target: Target
  /** Method and route, without key or dataset: for logs. */
  readonly route: string
  /** Whether an unexpected failure may have changed something. */
  readonly mutates: boolean
  readonly sendContinue: (() => void) | undefined
}

export class Exchange {
  readonly service: Service
  readonly request: Request
  readonly target: Target
  readonly mutates: boolean
  readonly #options: ExchangeOptions
  readonly #startMs: number
  #timings = ''

  constructor(options: ExchangeOptions) {
    this.service = options.service
    this.request = options.request
    this.target = options.target
    this.mutates = options.mutates
    this.#options = options
    this.#startMs = options.clock.monotonicMs()
  }

  header(name: string): string | undefined {
    return this.request.headers.get(name) ?? undefined
  }

  get accept(): string | undefined {
    return this.header('accept')
  }

  /** The form of structured replies. */
  get format(): Format {
    return preferredFormat(this.accept)
  }

  sendContinue(): void {
    this.#options.sendContinue?.()
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

  reply(status: number, headers: Headers, body?: Uint8Array): Response {
    const totalMs = this.#options.clock.monotonicMs() - this.#startMs
    const all: Headers = {
      ...corsHeaders,
      Vary: 'Accept',
      'Server-Timing': `${this.#timings}total;dur=${totalMs.toFixed(2)}`,
      'Cache-Control': neverCached,
      ...headers,
    }
    if (body === undefined) {
      if (status !== 204 && status !== 304) all['Content-Length'] = '0'
      return new Response(null, { status, headers: all })
    }
    // Named here so that HEAD, whose body is dropped later, says it too.
    all['Content-Length'] = String(body.length)
    // None of our bytes lie in shared memory, which is all that the DOM's type excludes.
    return new Response(body as Uint8Array<ArrayBuffer>, { status, headers: all })
  }

  /** A reply whose body is a data structure, in the form that Accept prefers. */
  structured(status: number, body: unknown, headers: Headers = {}): Response {
    const format = this.format
    return this.reply(
      status,
      { 'Content-Type': formatTypes[format], ...headers },
      encodeStructure(format, body),
    )
  }

  log(level: keyof Logger, message: string, fields: LogFields): void {
    this.#options.log[level](message, { route: this.#options.route, ...fields })
  }
}

export const encodeStructure = (format: Format, body: unknown): Uint8Array =>
  format === 'json' ? utf8(JSON.stringify(body)) : encodeCbor(body)
