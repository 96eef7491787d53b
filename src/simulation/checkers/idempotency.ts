/**
 * X: a mutation with an `Idempotency-Key` is applied at most once, its repeats are answered as it
 * was, and another request under its key is refused. That nothing was applied twice also shows in
 * values: `facts.ts` finds the one that has two versions.
 */
import type { OperationRecord, Result } from '../history.ts'
import type { Facts } from './facts.ts'
import { type Finding, Findings } from './finding.ts'

const rememberedMs = 24 * 3_600_000

interface Attempt {
  readonly index: number
  readonly record: OperationRecord
  /** The same for the same request. */
  readonly request: string
}

export function checkIdempotency({ operations }: Facts): readonly Finding[] {
  const findings = new Findings('X')
  const scopes = new Map<string, Attempt[]>()
  operations.forEach((record, index) => {
    const { operation, principal = '', dataset, group } = record
    if (operation.kind === 'get' || operation.idempotencyKey === undefined) return
    const within = group ?? (operation.kind === 'tx' ? '' : operation.key)
    const scope = JSON.stringify([principal, dataset, within, operation.idempotencyKey])
    const attempts = scopes.get(scope) ?? []
    scopes.set(scope, attempts)
    attempts.push({ index, record, request: JSON.stringify(operation) })
  })
  for (const attempts of scopes.values()) checkScope(attempts, findings)
  return findings.all
}

function checkScope(attempts: readonly Attempt[], findings: Findings): void {
  const sinceMs = Math.min(...attempts.map(({ record }) => record.invokeMs))
  const repeats = attempts.filter(({ record }) => record.invokeMs < sinceMs + rememberedMs)
  const [first, ...others] = repeats.filter(({ record }) => changed(record.result))
  const key = (attempt: Attempt): string =>
    `operation ${attempt.index} of ${attempt.record.dataset}`
  for (const other of first ? others : []) {
    if (!first) continue
    if (other.request !== first.request) {
      const text = `${key(other)} has the idempotency key of operation ${first.index}, another request`
      findings.add(`${text}, and was applied too`, first.index, other.index)
      continue
    }
    const [a, b] = [answerOf(first.record.result), answerOf(other.record.result)]
    if (a === b) continue
    const text = `${key(other)} repeats operation ${first.index}, which was answered ${a}`
    findings.add(`${text}, and was answered ${b}`, first.index, other.index)
  }
  const isOne = repeats.every(({ request }) => request === repeats[0]?.request)
  for (const { index, record } of isOne ? repeats : []) {
    if (record.result?.kind !== 'error' || record.result.code !== 'idempotency_mismatch') continue
    findings.add(
      `operation ${index} was refused as another request under its key; there is no other`,
      index,
    )
  }
}

/** Only what changed something is remembered, and only its repeats are answered so. */
function changed(result: Result | null): boolean {
  if (result?.kind === 'transacted') {
    return result.results.some(({ kind }) => kind === 'written' || kind === 'deleted')
  }
  return result?.kind === 'written' || result?.kind === 'deleted'
}

/** What must be the same: versions, where they are told, and what was done. */
function answerOf(result: Result | null): string {
  if (result?.kind === 'transacted') {
    const steps = result.results.flatMap(step =>
      'version' in step ? [`${step.kind} ${step.version}`] : [],
    )
    return `${result.succeeded ? 'success' : 'failure'}: ${steps.join(', ')}`
  }
  if (result?.kind !== 'written' && result?.kind !== 'deleted') return ''
  return `${result.kind} ${result.version ?? ''}`.trim()
}
