/** All that can be checked of a history alone, without a look into the world that made it. */
import type { History } from '../history.ts'
import { Facts } from './facts.ts'
import type { Finding } from './finding.ts'
import { checkIdempotency } from './idempotency.ts'
import { searchOrders } from './linear-search.ts'
import { checkVersions } from './linear-versions.ts'
import { checkSessions } from './sessions.ts'
import { checkStaleness } from './staleness.ts'
import { checkTruth } from './truth.ts'

export interface HistoryReport {
  readonly operations: number
  readonly findings: readonly Finding[]
  /** Groups of which replies did not tell all versions, so that orders were searched for. */
  readonly searched: number
  /** Those of them for which the search was given up: nothing wrong was found by versions. */
  readonly undecided: readonly string[]
}

/** Enough for what is under way at once, lost answers included; more would rarely help. */
const stepsMax = 200_000

export function checkHistory(history: History): HistoryReport {
  const facts = new Facts(history)
  const byVersions = checkVersions(facts)
  const open = new Set(
    facts.calls
      .filter(call => call.returnMs !== Infinity && !facts.versionOf(call))
      .filter(({ ways }) => ways.some(({ effects }) => effects.length > 0))
      .map(({ group }) => group),
  )
  // What is wrong already need not be searched for.
  const search =
    byVersions.length > 0
      ? { findings: [], undecided: [] }
      : searchOrders(facts, { stepsMax, only: group => open.has(group) })
  return {
    operations: history.operations.length,
    searched: byVersions.length > 0 ? 0 : open.size,
    undecided: search.undecided,
    findings: [
      ...byVersions,
      ...search.findings,
      ...checkSessions(facts),
      ...checkStaleness(facts),
      ...checkIdempotency(facts),
      ...checkTruth(facts),
    ],
  }
}
