/** Runs planned operations and makes a result of each. */
import { assert } from '../model/assert.ts'
import type { Answer, RequestContext } from '../routing/service.ts'
import { type Planned, resultOf } from './batch-operation.ts'
import type { Exchange } from './exchange.ts'
import type { Format } from './media-type.ts'

export interface Executed {
  /** One per operation, in order. */
  readonly results: readonly object[]
  readonly answer: Answer
}

/** Only bugs reject. */
export async function executePlanned(
  exchange: Exchange,
  dataset: string,
  planned: readonly Planned[],
  context: RequestContext,
  format: Format,
): Promise<Executed> {
  exchange.meter.batch(dataset, planned.length)
  const operations = planned.flatMap(plan => (plan.kind === 'run' ? plan.operation : []))
  const answer: Answer =
    operations.length === 0
      ? { outcomes: [] }
      : await exchange.service.execute(dataset, operations, context)
  assert(answer.outcomes.length === operations.length, 'one outcome per operation')
  let next = 0
  const results = planned.map(plan =>
    resultOf(plan, plan.kind === 'run' ? answer.outcomes[next++] : undefined, format),
  )
  return { results, answer }
}
