/** Holds one run against all that is promised, and sums it up. */
import type { Finding } from './checkers/finding.ts'
import type { FateCounts } from './fates.ts'
import type { RunResult } from './run.ts'

/** Plain data: it crosses threads. */
export interface Summary {
  readonly seed: number
  /** None: all that was promised was held. */
  readonly findings: readonly Finding[]
  readonly simulatedMs: number
  readonly operations: number
  readonly events: number
  /** By kind. */
  readonly disturbances: Readonly<Record<string, number>>
  readonly fates: FateCounts
}

export function judge(result: RunResult): Summary {
  const { seed, simulatedMs, events, fates, history } = result
  const disturbances: Record<string, number> = {}
  for (const { kind } of result.disturbances) disturbances[kind] = (disturbances[kind] ?? 0) + 1
  return {
    ...{ seed, simulatedMs, events, fates, disturbances },
    findings: findingsOf(result),
    operations: history.operations.length,
  }
}

export function findingsOf(result: RunResult): readonly Finding[] {
  const { complaints, converged } = result
  return [
    ...complaints.map((message): Finding => ({ invariant: 'no bugs', message, operations: [] })),
    ...(converged ? [] : [notConverged]),
  ]
}

const notConverged: Finding = {
  invariant: 'convergence',
  message: 'copies still differ a minute after everything has healed',
  operations: [],
}
