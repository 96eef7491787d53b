/** Whether a policy can come into force after another one, and what it has beside its file. */
import type { PlacementData, PolicyData } from '../model/placement.ts'
import { plain } from '../model/policy-change.ts'
import { type Refusal, refusalsOf } from './plan-refusals.ts'

/** A policy that has the datasets too which its file leaves out, as they stay in force. */
export function withLeftOut(
  inForce: PolicyData,
  desired: PolicyData,
  erased: readonly string[] = [],
): PolicyData {
  const names = new Set([...desired.placements.map(({ name }) => name), ...erased])
  const leftOut = inForce.placements.filter(({ name }) => !names.has(name)).map(plain)
  return { ...desired, placements: [...desired.placements, ...leftOut] }
}

/** What stands in the way of a policy; `erase`: datasets of which nothing is to stay. */
export function applyRefusals(
  inForce: PolicyData,
  desired: PolicyData,
  erase: readonly string[],
): readonly Refusal[] {
  const stays = inForce.placements.filter(({ name }) => !erase.includes(name))
  return [
    ...refusalsOf({ ...inForce, placements: stays }, desired),
    ...eraseRefusals(inForce, desired, erase),
    ...partitionRefusals(inForce, desired),
    ...keeperRefusals(inForce, desired),
  ]
}

function eraseRefusals(
  inForce: PolicyData,
  desired: PolicyData,
  erase: readonly string[],
): Refusal[] {
  const has = ({ placements }: PolicyData, name: string): boolean =>
    placements.some(placement => placement.name === name)
  return erase.flatMap(dataset => {
    if (has(desired, dataset)) {
      const reason = `${dataset} is to be erased, and the file has it`
      return [{ dataset, reason, action: 'Take it out of the file first.' }]
    }
    if (has(inForce, dataset)) return []
    const reason = `${dataset} is to be erased, and the policy in force does not know it`
    return [{ dataset, reason, action: 'denizen policy report shows the datasets there are.' }]
  })
}

/** Keys would have to go from one partition's stores to another's. */
function partitionRefusals(inForce: PolicyData, desired: PolicyData): Refusal[] {
  const [before, after] = [partitionsOf(inForce), partitionsOf(desired)]
  return [...before].flatMap(([dataset, prefixes]) => {
    const now = after.get(dataset)
    if (!now) return []
    const gone = prefixes.filter(prefix => !now.includes(prefix))
    const cut = now.filter(
      prefix => !prefixes.includes(prefix) && prefixes.some(other => prefix.startsWith(other)),
    )
    const action = `Make a new dataset and bring the records there: denizen export ${dataset}, denizen import.`
    return [
      ...gone.map(prefix => {
        const reason = `the partition "${prefix}" of ${dataset} is in force, and the file does not have it`
        return { dataset, reason, action }
      }),
      ...cut.map(prefix => {
        const reason = `the partition "${prefix}" of ${dataset} would take keys from one that is in force`
        return { dataset, reason, action }
      }),
    ]
  })
}

function partitionsOf({ placements }: PolicyData): ReadonlyMap<string, readonly string[]> {
  const byName = Map.groupBy(placements, ({ name }: PlacementData) => name)
  return new Map([...byName].map(([name, all]) => [name, all.map(({ prefix }) => prefix)]))
}

function keeperRefusals(inForce: PolicyData, desired: PolicyData): Refusal[] {
  if (inForce.keeper === desired.keeper) return []
  const reason = `the keeper is ${inForce.keeper}, and the file says ${desired.keeper}`
  const action = `This version can't hand the record over: write coordination: {static: ${inForce.keeper}}.`
  return [{ reason, action }]
}
