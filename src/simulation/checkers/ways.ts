/** What an operation may have done, and what it did for certain, as demands and effects. */
import { assert } from '../../model/assert.ts'
import type {
  Condition,
  Delete,
  KeyResult,
  MismatchResult,
  Operation,
  Put,
  Step,
  TransactedResult,
  Transaction,
} from '../history.ts'
import { type Demand, type Effect, nameOf, type Way } from './call.ts'

/** Of an operation whose reply does not say what it did. Reads have none. */
export function possibleWays(dataset: string, operation: Operation): readonly Way[] {
  switch (operation.kind) {
    case 'get':
      return []
    case 'put':
    case 'delete': {
      const name = nameOf(dataset, operation.key)
      const demands = preconditions(name, operation)
      return operation.kind === 'put'
        ? [{ demands, effects: [effectOf(name, operation.value, operation.ttlMs)] }]
        : [{ demands: [...demands, { kind: 'live', name }], effects: [effectOf(name, null)] }]
    }
    case 'tx': {
      const branch = (succeeded: boolean, steps: readonly Step[]): Way => ({
        demands: branchDemands(dataset, operation, succeeded),
        effects: steps.flatMap(step => effectsOfStep(dataset, step)),
      })
      const otherwise = operation.conditions.length === 0 ? [] : [branch(false, operation.failure)]
      return [branch(true, operation.success), ...otherwise]
    }
  }
}

/** Of an operation on one key that was answered. */
export function certainWay(
  dataset: string,
  operation: Exclude<Operation, Transaction>,
  result: KeyResult | MismatchResult,
): Way {
  const name = nameOf(dataset, operation.key)
  if (operation.kind === 'get') {
    assert(result.kind !== 'mismatch', 'reads have no preconditions')
    return { demands: sawOf(name, result), effects: [] }
  }
  if (result.kind === 'mismatch') {
    const refuted = negated(preconditions(name, operation))
    return { demands: [...refuted, ...currentOf(name, result)], effects: [] }
  }
  // A deletion that finds nothing looks at its precondition first: this one had none, or none left.
  const saw = sawOf(name, result)
  if (result.kind === 'absent') return { demands: saw, effects: [] }
  const [value, ttlMs] =
    operation.kind === 'put' ? [operation.value, operation.ttlMs] : [null, undefined]
  return {
    demands: [...preconditions(name, operation), ...saw],
    effects: [effectOf(name, value, ttlMs)],
  }
}

/** Of a transaction that was answered. */
export function transactedWay(
  dataset: string,
  transaction: Transaction,
  { succeeded, results }: TransactedResult,
): Way {
  const steps = succeeded ? transaction.success : transaction.failure
  assert(steps.length === results.length, 'one result for each step of the branch')
  const demands = [...branchDemands(dataset, transaction, succeeded)]
  const effects: Effect[] = []
  steps.forEach((step, at) => {
    const result = results[at]
    assert(result, 'one result for each step of the branch')
    const name = nameOf(dataset, step.key)
    // What the branch itself has written before is no state before it.
    if (!effects.some(effect => effect.name === name)) demands.push(...sawOf(name, result))
    if (result.kind === 'written' || result.kind === 'deleted') {
      effects.push(...effectsOfStep(dataset, step))
    }
  })
  return { demands, effects }
}

/** What a result says about the state before it. */
function sawOf(name: string, result: KeyResult): readonly Demand[] {
  switch (result.kind) {
    case 'found':
      return [
        { kind: 'version', name, version: result.version },
        { kind: 'value', name, value: result.value },
      ]
    case 'absent':
      return [{ kind: 'absent', name }]
    case 'written':
      return result.created === undefined
        ? []
        : [{ kind: result.created ? 'absent' : 'live', name }]
    case 'deleted':
      return [{ kind: 'live', name }]
  }
}

function currentOf(name: string, { current }: MismatchResult): readonly Demand[] {
  if (current === undefined) return []
  return [current === null ? { kind: 'absent', name } : { kind: 'version', name, version: current }]
}

function preconditions(name: string, { ifMatch, ifNoneMatch }: Put | Delete): readonly Demand[] {
  const demands: Demand[] = []
  if (ifMatch !== undefined) {
    demands.push(
      ifMatch === '*' ? { kind: 'live', name } : { kind: 'version', name, version: ifMatch },
    )
  }
  if (ifNoneMatch !== undefined) {
    demands.push(
      ifNoneMatch === '*'
        ? { kind: 'absent', name }
        : { kind: 'not-version', name, version: ifNoneMatch },
    )
  }
  return demands
}

function branchDemands(
  dataset: string,
  transaction: Transaction,
  succeeded: boolean,
): readonly Demand[] {
  const demands = transaction.conditions.flatMap(condition => conditionDemands(dataset, condition))
  return succeeded ? demands : negated(demands)
}

function conditionDemands(dataset: string, condition: Condition): readonly Demand[] {
  const { key, exists, ifMatch, value } = condition
  const name = nameOf(dataset, key)
  const demands: Demand[] = []
  if (exists !== undefined) demands.push({ kind: exists ? 'live' : 'absent', name })
  if (ifMatch !== undefined) demands.push({ kind: 'version', name, version: ifMatch })
  if (value !== undefined) demands.push({ kind: 'value', name, value })
  return demands
}

/** Not all of them hold. */
function negated(demands: readonly Demand[]): readonly Demand[] {
  const [first, ...others] = demands.map(opposite)
  if (first === undefined) return []
  return others.length === 0 ? [first] : [{ kind: 'any', of: [first, ...others] }]
}

function opposite(demand: Demand): Demand {
  switch (demand.kind) {
    case 'version':
      return { ...demand, kind: 'not-version' }
    case 'not-version':
      return { ...demand, kind: 'version' }
    case 'value':
      return { ...demand, kind: 'not-value' }
    case 'not-value':
      return { ...demand, kind: 'value' }
    case 'absent':
      return { ...demand, kind: 'live' }
    case 'live':
      return { ...demand, kind: 'absent' }
    case 'any':
      assert(false, 'preconditions have no alternatives')
  }
}

function effectsOfStep(dataset: string, step: Step): readonly Effect[] {
  if (step.op === 'get') return []
  const name = nameOf(dataset, step.key)
  return [step.op === 'put' ? effectOf(name, step.value, step.ttlMs) : effectOf(name, null)]
}

const effectOf = (name: string, value: string | null, ttlMs?: number): Effect => ({
  name,
  value,
  ttlMs: ttlMs ?? Infinity,
})
