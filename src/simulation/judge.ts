/** Holds one run against all that is promised, and sums it up. */
import { checkHistory } from './checkers/check-history.ts'
import { checkConvergence } from './checkers/convergence.ts'
import { checkDepartures } from './checkers/departures.ts'
import { checkDurability, checkStored } from './checkers/durability.ts'
import { checkErasures } from './checkers/erasures.ts'
import { Facts } from './checkers/facts.ts'
import type { Finding } from './checkers/finding.ts'
import { checkLevels } from './checkers/levels.ts'
import { searchOrders } from './checkers/linear-search.ts'
import { checkResidency } from './checkers/residency.ts'
import { checkTimelines } from './checkers/timelines.ts'
import type { FateCounts } from './fates.ts'
import type { OperationRecord } from './history.ts'
import { MOVER } from './mover.ts'
import type { RunResult } from './run.ts'

/** Plain data: it crosses threads. */
export interface Summary {
  readonly seed: number
  /** None: all that was promised was held. */
  readonly findings: readonly Finding[]
  readonly simulatedMs: number
  readonly operations: number
  readonly events: number
  readonly homesMoved: number
  /** See `RunResult`. */
  readonly recordsLost: number
  readonly recordsMended: number
  /** Groups that went to another partition. */
  readonly departures: number
  readonly policiesApplied: number
  readonly regionsAdded: number
  readonly regionsRetired: number
  /** Operations that were answered by way of a third region. */
  readonly relayed: number
  /** Operations that failed, by code. */
  readonly errors: Readonly<Record<string, number>>
  /** By kind. */
  readonly disturbances: Readonly<Record<string, number>>
  readonly fates: FateCounts
}

export function judge(result: RunResult): Summary {
  const { seed, simulatedMs, events, fates, history, recordsLost, recordsMended } = result
  const { operations } = history
  return {
    ...{ seed, simulatedMs, events, fates },
    findings: findingsOf(result),
    ...{ operations: operations.length, homesMoved: result.homesMoved },
    ...{ recordsLost, recordsMended },
    ...{ departures: result.departures.length, policiesApplied: result.policiesApplied },
    ...{ regionsAdded: result.regionsAdded, regionsRetired: result.regionsRetired },
    relayed: operations.filter(isRelayed).length,
    errors: countBy(operations, ({ result }) =>
      result?.kind === 'error' ? result.code : undefined,
    ),
    disturbances: countBy(result.disturbances, ({ kind }) => kind),
  }
}

const isRelayed = ({ result }: OperationRecord): boolean =>
  result !== null && 'relay' in result && result.relay !== undefined

/** How many there are of each name; what has none is left out. */
function countBy<T>(
  items: readonly T[],
  nameOf: (item: T) => string | undefined,
): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const item of items) {
    const name = nameOf(item)
    if (name !== undefined) counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

/** Steps of the general search for an order of operations, for each group. */
const SEARCH_STEPS_MAX = 20_000

export function findingsOf(result: RunResult): readonly Finding[] {
  const { history, changes, seen, erasures, policies, atEnd, complaints, converged } = result
  const { shortfalls, departures } = result
  const facts = new Facts(history)
  const policy = policies.at(-1)
  return [
    ...complaints.map((message): Finding => ({ invariant: 'no bugs', message, operations: [] })),
    ...checkHistory(history).findings,
    ...searchOrders(facts, { stepsMax: SEARCH_STEPS_MAX }).findings,
    ...checkTimelines(changes),
    ...checkDurability(facts, atEnd, policies),
    ...checkStored(facts, atEnd),
    ...checkLevels(facts, shortfalls, { policies, erases: atEnd.tombstonesCollected }),
    ...checkResidency(policies, seen),
    ...checkErasures(erasures),
    ...checkDepartures(history, departures, { mover: MOVER, mayForget: mayForgetIn(result) }),
    ...(policy ? checkConvergence(policy, atEnd) : []),
    ...(converged ? [] : [notConverged]),
  ]
}

/** Datasets that homes may have left. */
function mayForgetIn({ disturbances }: RunResult): (dataset: string) => boolean {
  const changed = new Set<string>()
  for (const disturbance of disturbances) {
    if (disturbance.kind === 'add region' || disturbance.kind === 'retire region') return () => true
    if (disturbance.kind === 'policy') changed.add(disturbance.dataset)
  }
  return dataset => changed.has(dataset)
}

const notConverged: Finding = {
  invariant: 'convergence',
  message: 'copies still differ a minute after everything has healed',
  operations: [],
}
