/** What a batch answers to each of its operations, as a member of its reply. */
import type { Outcome, Receipt } from '../execution/operation.ts'
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import type { Planned } from './batch-operation.ts'
import { itemFromValue } from './data-item.ts'
import type { Format } from './media-type.ts'
import { etagOf, type ReadConditions } from './preconditions.ts'
import { errorItem } from './problem.ts'

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

const homeOf = ({ home, relay }: Receipt): object => ({
  ...(home === undefined ? {} : { home }),
  ...(relay === undefined ? {} : { relay }),
})

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
  const { region, current, version = current } = error.extra
  return {
    status: error.status,
    ...(typeof version === 'string' ? { etag: `"${version}"` } : {}),
    ...(typeof region === 'string' ? { region } : {}),
    error: errorItem(error),
  }
}
