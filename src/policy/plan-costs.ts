/**
 * The figures of a plan: what regions counted of their copies, put where the plan needs it. Pure.
 *
 * A home knows its groups best, so each region's own count is taken for the groups that it homes;
 * those of a region that could not be asked come from another copy, which may be behind.
 */
import { addLines, type CensusLine } from '../model/home-census.ts'
import type { PlacementData, PolicyData } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { withLeftOut } from './apply.ts'

/** What one region said. */
export interface Measured {
  readonly region: RegionId
  /** By placement id: its copies. */
  readonly datasets: ReadonlyMap<string, readonly CensusLine[]>
}

export interface Amount {
  readonly records: number
  readonly bytes: number
}

export interface CopyCost extends Amount {
  readonly region: RegionId
  /** The homes that send it. */
  readonly from: readonly (Amount & { readonly region: RegionId })[]
}

export interface DatasetCosts {
  readonly id: string
  /** Copies that regions have to get over the network. */
  readonly copies: readonly CopyCost[]
  /** Copies that go; without figures where the region could not be asked. */
  readonly erasures: readonly ({ readonly region: RegionId } & Partial<Amount>)[]
  /** Homes that move; `to` is null where no region can be named. */
  readonly homes: readonly (Amount & {
    readonly from: RegionId
    readonly to: RegionId | null
    readonly groups: number
  })[]
  /** In no partition of the desired policy. */
  readonly unsatisfiable: Amount & { readonly groups: number }
}

export interface PlanCosts {
  /** Those with something to move, to erase or to refuse. */
  readonly datasets: readonly DatasetCosts[]
  /** Homes of whose groups another copy was counted. */
  readonly secondHand: readonly RegionId[]
  readonly total: {
    /** Over the network, counted at each receiver. */
    readonly bytes: number
    readonly groups: number
    readonly unsatisfiable: number
  }
  readonly estimate: {
    readonly seconds: number
    readonly assumed: { readonly bytesPerSecond: number; readonly homesPerSecond: number }
  }
}

/** Assumed, not measured: a link between regions, and claims that are fsynced at a registrar. */
const bytesPerSecond = 8 * 1024 * 1024
const homesPerSecond = 500

export function planCosts(
  inForce: PolicyData,
  desired: PolicyData,
  measured: readonly Measured[],
): PlanCosts {
  const after = withLeftOut(inForce, desired)
  const secondHand = new Set<RegionId>()
  const lines = new Map(
    inForce.placements.map(({ id }) => [id, bestLines(id, measured, secondHand)] as const),
  )
  const ids = new Set([...after.placements, ...inForce.placements].map(({ id }) => id))
  const all = [...ids].map(id => costsOf(id, { inForce, after, lines, measured }))
  const datasets = all.filter(hasCosts)
  const sum = (of: (costs: DatasetCosts) => number): number =>
    datasets.reduce((total, costs) => total + of(costs), 0)
  const groups = sum(({ homes }) => homes.reduce((total, it) => total + it.groups, 0))
  return {
    datasets,
    secondHand: [...secondHand].sort(),
    total: {
      bytes: sum(({ copies }) => copies.reduce((total, it) => total + it.bytes, 0)),
      groups,
      unsatisfiable: sum(({ unsatisfiable }) => unsatisfiable.records),
    },
    estimate: {
      seconds: Math.ceil(busiestBytes(datasets) / bytesPerSecond + groups / homesPerSecond),
      assumed: { bytesPerSecond, homesPerSecond },
    },
  }
}

/** The lines of each home as the home counted them, or else the copy that knows most of it. */
function bestLines(
  id: string,
  measured: readonly Measured[],
  secondHand: Set<RegionId>,
): readonly CensusLine[] {
  const homes = new Set<RegionId | null>(
    measured.flatMap(it => it.datasets.get(id)?.map(({ from }) => from) ?? []),
  )
  return [...homes].flatMap(home => {
    const ofHome = ({ datasets }: Measured): readonly CensusLine[] =>
      datasets.get(id)?.filter(({ from }) => from === home) ?? []
    const own = measured.find(({ region }) => region === home)
    if (own) return ofHome(own)
    if (home !== null) secondHand.add(home)
    return measured
      .map(ofHome)
      .reduce((a, b) => (amountOf(b).records > amountOf(a).records ? b : a))
  })
}

interface CostContext {
  readonly inForce: PolicyData
  readonly after: PolicyData
  readonly lines: ReadonlyMap<string, readonly CensusLine[]>
  readonly measured: readonly Measured[]
}

function costsOf(id: string, context: CostContext): DatasetCosts {
  const before = find(context.inForce, id)
  const after = find(context.after, id)
  const own = context.lines.get(id) ?? []
  return {
    id,
    copies: (after?.store ?? []).flatMap(region => copyTo(region, id, context)),
    erasures: (before?.store ?? [])
      .filter(region => !after?.store.includes(region))
      .map(region => ({ region, ...erased(region, id, context.measured) })),
    homes: moves(own),
    unsatisfiable: sumOf(own.filter(({ into }) => into === null)),
  }
}

const find = ({ placements }: PolicyData, id: string): PlacementData | undefined =>
  placements.find(placement => placement.id === id)

/** What a region lacks of what the placement will hold; its records may be another's now. */
function copyTo(region: RegionId, id: string, { inForce, lines }: CostContext): CopyCost[] {
  const lacking = inForce.placements
    .filter(({ store }) => !store.includes(region))
    .flatMap(({ id: source }) => lines.get(source)?.filter(({ into }) => into === id) ?? [])
  if (lacking.length === 0) return []
  const homes = [...new Set(lacking.flatMap(({ from }) => (from === null ? [] : [from])))].sort()
  const from = homes.map(home => ({
    region: home,
    ...amountOf(lacking.filter(line => line.from === home)),
  }))
  return [{ region, ...amountOf(lacking), from }]
}

/** As the region counted its own copy. */
function erased(region: RegionId, id: string, measured: readonly Measured[]): Partial<Amount> {
  const lines = measured.find(it => it.region === region)?.datasets.get(id)
  return lines ? amountOf(lines) : {}
}

function moves(lines: readonly CensusLine[]): DatasetCosts['homes'] {
  const moving = lines.filter(({ into, from, to }) => into !== null && from !== null && from !== to)
  return addLines(moving.map(line => ({ ...line, into: '' })))
    .flatMap(({ from, to, groups, records, bytes }) =>
      from === null ? [] : [{ from, to, groups, records, bytes }],
    )
    .sort((a, b) => b.groups - a.groups)
}

const amountOf = (lines: readonly CensusLine[]): Amount =>
  lines.reduce(
    (sum, { records, bytes }) => ({ records: sum.records + records, bytes: sum.bytes + bytes }),
    { records: 0, bytes: 0 },
  )

const sumOf = (lines: readonly CensusLine[]): DatasetCosts['unsatisfiable'] => ({
  ...amountOf(lines),
  groups: lines.reduce((sum, { groups }) => sum + groups, 0),
})

const hasCosts = ({ copies, erasures, homes, unsatisfiable }: DatasetCosts): boolean =>
  copies.length + erasures.length + homes.length + unsatisfiable.records > 0

/** Regions receive side by side: the one that gets most decides. */
function busiestBytes(datasets: readonly DatasetCosts[]): number {
  const bytes = new Map<RegionId, number>()
  for (const copy of datasets.flatMap(({ copies }) => copies)) {
    bytes.set(copy.region, (bytes.get(copy.region) ?? 0) + copy.bytes)
  }
  return Math.max(0, ...bytes.values())
}
