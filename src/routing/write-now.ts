/**
 * The short way of most writes: those that begin a session, or none, and whose group has its home
 * here, as far as this region can tell. One call of the shard, which has the last word about that.
 * `decide` decides here as on the long way; whatever was not plainly written goes that way, where
 * nothing has been applied by then.
 */
import type { Operation } from '../execution/operation.ts'
import { DenizenError } from '../model/errors.ts'
import type { Clock } from '../runtime/clock.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import { decide, type Intent, type Knowledge } from './decide.ts'
import { type ReadNowOptions, readNow } from './read-now.ts'
import type { Answer, RequestContext } from './service.ts'
import type { RoutingOperations } from './shard-operations.ts'
import { creates, valueToPut } from './step.ts'

export interface WriteNowOptions extends ReadNowOptions {
  readonly shards: ShardClient<RoutingOperations>
  readonly clock: Clock
}

const unasked: Knowledge = { kind: 'unasked' }

/** Undefined, or resolving to that, where the operations take the long way. */
export function readOrWriteNow(
  options: WriteNowOptions,
  dataset: string,
  operations: readonly Operation[],
  context: RequestContext,
): Answer | Promise<Answer | undefined> | undefined {
  const now = readNow(options, dataset, operations, context)
  return now ?? writeNow(options, dataset, operations, context)
}

function writeNow(
  options: WriteNowOptions,
  dataset: string,
  operations: readonly Operation[],
  context: RequestContext,
): Promise<Answer | undefined> | undefined {
  const [operation] = operations
  if (operations.length !== 1 || !operation || operation.kind === 'get') return undefined
  if (context.session !== undefined || operation.idempotencyKey !== undefined) return undefined
  const { table, topology } = options
  const placement = table().locate(dataset, operation.key)
  if (placement.acks > 1 || context.acks !== undefined) return undefined
  const group = placement.groupOf(operation.key)
  const intent: Intent = {
    kind: 'write',
    creates: creates(operation),
    consistency: context.consistency,
    hint: context.hint ?? topology.self,
    behind: false,
  }
  const decision = decide(intent, placement, group, unasked, topology)
  if (decision.action !== 'execute') return undefined
  return run(options, placement.id, placement.slotOf(group), operation, context)
}

async function run(
  { local, shards, clock, sessions }: WriteNowOptions,
  dataset: string,
  slot: number,
  operation: Exclude<Operation, { kind: 'get' }>,
  { phases }: RequestContext,
): Promise<Answer | undefined> {
  const { key, precondition } = operation
  const value = valueToPut(operation)
  const request = { key, value, precondition, nowMs: clock.wallMs() }
  try {
    const result = local.wrote(await shards.call(dataset, slot, 'write', request))
    if (result.kind !== 'done' || result.outcome.kind === 'transacted') return undefined
    if (phases) phases.isOfStore = true
    const { outcome, point } = result
    const outcomes = [outcome]
    return point ? { outcomes, session: sessions.of(dataset, point) } : { outcomes }
  } catch (error) {
    if (error instanceof DenizenError) return undefined
    throw error
  }
}
