/** What answers said that a key holds, at whatever consistency. */
import { assert } from '../../model/assert.ts'
import type { OperationRecord, Receipt, Result } from '../history.ts'
import { nameOf } from './call.ts'

export interface Sighting {
  /** Index of the operation that saw it. */
  readonly operation: number
  readonly name: string
  /** null: the key is absent. */
  readonly version: string | null
  /** Left out where an answer names a version alone. */
  readonly value?: string
}

export function* sightingsIn(record: OperationRecord, operation: number): Generator<Sighting> {
  const { dataset, operation: asked, result } = record
  if (!result || result.kind === 'error') return
  const seen = (key: string, version: string | null, value?: string): Sighting => ({
    operation,
    name: nameOf(dataset, key),
    version,
    ...(value !== undefined && { value }),
  })
  if (result.kind === 'transacted') {
    assert(asked.kind === 'tx', 'only transactions transact')
    // It may be a repeat: then it is answered as the first time, of what was so then.
    if (asked.idempotencyKey !== undefined) return
    const steps = result.succeeded ? asked.success : asked.failure
    for (const [at, step] of steps.entries()) {
      const found = result.results[at]
      if (found?.kind === 'found') yield seen(step.key, found.version, found.value)
      else if (found?.kind === 'absent') yield seen(step.key, null)
    }
    return
  }
  assert(asked.kind !== 'tx', 'a transaction transacts')
  if (result.kind === 'found') yield seen(asked.key, result.version, result.value)
  else if (result.kind === 'absent') yield seen(asked.key, null)
  else if (result.kind === 'mismatch' && result.current !== undefined) {
    yield seen(asked.key, result.current)
  }
}

export const receiptOf = (result: Result | null): Receipt =>
  result === null || result.kind === 'error' ? {} : result
