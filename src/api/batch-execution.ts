/** Runs planned operations, and encodes what came of them. */
import type { Operation, Outcome, Receipt } from '../execution/operation.ts'
import { assert } from '../model/assert.ts'
import type { RequestContext } from '../routing/service.ts'
import type { Planned } from './batch-operation.ts'
import type { Exchange } from './exchange.ts'
import { combinedHeaders, type Headers, sessionHeader } from './reply-headers.ts'

export interface Executed {
  readonly planned: readonly Planned[]
  /** One for each of them: undefined where it did not run. */
  readonly outcomes: readonly (Outcome | undefined)[]
  /** The token to return as `Denizen-Session`. */
  readonly session: string | undefined
}

/** Only bugs reject. */
export async function executePlanned(
  exchange: Exchange,
  dataset: string,
  planned: readonly Planned[],
  context: RequestContext,
): Promise<Executed> {
  exchange.meter.batch(dataset, planned.length)
  const operations: Operation[] = []
  for (const plan of planned) if (plan.kind === 'run') operations.push(plan.operation)
  if (operations.length === 0) return { planned, outcomes: [], session: undefined }
  const { outcomes, session } = await exchange.service.execute(dataset, operations, context)
  assert(outcomes.length === operations.length, 'one outcome per operation')
  if (outcomes.length === planned.length) return { planned, outcomes, session }
  let next = 0
  const spread = planned.map(plan => (plan.kind === 'run' ? outcomes[next++] : undefined))
  return { planned, outcomes: spread, session }
}

/** Of the reply as a whole. */
export function headersOf(exchange: Exchange, { planned, outcomes, session }: Executed): Headers {
  const receipts: Receipt[] = []
  for (const outcome of outcomes) {
    const receipt = outcome?.receipt
    // Most operations of a batch share theirs.
    if (receipt && receipt !== receipts.at(-1)) receipts.push(receipt)
  }
  const stored = planned.every(plan => plan.kind !== 'run' || plan.stored)
  return {
    ...combinedHeaders(receipts, { region: exchange.service.region, stored }),
    ...sessionHeader(session),
  }
}
