/** What no change of a policy can do: fixed at creation, or contrary to what stays in force. */
import type { PlacementData, PolicyData } from '../model/placement.ts'

export interface Refusal {
  /** Absent where it is the cluster's. */
  readonly dataset?: string
  readonly reason: string
  readonly action: string
}

export function refusalsOf(inForce: PolicyData, desired: PolicyData): Refusal[] {
  const before = new Map(inForce.placements.map(placement => [placement.id, placement]))
  return [
    ...clusterRefusals(inForce, desired),
    ...desired.placements.flatMap(to => {
      const from = before.get(to.id) ?? siblingOf(inForce, to)
      return from ? fixedAtCreation(from, to) : []
    }),
    ...retiredRefusals(inForce, desired),
  ]
}

function clusterRefusals(inForce: PolicyData, desired: PolicyData): Refusal[] {
  if (inForce.cluster === desired.cluster) return []
  return [
    {
      reason: `the node belongs to the cluster ${inForce.cluster}, and the file is of ${desired.cluster}`,
      action: `Name a node of ${desired.cluster} with --url, or write cluster: ${inForce.cluster}.`,
    },
  ]
}

/** A partition that is new shares what the dataset's others have. */
const siblingOf = ({ placements }: PolicyData, { name }: PlacementData) =>
  placements.find(placement => placement.name === name)

function fixedAtCreation(from: PlacementData, to: PlacementData): Refusal[] {
  const { id } = to
  const way = `or make a new dataset and bring the records there: denizen export ${from.name}, denizen import.`
  const refuse = (what: string, before: string, after: string): Refusal => ({
    dataset: id,
    reason: `${what} of ${id} is fixed when the dataset is made: it is ${before}, and the file says ${after}`,
    action: `Put ${before} back, ${way}`,
  })
  const segments = ({ groupBySegments }: PlacementData): string =>
    groupBySegments === null ? 'the whole key' : `${groupBySegments} segments`
  return [
    ...(from.groupBySegments === to.groupBySegments
      ? []
      : [refuse('the groupBy', segments(from), segments(to))]),
    ...(from.slots === to.slots
      ? []
      : [refuse('the number of slots', `${from.slots}`, `${to.slots}`)]),
  ]
}

/** A dataset that the file leaves out stays where it is, so its regions have to stay. */
function retiredRefusals(inForce: PolicyData, desired: PolicyData): Refusal[] {
  const regions = new Set(desired.regions.map(({ id }) => id))
  const names = new Set(desired.placements.map(({ name }) => name))
  return inForce.placements
    .filter(({ name }) => !names.has(name))
    .flatMap(({ id, name, store }) => {
      const gone = store.filter(region => !regions.has(region))
      if (gone.length === 0) return []
      return [
        {
          dataset: id,
          reason: `${id} is not in the file any more, which erases nothing, and ${gone.join(', ')} keeps it, which the file leaves out too`,
          action: `Put ${name} back with a residency without ${gone.join(', ')}, or leave the regions in.`,
        },
      ]
    })
}
