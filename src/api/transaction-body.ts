/** A transaction as callers send it, and its results as they get them. */
import { z } from 'zod'
import type {
  Transaction,
  TransactionCondition,
  TransactionResult,
  TransactionStep,
} from '../execution/operation.ts'
import { DenizenError } from '../model/errors.ts'
import { type Key, parseKey } from '../model/key.ts'
import { limits } from '../model/limits.ts'
import { storedValueOf } from './batch-operation.ts'
import { failureResult } from './batch-results.ts'
import { resultSchema } from './batch-schemas.ts'
import { itemFromValue } from './data-item.ts'
import type { Format } from './media-type.ts'
import { etagOf, writePrecondition } from './preconditions.ts'
import { itemValueMembers } from './schemas.ts'
import { ttlMsOf } from './ttl.ts'

const valueMembers = {
  ...itemValueMembers,
  type: z.string().exactOptional().meta({ description: 'Media type of `bytes`' }),
}

const hasWholeValue = (item: object): boolean =>
  'value' in item ? !('bytes' in item || 'type' in item) : 'bytes' in item === 'type' in item

const wholeValue = { error: 'a value is either value, or type and bytes' }

const conditionSchema = z
  .strictObject({
    key: z.string(),
    exists: z.boolean().exactOptional().meta({ description: 'The key has, or has not, a value' }),
    ifMatch: z.string().exactOptional().meta({ description: 'An ETag that the key must have now' }),
    ...valueMembers,
  })
  .refine(hasWholeValue, wholeValue)
  .meta({
    id: 'TransactionCondition',
    description:
      'All that is named has to hold. A value is compared byte for byte, and so is its type: it is ' +
      'equal to what a put of the same item in a body of the same form would store.',
  })
type ConditionInput = z.output<typeof conditionSchema>

const stepSchema = z
  .discriminatedUnion('op', [
    z.strictObject({ op: z.literal('get'), key: z.string() }),
    z
      .strictObject({
        op: z.literal('put'),
        key: z.string(),
        ...valueMembers,
        ttl: z.string().exactOptional().meta({ description: 'As the header Denizen-TTL' }),
      })
      .refine(op => hasWholeValue(op) && ('value' in op || 'bytes' in op), wholeValue),
    z.strictObject({ op: z.literal('delete'), key: z.string() }),
  ])
  .meta({ id: 'TransactionOperation' })
type StepInput = z.output<typeof stepSchema>

const atMost = { description: `At most ${limits.transactionOpsMax}` }
const branch = z.array(stepSchema).default([])

export const transactionSchema = z
  .strictObject({
    if: z.array(conditionSchema).default([]).meta(atMost),
    // biome-ignore lint/suspicious/noThenProperty: the contract's word; no function, no thenable
    then: branch.meta(atMost),
    else: branch.meta(atMost),
  })
  .meta({ id: 'TransactionRequest' })

export const transactionReplySchema = z
  .object({
    succeeded: z.boolean().meta({ description: 'All conditions held, so that `then` ran' }),
    results: z.array(resultSchema).meta({ description: 'Of the branch that ran, in order' }),
  })
  .meta({ id: 'TransactionReply' })

/** Throws `bad_key`, `bad_precondition`, `bad_body`, `bad_request`. */
export function transactionOf(
  key: Key,
  body: z.output<typeof transactionSchema>,
  format: Format,
): Transaction {
  const steps = (inputs: readonly StepInput[]) => inputs.map(input => stepOf(input, format))
  return {
    kind: 'transaction',
    key,
    conditions: body.if.map(input => conditionOf(input, format)),
    success: steps(body.then),
    failure: steps(body.else),
  }
}

function conditionOf(input: ConditionInput, format: Format): TransactionCondition {
  const { ifMatch } = writePrecondition({ ifMatch: input.ifMatch })
  if (ifMatch === '*') throw new DenizenError('bad_precondition', 'say "exists" in place of "*"')
  return {
    key: parseKey(input.key),
    ...(input.exists !== undefined && { exists: input.exists }),
    ...(ifMatch !== undefined && { ifMatch }),
    ...(('value' in input || 'bytes' in input) && { value: storedValueOf(input, format) }),
  }
}

function stepOf(input: StepInput, format: Format): TransactionStep {
  const key = parseKey(input.key)
  if (input.op !== 'put') return { kind: input.op, key }
  const { mediaType, bytes: value } = storedValueOf(input, format)
  const ttl = input.ttl === undefined ? {} : { ttlMs: ttlMsOf(input.ttl) }
  return { kind: 'put', key, value, mediaType, ...ttl }
}

/** The status is what the same request by itself would answer. */
export function resultOfStep(result: TransactionResult, format: Format): object {
  switch (result.kind) {
    case 'found': {
      const { version, mediaType, value } = result
      const item = itemFromValue({ mediaType, bytes: value }, format)
      return { status: 200, etag: etagOf(version), type: mediaType, ...item }
    }
    case 'absent':
      return failureResult(new DenizenError('not_found', 'there is no such key'))
    case 'written':
      return { status: result.created ? 201 : 204, etag: etagOf(result.version) }
    case 'deleted':
      return { status: 204 }
  }
}
