/** One operation of a batch: from its line in the body to the port, and back to a result. */
import type { Operation, Outcome, Receipt } from '../execution/operation.ts'
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import { parseKey } from '../model/key.ts'
import { limits } from '../model/limits.ts'
import { diversion } from './admission.ts'
import { authorizeOperation, checkQuota } from './authorize.ts'
import type { BatchOp } from './batch-schemas.ts'
import { bytesFromItem, itemFromValue, type StoredValue, valueFromItem } from './data-item.ts'
import type { Exchange } from './exchange.ts'
import { checkMediaType, checkValue, type Format } from './media-type.ts'
import { etagOf, ReadConditions, writePrecondition } from './preconditions.ts'
import { errorItem } from './problem.ts'
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

/** What becomes of the operation with that index. Its mistakes are its own result. */
export function planOf(
  exchange: Exchange,
  { dataset, via, format, idempotencyKey }: BatchFrame,
  op: BatchOp,
  index: number,
): Planned {
  try {
    const key = parseKey(op.key)
    authorizeOperation(exchange, op.op === 'get' ? 'read' : 'write', dataset, key)
    const admission = exchange.service.admit(dataset, key, via)
    if (admission.kind !== 'serve') {
      return { kind: 'diverted', error: diversion(exchange, admission) }
    }
    const { stored } = admission
    if (op.op === 'get') {
      const conditions = new ReadConditions(op)
      return { kind: 'run', operation: { kind: 'get', key }, conditions, stored }
    }
    const precondition = writePrecondition(op)
    const once =
      idempotencyKey === undefined ? nothing : { idempotencyKey: `${idempotencyKey}/${index}` }
    if (op.op === 'delete') {
      const operation: Operation = { kind: 'delete', key, precondition, ...once }
      return { kind: 'run', operation, conditions: undefined, stored }
    }
    checkQuota(exchange, dataset, precondition.ifMatch !== undefined)
    const { bytes: value, mediaType } = valueToPut(op, format)
    const life = op.ttl === undefined ? nothing : { ttlMs: ttlMsOf(op.ttl) }
    const put = { kind: 'put', key, value, mediaType, precondition } as const
    const isPlain = life === nothing && once === nothing
    const operation: Operation = isPlain ? put : { ...put, ...life, ...once }
    return { kind: 'run', operation, conditions: undefined, stored }
  } catch (error) {
    if (error instanceof DenizenError) return { kind: 'failed', error }
    throw error
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

/** A line of the reply: the status is what the same request by itself would answer. */
export function resultOf(plan: Planned, outcome: Outcome | undefined, format: Format): object {
  if (plan.kind !== 'run') return failureResult(plan.error)
  assert(outcome, 'what runs has an outcome')
  switch (outcome.kind) {
    case 'found':
      return foundResult(outcome, plan.conditions, format)
    case 'absent':
      return absentResult(plan.conditions)
    case 'written':
      return {
        status: outcome.created ? 201 : 204,
        etag: etagOf(outcome.version),
        ...homeOf(outcome.receipt),
      }
    case 'deleted':
      return { status: 204, ...homeOf(outcome.receipt) }
    case 'failed':
      return failureResult(outcome.error)
  }
}

const homeOf = ({ home }: Receipt): object => (home === undefined ? {} : { home })

function foundResult(
  { version, mediaType, value, receipt }: Extract<Outcome, { kind: 'found' }>,
  conditions: ReadConditions | undefined,
  format: Format,
): object {
  const mismatch = checked(() => conditions?.checkMatch(version))
  if (mismatch) return failureResult(mismatch)
  const etag = etagOf(version)
  if (conditions?.notModifiedVersion(version)) return { status: 304, etag }
  const item = itemFromValue({ mediaType, bytes: value }, format)
  return { status: 200, etag, type: mediaType, ...item, ...homeOf(receipt) }
}

function absentResult(conditions: ReadConditions | undefined): object {
  const mismatch = checked(() => conditions?.checkMatch(undefined))
  return failureResult(mismatch ?? absent)
}

/** One for all: making an error costs more than all else that a batch does for a key. */
const absent = new DenizenError('not_found', 'there is no such key')

function checked(check: () => void): DenizenError | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    if (error instanceof DenizenError) return error
    throw error
  }
}

export function failureResult(error: DenizenError): object {
  const { region, current } = error.extra
  return {
    status: error.status,
    ...(typeof current === 'string' ? { etag: `"${current}"` } : {}),
    ...(typeof region === 'string' ? { region } : {}),
    error: errorItem(error),
  }
}
