/**
 * What a group and its keys are called in another partition of their dataset: as before, with the
 * prefix of that partition in place of that of theirs. `eu/alice` becomes `us/alice`, and its key
 * `eu/alice/address` becomes `us/alice/address`.
 */
import { groupOf, serverAssignedRegion } from '../../model/group.ts'
import { type Key, parseKey } from '../../model/key.ts'
import type { PlacementData } from '../../model/placement.ts'
import { usageError } from '../exit-codes.ts'

export interface GroupName {
  readonly placement: PlacementData
  readonly group: Key
}

export interface Renaming {
  readonly from: GroupName
  readonly to: GroupName
}

/** Throws `CliError` for a group that can't go there. */
export function renaming(
  placements: readonly PlacementData[],
  dataset: string,
  asked: string,
  to: string,
): Renaming {
  const partitions = placements
    .filter(({ name }) => name === dataset)
    .toSorted((a, b) => b.prefix.length - a.prefix.length)
  if (partitions.length === 0) {
    throw usageError(`there is no dataset ${dataset}`, 'See denizen status for those there are.')
  }
  const group = keyOf(asked, 'no group')
  const from = partitionOf(partitions, group)
  const next = partitions.find(({ prefix }) => prefix !== '' && prefix === to)
  if (!from || !next) {
    const prefixes = partitions.flatMap(({ prefix }) => prefix || [])
    if (prefixes.length === 0) {
      throw usageError(`${dataset} has no partitions`, 'denizen rehome moves a home elsewhere.')
    }
    const wrong = from ? to : asked
    throw usageError(`${wrong} is in no partition of ${dataset}`, `It has ${prefixes.join(', ')}.`)
  }
  if (next === from) {
    throw usageError(`${asked} is in ${to} already`, 'Name another partition with --to.')
  }
  refuseOtherShape(from, next, group)
  const rest = `${group}/`.slice(from.prefix.length)
  const renamed = { placement: next, group: keyOf(`${to}${rest}`.slice(0, -1), 'no name there') }
  if (partitionOf(partitions, renamed.group) !== next) {
    throw usageError(
      `${renamed.group} would lie in ${partitionOf(partitions, renamed.group)?.prefix}, not in ${to}`,
      'The longest prefix counts. Name that partition with --to, or copy the group by hand.',
    )
  }
  return { from: { placement: from, group }, to: renamed }
}

/** What a key is called beside the prefix of its partition: the same in both. */
export const restOf = ({ placement }: GroupName, key: string): string =>
  key.slice(placement.prefix.length)

/** Throws `CliError` for what becomes too long. */
export const keyWithRest = ({ placement }: GroupName, rest: string): Key =>
  keyOf(placement.prefix + rest, 'no key')

function refuseOtherShape(from: PlacementData, to: PlacementData, group: Key): void {
  if (groupOf(group, from.groupBySegments) !== group) {
    throw usageError(
      `${group} is a key within the group ${groupOf(group, from.groupBySegments)}`,
      'Name the group: all of it moves.',
    )
  }
  const region = serverAssignedRegion(group)
  if (region !== undefined) {
    throw usageError(
      `the name of ${group} says that its home is ${region}`,
      'A key that the cluster has named can not be moved: write its value under a name of your own.',
    )
  }
  if (from.groupBySegments !== null && segments(from) !== segments(to)) {
    throw usageError(
      `${from.prefix} and ${to.prefix} have not the same number of segments`,
      'What is one group here would be several there, or a part of one.',
    )
  }
}

const segments = ({ prefix }: PlacementData): number => prefix.split('/').length

/** `partitions` longest prefix first, as the cluster looks them up. */
const partitionOf = (partitions: readonly PlacementData[], group: Key) =>
  partitions.find(({ prefix, groupBySegments }) =>
    (groupBySegments === null ? group : `${group}/`).startsWith(prefix),
  )

function keyOf(text: string, what: string): Key {
  try {
    return parseKey(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw usageError(`${text} is ${what}: ${reason}`, 'See docs/OPERATIONS.md, Moving tenants.')
  }
}
