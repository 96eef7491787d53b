/**
 * The short way of most reads: those that begin a session, or none, and that this very thread can
 * answer. They take no turn of the event loop. `decide` decides here as on the long way; whatever
 * is not plainly found or absent goes that way.
 */
import type { Operation } from '../execution/operation.ts'
import type { PlacementTable } from '../model/placement.ts'
import { decide, type Intent, type Knowledge, type Topology } from './decide.ts'
import type { LocalExecution } from './local-execution.ts'
import { type Answer, boundOf, type RequestContext } from './service.ts'
import type { SessionTokens } from './session-tokens.ts'

export interface ReadNowOptions {
  readonly table: () => PlacementTable
  readonly topology: Topology
  readonly local: LocalExecution
  readonly sessions: SessionTokens
}

const unasked: Knowledge = { kind: 'unasked' }

/** Undefined where the read takes the long way, which then finds its errors too. */
export function readNow(
  { table, topology, local, sessions }: ReadNowOptions,
  dataset: string,
  operations: readonly Operation[],
  { consistency, session, phases }: RequestContext,
): Answer | undefined {
  const [operation] = operations
  if (operations.length !== 1 || operation?.kind !== 'get' || session !== undefined) {
    return undefined
  }
  const placement = table().locate(dataset, operation.key)
  const group = placement.groupOf(operation.key)
  const hint = topology.self
  const intent: Intent = { kind: 'read', creates: false, consistency, hint, behind: false }
  const decision = decide(intent, placement, group, unasked, topology)
  if (decision.action !== 'execute') return undefined
  const boundMs = boundOf(consistency)
  const seen = consistency === 'eventual' ? null : []
  const wanted = { seen, ...(boundMs !== undefined && { boundMs }) }
  const result = local.readNow(placement, operation.key, decision.as, wanted)
  if (!result) return undefined
  if (phases) phases.isOfStore = true
  const { outcome, point } = result
  const outcomes = [outcome]
  return point ? { outcomes, session: sessions.of(placement.id, point) } : { outcomes }
}
