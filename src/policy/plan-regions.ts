/** What becomes of the regions themselves: new ones, retired ones, another keeper, other facts. */
import type { PolicyData, PolicyRegion } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'

export interface RegionPlan {
  readonly region: RegionId
  readonly change: 'added' | 'retired' | 'keeper' | 'facts'
  readonly consequence: string
}

export function regionPlans(inForce: PolicyData, desired: PolicyData): RegionPlan[] {
  const before = new Map(inForce.regions.map(region => [region.id, region]))
  const after = new Set(desired.regions.map(({ id }) => id))
  return [
    ...keeperPlans(inForce, desired),
    ...desired.regions.flatMap(region => {
      const known = before.get(region.id)
      return known ? factPlans(known, region) : [added(region, desired)]
    }),
    ...inForce.regions.filter(({ id }) => !after.has(id)).map(({ id }) => retired(id, inForce)),
  ]
}

function keeperPlans({ keeper: from }: PolicyData, { keeper: to }: PolicyData): RegionPlan[] {
  if (from === to) return []
  const consequence = `it keeps the cluster record in place of ${from} from then on`
  return [{ region: to, change: 'keeper', consequence }]
}

function added({ id }: PolicyRegion, { placements }: PolicyData): RegionPlan {
  const stored = placements.filter(({ store }) => store.includes(id)).length
  const consequence = `a node has to run there; it takes copies of ${stored} of ${placements.length} datasets`
  return { region: id, change: 'added', consequence }
}

function retired(id: RegionId, { placements }: PolicyData): RegionPlan {
  const stored = placements.filter(({ store }) => store.includes(id)).length
  const consequence = `its homes move, its ${stored} copies are erased; stop its node after that, not before`
  return { region: id, change: 'retired', consequence }
}

const factNames = [
  'name',
  'country',
  'operator',
  'operatorCountry',
  'latitude',
  'longitude',
] as const

function factPlans(from: PolicyRegion, to: PolicyRegion): RegionPlan[] {
  const changes = factNames
    .filter(name => from[name] !== to[name])
    .map(name => `${name}: ${from[name]} → ${to[name]}`)
  if (changes.length === 0) return []
  const consequence = `${changes.join(', ')}; what that permits is in the datasets below`
  return [{ region: to.id, change: 'facts', consequence }]
}
