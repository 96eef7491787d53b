/** Groups that operators and their clients have to themselves, in any dataset. */
import type { Key } from '../model/key.ts'
import type { Placement, PlacementData } from '../model/placement.ts'
import type { Asked } from './client.ts'
import type * as history from './history.ts'
import { keyOf } from './marks.ts'
import type { World } from './world.ts'

export interface NamedGroup {
  readonly placement: Placement
  readonly name: Key
  /** One, where each key is a group. */
  readonly keys: readonly string[]
}

/** `parts`: what its keys are called within it, where there may be several. */
export function namedGroup(
  placement: Placement,
  name: string,
  parts: readonly string[],
): NamedGroup {
  const group = keyOf(placement.id, name)
  const isWhole = placement.data.groupBySegments === null
  return { placement, name: group, keys: isWhole ? [group] : parts.map(part => `${group}/${part}`) }
}

export const whereOf = ({ placement, name }: NamedGroup): Omit<Asked, 'operation'> => ({
  dataset: placement.id,
  ...(placement.data.groupBySegments !== null && { group: name }),
})

/** Under the policy in force. */
export const placedNow = (world: World, { placement }: NamedGroup): PlacementData =>
  world.table.byId(placement.id)?.data ?? placement.data

/** A group ends, as a history has it: each key is deleted, and nobody is told how that ended. */
export const endOf = (
  group: NamedGroup,
  by: Pick<history.OperationRecord, 'client' | 'entry' | 'invokeMs'>,
): readonly history.OperationRecord[] =>
  group.keys.map(key => ({
    ...{ ...by, ...whereOf(group), operation: { kind: 'delete', key } },
    ...{ returnMs: null, result: null },
  }))
