/**
 * What it takes to get from the policy in force to another one: regions that gain and lose rights,
 * homes and registrars that move, what can't be done at all. Pure: the figures of a living cluster
 * are added by plan-costs.ts.
 */
import type { Hasher } from '../model/hash.ts'
import type { PlacementData, PolicyData } from '../model/placement.ts'
import { registrarRegion } from '../model/rendezvous.ts'
import type { RegionId } from '../model/slot.ts'
import { citedLaws } from './cited-laws.ts'
import type { DatasetChange, DatasetPlan } from './dataset-plan.ts'
import { consequencesOf } from './plan-consequences.ts'
import { type Refusal, refusalsOf } from './plan-refusals.ts'
import { type RegionPlan, regionPlans } from './plan-regions.ts'
import { settingChanges } from './plan-settings.ts'
import type { Right } from './right.ts'

export interface PolicyPlan {
  readonly cluster: string
  /** What can't be done, and what to do in its place. With one there is nothing to apply. */
  readonly refusals: readonly Refusal[]
  readonly regions: readonly RegionPlan[]
  /** Those that change, in the order of the file; what the file leaves out comes last. */
  readonly datasets: readonly DatasetPlan[]
}

export function policyPlan(inForce: PolicyData, desired: PolicyData, hasher: Hasher): PolicyPlan {
  const context = { inForce, desired, hasher }
  return {
    cluster: inForce.cluster,
    refusals: refusalsOf(inForce, desired),
    regions: regionPlans(inForce, desired),
    datasets: [
      ...desired.placements.flatMap(to => planOf(find(inForce, to.id), to, context)),
      ...inForce.placements.flatMap(from =>
        find(desired, from.id) ? [] : planOf(from, undefined, context),
      ),
    ],
  }
}

/** Nothing of the policy changes. */
export const isEmpty = ({ refusals, regions, datasets }: PolicyPlan): boolean =>
  refusals.length + regions.length + datasets.length === 0

interface PlanContext {
  readonly inForce: PolicyData
  readonly desired: PolicyData
  readonly hasher: Hasher
}

const find = ({ placements }: PolicyData, id: string): PlacementData | undefined =>
  placements.find(placement => placement.id === id)

/** None where nothing changes. */
function planOf(
  from: PlacementData | undefined,
  to: PlacementData | undefined,
  context: PlanContext,
): readonly DatasetPlan[] {
  const { inForce, desired, hasher } = context
  const placement = to ?? from
  if (!placement) return []
  const { id, name } = placement
  const has = (policy: PolicyData): boolean => policy.placements.some(it => it.name === name)
  const change = changeOf(from && to ? 'both' : from ? 'from' : 'to', has(inForce), has(desired))
  // What stays in force keeps all that it has.
  const after = change === 'dataset left out' ? from : to
  const gained = rightsBeyond(after, from)
  const lost = rightsBeyond(from, after)
  const registrars = registrarsMoved(from, after, hasher)
  const settings = from && after ? settingChanges(from, after) : []
  const moves = [...Object.values(gained), ...Object.values(lost)].some(list => list.length > 0)
  if (change === 'changed' && !moves && settings.length === 0) return []
  const law = citedLaws(after?.law ?? [])
  const basis = { id, change, gained, lost, registrars, settings, law }
  return [{ ...basis, consequences: consequencesOf(basis, from, after, desired.regions) }]
}

function changeOf(
  known: 'both' | 'from' | 'to',
  wasDataset: boolean,
  isDataset: boolean,
): DatasetChange {
  if (known === 'both') return 'changed'
  if (known === 'to') return wasDataset ? 'partition added' : 'dataset added'
  return isDataset ? 'partition removed' : 'dataset left out'
}

function rightsBeyond(
  placement: PlacementData | undefined,
  other: PlacementData | undefined,
): Record<Right, readonly RegionId[]> {
  const beyond = (right: Right): RegionId[] =>
    (placement?.[right] ?? []).filter(region => !other?.[right].includes(region))
  return { home: beyond('home'), store: beyond('store'), serve: beyond('serve') }
}

function registrarsMoved(
  from: PlacementData | undefined,
  to: PlacementData | undefined,
  hasher: Hasher,
): DatasetPlan['registrars'] {
  const slots = (to ?? from)?.slots ?? 0
  if (!from || !to) return { moved: 0, slots }
  const of = ({ id, home }: PlacementData, slot: number): RegionId =>
    registrarRegion(hasher, id, slot, home)
  const moved = Array.from({ length: slots }, (_, slot) => slot).filter(
    slot => of(from, slot) !== of(to, slot),
  )
  return { moved: moved.length, slots }
}
