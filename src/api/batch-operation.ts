/** One operation of a batch: from its line in the body to the port. */
import type { Usage } from '../access/access.ts'
import type { Verb } from '../access/scope.ts'
import type { Operation } from '../execution/operation.ts'
import { DenizenError } from '../model/errors.ts'
import { type Key, parseKey } from '../model/key.ts'
import { limits } from '../model/limits.ts'
import type { Admission } from '../routing/service.ts'
import { type Admitted, diversion } from './admission.ts'
import { authorize, refuseExhausted } from './authorize.ts'
import type { BatchOp } from './batch-schemas.ts'
import { bytesFromItem, type StoredValue, valueFromItem } from './data-item.ts'
import type { Exchange } from './exchange.ts'
import { checkMediaType, checkValue, type Format } from './media-type.ts'
import { ReadConditions, writePrecondition } from './preconditions.ts'
import { ttlMsOf } from './ttl.ts'

export type Planned =
  | {
      readonly kind: 'run'
      readonly operation: Operation
      readonly conditions: ReadConditions | undefined
      readonly stored: boolean
    }
  | { readonly kind: 'diverted'; readonly error: DenizenError }
  | { readonly kind: 'failed'; readonly error: DenizenError }

/** No further members: one object for all, as a body has thousands of operations. */
const nothing = {}

/** What the operations of a batch share. */
export interface BatchFrame {
  readonly dataset: string
  readonly via: string | undefined
  /** Of the body. */
  readonly format: Format
  /** The batch's; each operation has its own, made of it and its index. */
  readonly idempotencyKey?: string
}

/**
 * Plans operations one after another. What is the same for all of them is found out once, until
 * `settle`.
 */
export class Planner {
  readonly #exchange: Exchange
  readonly #frame: BatchFrame
  /** Verbs that the caller may use on every key. */
  readonly #free = new Map<Verb, boolean>()
  /** Of every key. */
  #admitted: Admitted | undefined
  #quota: { readonly exhausted: keyof Usage | undefined } | undefined
  #owed = 0

  constructor(exchange: Exchange, frame: BatchFrame) {
    this.#exchange = exchange
    this.#frame = frame
  }

  /** What becomes of the operation with that index. Its mistakes are its own result. */
  plan(op: BatchOp, index: number): Planned {
    try {
      const key = parseKey(op.key)
      this.#authorize(op.op === 'get' ? 'read' : 'write', key)
      const admission = this.#admit(key)
      if (admission.kind !== 'serve') {
        return { kind: 'diverted', error: diversion(this.#exchange, admission) }
      }
      const { stored } = admission
      if (op.op !== 'get') return this.#planWrite(op, key, index, stored)
      const conditions =
        op.ifMatch === undefined && op.ifNoneMatch === undefined
          ? undefined
          : new ReadConditions(op)
      return { kind: 'run', operation: { kind: 'get', key }, conditions, stored }
    } catch (error) {
      if (error instanceof DenizenError) return { kind: 'failed', error }
      throw error
    }
  }

  /** Counts what was planned against the rates of the caller, and looks at everything anew. */
  settle(): void {
    const { caller } = this.#exchange
    if (this.#owed > 0) caller.owe(this.#frame.dataset, this.#owed)
    this.#owed = 0
    this.#admitted = undefined
    this.#quota = undefined
  }

  #authorize(verb: Verb, key: Key): void {
    const { dataset } = this.#frame
    let free = this.#free.get(verb)
    if (free === undefined) {
      free = this.#exchange.caller.permits(verb, dataset, '', this.#exchange.isHinted)
      this.#free.set(verb, free)
    }
    if (!free) authorize(this.#exchange, verb, dataset, key)
    this.#owed += 1
  }

  #admit(key: Key): Admission {
    if (this.#admitted) return this.#admitted
    const { dataset, via } = this.#frame
    const admission = this.#exchange.service.admit(dataset, key, via)
    if (admission.kind === 'serve' && admission.everyKey) this.#admitted = admission
    return admission
  }

  #planWrite(
    op: Exclude<BatchOp, { op: 'get' }>,
    key: Key,
    index: number,
    stored: boolean,
  ): Planned {
    const { format, dataset, idempotencyKey } = this.#frame
    const precondition = writePrecondition(op)
    const once =
      idempotencyKey === undefined ? nothing : { idempotencyKey: `${idempotencyKey}/${index}` }
    if (op.op === 'delete') {
      const operation: Operation = { kind: 'delete', key, precondition, ...once }
      return { kind: 'run', operation, conditions: undefined, stored }
    }
    this.#quota ??= { exhausted: this.#exchange.caller.exhausted(dataset) }
    refuseExhausted(dataset, this.#quota.exhausted, precondition.ifMatch !== undefined)
    const { bytes: value, mediaType } = valueToPut(op, format)
    const life = op.ttl === undefined ? nothing : { ttlMs: ttlMsOf(op.ttl) }
    const put = { kind: 'put', key, value, mediaType, precondition } as const
    const isPlain = life === nothing && once === nothing
    const operation: Operation = isPlain ? put : { ...put, ...life, ...once }
    return { kind: 'run', operation, conditions: undefined, stored }
  }
}

function valueToPut(op: Extract<BatchOp, { op: 'put' }>, format: Format): StoredValue {
  const stored = storedValueOf(op, format)
  if (stored.bytes.length > limits.valueBytesMax) {
    throw new DenizenError('too_large', `the value is larger than ${limits.valueBytesMax} bytes`)
  }
  return stored
}

export function storedValueOf(
  op: Pick<Extract<BatchOp, { op: 'put' }>, 'value' | 'bytes' | 'type'>,
  format: Format,
): StoredValue {
  if (op.bytes === undefined || op.type === undefined) return valueFromItem(op.value, format)
  const mediaType = checkMediaType(op.type)
  const bytes = bytesFromItem(op.bytes, format)
  checkValue(mediaType, bytes)
  return { mediaType, bytes }
}
