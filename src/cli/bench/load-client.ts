/**
 * One client of `denizen bench`: a request, its answer, the next request. It asks a region at
 * random each time. Every other client keeps a session, so that tokens travel between regions.
 */
import { encodeKeyForPath } from '../../model/key.ts'
import { type Random, randomId } from '../../runtime/random.ts'
import type { Operation, OperationRecord } from '../../simulation/history.ts'
import { ConnectionFailure, send } from '../http-client.ts'
import { resultOf } from './reply-result.ts'
import { nextWish, type Wish } from './wish.ts'

export interface Endpoint {
  readonly region: string
  /** Base URL. */
  readonly url: string
}

export interface LoadClientOptions {
  readonly name: string
  readonly isSession: boolean
  readonly endpoints: readonly Endpoint[]
  readonly dataset: string
  /** All keys of the run begin with it. */
  readonly prefix: string
  readonly random: Random
  /** Milliseconds since the run began. */
  readonly nowMs: () => number
  readonly onRecord: (record: OperationRecord) => void
}

type KeyOperation = Exclude<Operation, { kind: 'tx' }>

const valueBytes = 100
/** Values go by themselves, so that a run leaves nothing behind. */
const ttlMs = 3_600_000
/** An unanswered write with an idempotency key is repeated so often. */
const repeatsMax = 5
/** A node that is away gets no more than some requests a second from each client. */
const breathMs = 50

export class LoadClient {
  readonly #options: LoadClientOptions
  readonly #seen = new Map<string, string>()
  #session: string | undefined
  #writes = 0

  constructor(options: LoadClientOptions) {
    this.#options = options
  }

  async run(isOver: () => boolean): Promise<void> {
    const { random, prefix } = this.#options
    while (!isOver()) {
      const operation = this.#operationFor(nextWish(random, prefix))
      const once = operation.kind !== 'get' && operation.idempotencyKey !== undefined
      for (let repeats = 0; repeats <= (once ? repeatsMax : 0); repeats++) {
        const { result } = await this.#ask(operation)
        if (result && !(result.kind === 'error' && result.applied === 'unknown')) break
      }
    }
  }

  #operationFor(wish: Wish): KeyOperation {
    if (wish.kind !== 'put') return wish
    const { key, guard, once } = wish
    const value = `${this.#options.name}-${++this.#writes}`
    const seen = this.#seen.get(key)
    return {
      ...{ kind: 'put', key, value, ttlMs },
      ...(guard === 'create' && { ifNoneMatch: '*' }),
      ...(guard === 'match' && seen !== undefined && { ifMatch: seen }),
      ...(once && { idempotencyKey: `${value}-${randomId(this.#options.random)}` }),
    }
  }

  async #ask(operation: KeyOperation): Promise<OperationRecord> {
    const { name, isSession, endpoints, dataset, random, nowMs, onRecord } = this.#options
    const endpoint = endpoints[Math.floor(random.unit() * endpoints.length)] as Endpoint
    const invokeMs = nowMs()
    const answer = await this.#send(operation, endpoint.url)
    const record: OperationRecord = {
      client: name,
      ...(isSession && { session: name }),
      entry: endpoint.region,
      dataset,
      operation,
      invokeMs,
      returnMs: answer === null ? null : nowMs(),
      result: answer,
    }
    if (answer && 'version' in answer && answer.version !== undefined) {
      this.#seen.set(operation.key, answer.version)
    }
    onRecord(record)
    if (answer === null || answer.kind === 'error') {
      await new Promise(resolve => setTimeout(resolve, breathMs * random.unit()))
    }
    return record
  }

  /** null: no answer came. */
  async #send(operation: KeyOperation, url: string): Promise<OperationRecord['result']> {
    try {
      const reply = await send({
        method: methods[operation.kind],
        url,
        path: `/v1/kv/${this.#options.dataset}/${encodeKeyForPath(operation.key)}`,
        headers: {
          ...headersOf(operation),
          ...(this.#session && { 'denizen-session': this.#session }),
        },
        ...(operation.kind === 'put' && { body: bodyOf(operation.value) }),
      })
      const token = reply.headers.get('denizen-session')
      if (this.#options.isSession && token !== null) this.#session = token
      return resultOf(operation, reply, valueIn)
    } catch (error) {
      if (!(error instanceof ConnectionFailure)) throw error
      // Who refuses a connection has got no request.
      if (error.message !== 'ECONNREFUSED') return null
      return { kind: 'error', code: 'connection_refused', applied: 'no' }
    }
  }
}

const methods = { get: 'GET', put: 'PUT', delete: 'DELETE' } as const

function headersOf(operation: KeyOperation): Readonly<Record<string, string>> {
  if (operation.kind === 'get') return { 'denizen-consistency': operation.consistency }
  const { ifMatch, ifNoneMatch, idempotencyKey } = operation
  return {
    ...(operation.kind === 'put' && {
      'content-type': 'text/plain',
      'denizen-ttl': `${ttlMs}ms`,
    }),
    ...(ifMatch !== undefined && { 'if-match': etagOf(ifMatch) }),
    ...(ifNoneMatch !== undefined && { 'if-none-match': etagOf(ifNoneMatch) }),
    ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
  }
}

const etagOf = (version: string): string => (version === '*' ? version : `"${version}"`)

/** The value's name, a space, and padding. */
const bodyOf = (value: string): Uint8Array =>
  new TextEncoder().encode(`${value} `.padEnd(valueBytes, '.'))

const valueIn = (body: Uint8Array): string => new TextDecoder().decode(body).split(' ')[0] ?? ''
