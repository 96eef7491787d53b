/** From the operations of a history to calls. */
import { assert } from '../../model/assert.ts'
import type { History, OperationRecord, Result } from '../history.ts'
import { type Call, nameOf, type Way } from './call.ts'
import { certainWay, possibleWays, transactedWay } from './ways.ts'

/** Calls of strong operations: `strong` reads, and all that runs at a group's home. */
export function callsOf({ header, operations }: History): readonly Call[] {
  const { clocksDifferMs = Infinity } = header
  const calls: Call[] = []
  const repeats = new Map<string, Call[]>()
  operations.forEach((record, index) => {
    const whole = callOf(record, index)
    if (!whole) return
    const call = shortened(whole, clocksDifferMs)
    const once = changesNothing(call) ? undefined : onceOf(record)
    if (once === undefined) calls.push(call)
    else repeats.set(once, [...(repeats.get(once) ?? []), call])
  })
  for (const attempts of repeats.values()) calls.push(mergeAttempts(attempts))
  return calls
}

/** Clocks that differ may end a value early. */
function shortened(call: Call, byMs: number): Call {
  const isLasting = ({ effects }: Way): boolean => effects.every(({ ttlMs }) => ttlMs === Infinity)
  if (call.ways.every(isLasting)) return call
  const ways = call.ways.map(({ demands, effects }) => ({
    demands,
    effects: effects.map(effect =>
      effect.ttlMs === Infinity ? effect : { ...effect, ttlMs: Math.max(0, effect.ttlMs - byMs) },
    ),
  }))
  return { ...call, ways }
}

/** Only what changed something is remembered under its key: the rest are reads, each by itself. */
const changesNothing = ({ ways }: Call): boolean =>
  ways.every(({ effects }) => effects.length === 0)

/** Attempts that are one write: the same request of the same caller under the same key. */
function onceOf({ principal = '', dataset, group = '', operation }: OperationRecord) {
  if (operation.kind === 'get' || operation.idempotencyKey === undefined) return undefined
  return JSON.stringify([principal, dataset, group, operation])
}

/** undefined: nothing was applied, and nothing was read at the home. */
function callOf(record: OperationRecord, index: number): Call | undefined {
  const { operation, result, dataset, invokeMs, returnMs } = record
  if (operation.kind === 'get') {
    if (operation.consistency !== 'strong' || !result || result.kind === 'error') return undefined
  }
  if (result?.kind === 'error' && result.applied === 'no') return undefined
  // A transaction that failed though it was applied (`acks_timeout`) says neither which branch ran,
  // nor what its deletions found.
  const isVague = operation.kind === 'tx' || (result?.kind === 'error' && result.applied !== 'yes')
  const isUnknown = result === null || (result.kind === 'error' && isVague)
  const group = record.group ?? (operation.kind === 'tx' ? undefined : operation.key)
  assert(group !== undefined, `operation ${index}: a transaction has a group`)
  assert((returnMs === null) === (result === null), `operation ${index}: a result has a time`)
  return {
    operations: [index],
    group: nameOf(dataset, group),
    invokeMs,
    returnMs: isUnknown || returnMs === null ? Number.POSITIVE_INFINITY : returnMs,
    ways: waysOf(record),
    told: toldVersion(result),
    acks: acksOf(record),
  }
}

function waysOf({ dataset, operation, result }: OperationRecord): readonly Way[] {
  if (result === null || result.kind === 'error') {
    const ways = possibleWays(dataset, operation)
    // A version is of what was written: a branch that only reads was not the one.
    return result?.version === undefined ? ways : ways.filter(({ effects }) => effects.length > 0)
  }
  if (operation.kind === 'tx') {
    assert(result.kind === 'transacted', 'a transaction transacts or fails')
    return [transactedWay(dataset, operation, result)]
  }
  assert(result.kind !== 'transacted', 'only transactions transact')
  return [certainWay(dataset, operation, result)]
}

function toldVersion(result: Result | null): string | undefined {
  switch (result?.kind) {
    case 'written':
    case 'deleted':
    case 'error':
      return result.version
    case 'transacted':
      for (const step of result.results) {
        if (step.kind === 'written' || step.kind === 'deleted') {
          if (step.version !== undefined) return step.version
        }
      }
  }
  return undefined
}

function acksOf({ operation, result }: OperationRecord): number {
  if (operation.kind === 'get' || result === null) return 0
  if (result.kind === 'error') return result.applied === 'yes' ? 1 : 0
  return operation.acks ?? 1
}

/** It took effect once: after the first was sent, and before the first was told so. */
function mergeAttempts(attempts: readonly Call[]): Call {
  const certain = attempts.filter(({ returnMs }) => returnMs !== Number.POSITIVE_INFINITY)
  const shown = certain.find(({ ways }) => ways.length === 1) ?? certain[0] ?? attempts[0]
  assert(shown, 'a call has an attempt')
  return {
    operations: attempts.flatMap(({ operations }) => operations),
    group: shown.group,
    invokeMs: Math.min(...attempts.map(({ invokeMs }) => invokeMs)),
    returnMs: Math.min(...attempts.map(({ returnMs }) => returnMs)),
    ways: shown.ways,
    told: attempts.find(({ told }) => told !== undefined)?.told,
    acks: Math.max(...attempts.map(({ acks }) => acks)),
  }
}
