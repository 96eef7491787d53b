/** What the router knows of one operation on its way, and the steps that come of it. */
import type { KnownHome } from '../execution/home.ts'
import type { GroupOperation, GroupOutcome, Receipt } from '../execution/operation.ts'
import { evaluateOnNothing } from '../execution/operations/transact.ts'
import type { Phases } from '../metrics/phases.ts'
import { DenizenError } from '../model/errors.ts'
import type { Placement } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { PeerFailure } from '../peers/peers.ts'
import { type AgedCopy, aged, copiesTooOld, younger } from './aged-copies.ts'
import type { Decision, Forward, Intent, Knowledge, Role, Topology } from './decide.ts'
import type { Demands } from './local-answer.ts'
import { refuseUnlessStored } from './named-home.ts'
import { byWayText, untried } from './relays.ts'
import { boundOf, type RequestContext } from './service.ts'
import type { Session } from './session.ts'
import { repeatable, type Step, type StepResult, type Wanted } from './step.ts'
import { Declined } from './unanswered.ts'

export interface Journey {
  readonly placement: Placement
  readonly operation: GroupOperation
  /** Who asks, where callers have names. */
  readonly principal: string | undefined
  readonly phases: Phases | undefined
  /** Regions that are to have a write on disk before it is answered. */
  readonly acks: number
  /** What a copy has to have. */
  readonly wanted: Wanted
  readonly group: string
  intent: Intent
  knowledge: Knowledge
  readonly topology: Topology
  readonly lost: Lost
  misdirections: number
  /** How often a home said that it could not say yet who will be the next. */
  movesMet: number
  /** What the last copy said that was damaged. */
  damage?: DenizenError
  /** The youngest of the copies that were asked, and found too old. */
  youngest?: AgedCopy
  /** How the home failed to answer. */
  lostHome?: { readonly region: RegionId; readonly detail: string }
}

/** What was of no help during this very request. */
export interface Lost {
  /** They could not be reached. */
  readonly regions: Set<RegionId>
  /** They could not pass it on. */
  readonly relays: Set<RegionId>
  /** They have said that they do nothing now, so that no relay would help. */
  readonly declined: Set<RegionId>
}

export const nothingLost = (): Lost => ({
  ...{ regions: new Set(), relays: new Set(), declined: new Set() },
})

/** What is reachable, as one request has found it. */
export function topologyFor(topology: Topology, { regions, relays, declined }: Lost): Topology {
  const { passes } = untried(topology, relays)
  return {
    ...topology,
    reachable: region => topology.reachable(region) && !regions.has(region),
    passes: (relay, to) => !declined.has(to) && passes(relay, to),
  }
}

/** Where the home is said to be, if anywhere. Throws `stale_policy`. */
export function know(journey: Journey, home: KnownHome | undefined): void {
  if (home) refuseUnlessStored(journey.placement, home.region)
  journey.knowledge = home ? { kind: 'home', ...home } : { kind: 'unknown' }
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

/** A copy is too old: others may be younger. */
export function avoidAge(
  journey: Journey,
  region: RegionId,
  { stalenessMs }: Extract<StepResult, { kind: 'stale' }>,
): void {
  const tooOldAt = new Set([...(journey.intent.tooOldAt ?? []), region])
  journey.intent = { ...journey.intent, tooOldAt }
  journey.youngest = younger(journey.youngest, aged(region, stalenessMs))
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

/** What is said where nothing is left to be asked. */
export function refusal(
  journey: Journey,
  { code }: Extract<Decision, { action: 'refuse' }>,
): DenizenError {
  const { damage, lostHome, knowledge, placement, group, topology } = journey
  if (damage) return damage
  if (lostHome && code === 'home_unreachable') {
    return new DenizenError(code, lostHome.detail, { extra: { home: lostHome.region } })
  }
  const home = knowledge.kind === 'home' ? knowledge.region : placement.computedHome(group)
  return new DenizenError(code, home === undefined ? noneReachable : unreachable(home, topology))
}

const noneReachable = 'no region that may hold the dataset is reachable from here'
const unreachable = (home: RegionId, { self }: Topology): string =>
  `the home is ${home}, which is not reachable from ${self}`

/**
 * No answer came. Goes on, elsewhere or by way of a relay, where that is safe: of a write nothing
 * may have been sent. Else throws what is known.
 */
export function lose(
  journey: Journey,
  { region, as, relay }: Forward,
  failure: PeerFailure,
): undefined {
  const { intent, operation, lost, topology } = journey
  if (relay === undefined) lost.regions.add(region)
  else lost.relays.add(relay)
  if (failure instanceof Declined) lost.declined.add(region)
  const reason = relay === undefined ? failure.reason : byWayText(relay, failure)
  if (intent.kind === 'write' && failure.sent) {
    throw new DenizenError('outcome_unknown', `${region} was sent the write: ${reason}`, {
      extra: { region },
      retry: repeatable(operation) ? 'with-idempotency-key' : 'no',
    })
  }
  if (as !== 'home') return undefined
  const known = journey.lostHome?.region === region ? journey.lostHome.detail : undefined
  const first = relay === undefined ? `the home is ${region}` : unreachable(region, topology)
  const detail = known === undefined ? `${first}: ${reason}` : `${known}; ${reason}`
  journey.lostHome = { region, detail }
  return undefined
}

/** What is told in place of an error where copies were asked, and a larger bound would do. */
export function orTooOld(journey: Journey | undefined, error: DenizenError): DenizenError {
  const youngest = journey?.youngest
  const isOfHome = error.code === 'home_unreachable' || error.code === 'registrar_unavailable'
  return youngest && isOfHome ? copiesTooOld(youngest, error.message) : error
}

export const stepOf = (
  { placement, operation, wanted, principal, acks }: Journey,
  as: Role,
): Step => ({
  ...{ operation, as, ...wanted },
  ...(principal !== undefined && { principal }),
  ...(acks > placement.acks && { acks }),
})

export function wantedOf(
  context: RequestContext,
  session: Session,
  placement: Placement,
  group: string,
): Wanted {
  if (context.consistency === 'eventual') return { seen: null }
  const isSession = context.consistency === 'session'
  const seen = isSession ? session.seen(placement.id, placement.slotOf(group)) : []
  return { seen, ...demandsOf(context, session) }
}

export function demandsOf({ consistency }: RequestContext, session: Session): Demands {
  const boundMs = boundOf(consistency)
  const hasRest = consistency === 'session' && session.hasRest
  return { ...(hasRest && { hasRest }), ...(boundMs !== undefined && { boundMs }) }
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
