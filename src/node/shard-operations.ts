/** Every operation that a shard of a node knows. */
import { type MovementOperations, movementHandlers } from '../movement/shard-operations.ts'
import type { RepairOperations } from '../repair/shard-operations.ts'
import { repairHandlers } from '../repair/shard-operations.ts'
import type { ReplicationOperations } from '../replication/shard-operations.ts'
import { replicationHandlers } from '../replication/shard-operations.ts'
import type { RoutingOperations } from '../routing/shard-operations.ts'
import { routingHandlers } from '../routing/shard-operations.ts'
import type { Handlers, OperationMap } from '../storage/shard.ts'

export type NodeOperations = RoutingOperations &
  ReplicationOperations &
  RepairOperations &
  MovementOperations

const typed: Handlers<NodeOperations> = {
  reads: {
    ...{ ...routingHandlers.reads, ...replicationHandlers.reads },
    ...{ ...repairHandlers.reads, ...movementHandlers.reads },
  },
  writes: {
    ...{ ...routingHandlers.writes, ...replicationHandlers.writes },
    ...{ ...repairHandlers.writes, ...movementHandlers.writes },
  },
  slices: { ...repairHandlers.slices },
  counts: { ...routingHandlers.counts },
  alone: { ...replicationHandlers.alone, ...movementHandlers.alone },
}

/**
 * The same without its types: requests come as data from the other side of a thread, where
 * `ShardClient<NodeOperations>` has checked them.
 */
export const nodeHandlers = typed as unknown as Handlers<OperationMap>
