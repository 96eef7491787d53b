/** What the router knows of one operation on its way, and the steps that come of it. */
import type { GroupOperation, GroupOutcome, Receipt } from '../execution/operation.ts'
import type { WantedPoints } from '../execution/operations/read.ts'
import { evaluateOnNothing } from '../execution/operations/transact.ts'
import type { Phases } from '../metrics/phases.ts'
import { DenizenError } from '../model/errors.ts'
import type { Placement } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { Intent, Knowledge, Role, Topology } from './decide.ts'
import type { RequestContext } from './service.ts'
import type { Session } from './session.ts'
import type { Step, StepResult } from './step.ts'

export interface Journey {
  readonly placement: Placement
  readonly operation: GroupOperation
  /** Who asks, where callers have names. */
  readonly principal: string | undefined
  readonly phases: Phases | undefined
  /** What a copy has to have. */
  readonly seen: WantedPoints
  readonly group: string
  intent: Intent
  knowledge: Knowledge
  readonly topology: Topology
  /** Regions that could not be reached during this very request. */
  readonly lost: Set<RegionId>
  misdirections: number
  /** How often a home said that it could not say yet who will be the next. */
  movesMet: number
  /** What the last copy said that was damaged. */
  damage?: DenizenError
}

/** A damaged copy is no answer while another region may have a sound one. False where it is one. */
export function avoidDamage(journey: Journey, region: RegionId, result: StepResult): boolean {
  const outcome = result.kind === 'done' ? result.outcome : undefined
  if (outcome?.kind !== 'failed' || outcome.error.code !== 'damaged_record') return false
  const damagedAt = new Set([...(journey.intent.damagedAt ?? []), region])
  journey.intent = { ...journey.intent, damagedAt }
  journey.damage = outcome.error
  return true
}

/**
 * A home waits for a move's end no longer than a call may take. Nothing was applied: it is asked
 * again, a bounded number of times. False where the result is one.
 */
export function waitForMove(journey: Journey, result: StepResult): boolean {
  const outcome = result.kind === 'done' ? result.outcome : undefined
  if (outcome?.kind !== 'failed' || outcome.error.code !== 'home_moving') return false
  journey.movesMet += 1
  return journey.movesMet < MOVES_MET_MAX
}

const MOVES_MET_MAX = 5

export function whyUnreachable({ knowledge, placement, group, topology }: Journey): string {
  const home = knowledge.kind === 'home' ? knowledge.region : placement.computedHome(group)
  return home === undefined
    ? 'no region that may hold the dataset is reachable from here'
    : `the home is ${home}, which is not reachable from ${topology.self}`
}

export const stepOf = ({ operation, seen, principal }: Journey, as: Role): Step => ({
  ...{ operation, as, seen },
  ...(principal !== undefined && { principal }),
})

export function wantedPoints(
  { consistency }: RequestContext,
  session: Session,
  placement: Placement,
  group: string,
): WantedPoints {
  if (consistency === 'eventual') return null
  return consistency === 'session' ? session.seen(placement.id, placement.slotOf(group)) : []
}

/** What an operation on a group that nobody ever wrote comes to. */
export function outcomeOnNothing(self: RegionId, operation: GroupOperation): GroupOutcome {
  const receipt: Receipt = { servedBy: self, role: 'replica', stalenessMs: 0 }
  if (operation.kind === 'transaction') return { ...evaluateOnNothing(operation), receipt }
  const conditional = operation.kind !== 'get' && operation.precondition.ifMatch !== undefined
  if (!conditional) return { kind: 'absent', receipt }
  const error = new DenizenError('version_mismatch', 'the key does not exist')
  return { kind: 'failed', error, receipt }
}
