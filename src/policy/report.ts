/**
 * What `denizen policy check` shows, as data: partition by region, what each may do and why not,
 * what outsiders are answered and what a loss of regions leaves. Rendering is the caller's.
 */
import { regionsOf } from '../model/acks.ts'
import { nearestRegions } from '../model/distance.ts'
import type { Homing } from '../model/home-rule.ts'
import type { Forbidden, PlacementData, PolicyData, PolicyRegion } from '../model/placement.ts'
import type { Diagnostic } from './diagnostic.ts'
import { label } from './selector.ts'

export interface ReportCell {
  readonly region: string
  readonly home: boolean
  readonly store: boolean
  readonly serve: boolean
  /** What a request that enters there is answered; absent where the region may serve. */
  readonly outside?: OutsideAnswer
  /** Why the region may not do the rest. */
  readonly forbidden: Forbidden
}

export type OutsideAnswer =
  | { readonly status: 451 }
  /** `to` is the nearest region that may serve; the one chosen at run time must be healthy too. */
  | { readonly status: 307; readonly to: string }

export interface ReportRow {
  /** `cities`, or `tenants/eu/`. */
  readonly id: string
  readonly homing: string
  readonly law: readonly string[]
  /** In the order of the report's regions. */
  readonly cells: readonly ReportCell[]
  /** What the loss of regions leaves, in sentences. */
  readonly survives: readonly string[]
}

export interface PolicyReport {
  readonly cluster: string
  readonly keeper: string
  readonly regions: readonly PolicyRegion[]
  readonly rows: readonly ReportRow[]
  /** Warnings and notes, in the order of the file. */
  readonly warnings: readonly Diagnostic[]
}

export function policyReport(
  policy: PolicyData,
  diagnostics: readonly Diagnostic[] = [],
): PolicyReport {
  const { cluster, keeper, regions } = policy
  return {
    cluster,
    keeper,
    regions,
    rows: policy.placements.map(placement => reportRow(placement, regions)),
    warnings: diagnostics.filter(({ severity }) => severity !== 'error'),
  }
}

/** Head and rows of texts for a terminal: one column for each region, `survives` last. */
export function reportTable(report: PolicyReport): { head: string[]; rows: string[][] } {
  const head = ['dataset', ...report.regions.map(label), 'homing', 'survives']
  const rows = report.rows.map(({ id, cells, homing, survives }) => [
    id,
    ...cells.map(cellText),
    homing,
    survives.join('\n'),
  ])
  return { head, rows }
}

/** `home store serve`, `store 451`, `serve (proxy)`, `307 → eu-west`. */
export function cellText({ home, store, serve, outside }: ReportCell): string {
  const words = [home ? 'home' : '', store ? 'store' : '']
  if (serve) words.push(store ? 'serve' : 'serve (proxy)')
  if (outside) words.push(outside.status === 451 ? '451' : `307 → ${outside.to}`)
  return words.filter(word => word !== '').join(' ')
}

function reportRow(placement: PlacementData, regions: readonly PolicyRegion[]): ReportRow {
  return {
    id: placement.id,
    homing: homingText(placement.homing),
    law: placement.law,
    cells: regions.map(region => reportCell(placement, region, regions)),
    survives: survives(placement),
  }
}

function reportCell(
  placement: PlacementData,
  region: PolicyRegion,
  regions: readonly PolicyRegion[],
): ReportCell {
  const serve = placement.serve.includes(region.id)
  const outside = serve ? undefined : outsideAnswer(placement, region, regions)
  return {
    region: region.id,
    home: placement.home.includes(region.id),
    store: placement.store.includes(region.id),
    serve,
    ...(outside ? { outside } : {}),
    forbidden: placement.forbidden[region.id] ?? {},
  }
}

function outsideAnswer(
  placement: PlacementData,
  from: PolicyRegion,
  regions: readonly PolicyRegion[],
): OutsideAnswer | undefined {
  if (placement.outside === 'refuse') return { status: 451 }
  const serving = regions
    .filter(({ id }) => placement.serve.includes(id))
    .map(({ id, latitude, longitude }) => ({ id, coordinates: { latitude, longitude } }))
  const nearest = nearestRegions(from, serving)[0]
  return nearest && { status: 307, to: nearest.id }
}

export const homingText = (homing: Homing): string => {
  switch (homing.kind) {
    case 'pinned':
      return `pinned to ${homing.region}`
    case 'prefix':
      return homing.homes.map(({ prefix, region }) => `${prefix} to ${region}`).join(', ')
    default:
      return homing.kind
  }
}

/** Without automatic fail-over, which is not in this version. */
function survives({ home, store, acks }: PlacementData): string[] {
  const [only] = store
  if (store.length === 1) {
    return [`no loss of a region: ${only} has the only copy`, `no writes while ${only} is away`]
  }
  const others = store.length - 1
  const lines = [
    `the loss of ${regionsLost(others)} of ${store.length}: a copy is left, but not of writes that were still on their way to it`,
  ]
  const asked = regionsOf(acks ?? 1, store.length)
  if (asked > 1) {
    lines.push(
      `the loss of ${regionsLost(asked - 1)} of ${store.length} with all acknowledged writes left`,
      `writes are acknowledged only while ${asked} of ${store.length} regions, the home among them, are in touch`,
    )
  }
  const [soleHome] = home
  lines.push(
    home.length === 1
      ? `no writes while ${soleHome} is away; reads of copies go on`
      : 'no writes to groups whose home is away; reads of copies go on',
  )
  return lines
}

const regionsLost = (count: number): string => (count === 1 ? 'one region' : `any ${count} regions`)

/**
 * What changes if the desired policy comes into force, in words; empty if nothing does. A node
 * whose file differs goes on under the policy in force and says this.
 */
export function drift(inForce: PolicyData, desired: PolicyData): string[] {
  return [
    ...changed('the name of the cluster', inForce.cluster, desired.cluster),
    ...changed('the keeper', inForce.keeper, desired.keeper),
    ...regionDrift(inForce, desired),
    ...placementsDrift(inForce, desired),
  ]
}

const changed = (what: string, from: string, to: string): string[] =>
  from === to ? [] : [`${what} changes from ${from} to ${to}`]

function regionDrift(inForce: PolicyData, desired: PolicyData): string[] {
  const before = new Map(inForce.regions.map(region => [region.id, region]))
  const after = new Map(desired.regions.map(region => [region.id, region]))
  return [
    ...[...after.keys()].filter(id => !before.has(id)).map(id => `region ${id} is new`),
    ...[...before.keys()].filter(id => !after.has(id)).map(id => `region ${id} is gone`),
    ...[...after.values()].flatMap(to => {
      const from = before.get(to.id)
      if (!from) return []
      const place = ({ latitude, longitude }: PolicyRegion): string => `${latitude}, ${longitude}`
      return [
        ...changed(`the name of region ${to.id}`, from.name, to.name),
        ...changed(`the country of region ${to.id}`, from.country, to.country),
        ...changed(`the operator of region ${to.id}`, from.operator, to.operator),
        ...changed(
          `the country that controls the operator of region ${to.id}`,
          from.operatorCountry,
          to.operatorCountry,
        ),
        ...changed(`the place of region ${to.id}`, place(from), place(to)),
      ]
    }),
  ]
}

function placementsDrift(inForce: PolicyData, desired: PolicyData): string[] {
  const before = new Map(inForce.placements.map(placement => [placement.id, placement]))
  const after = new Map(desired.placements.map(placement => [placement.id, placement]))
  const gone = [...before.keys()].filter(id => !after.has(id))
  return [
    ...[...after.keys()].filter(id => !before.has(id)).map(id => `dataset ${id} is new`),
    ...gone.map(id => `dataset ${id} is not in the file any more, which erases nothing`),
    ...[...after.values()].flatMap(to => {
      const from = before.get(to.id)
      return from ? placementDrift(from, to) : []
    }),
  ]
}

function placementDrift(from: PlacementData, to: PlacementData): string[] {
  const { id } = to
  const segments = (count: number | null): string => (count === null ? 'the whole key' : `${count}`)
  const list = (items: readonly string[]): string => items.join(', ') || 'nothing'
  return [
    ...(['home', 'store', 'serve'] as const).flatMap(right => [
      ...to[right].filter(it => !from[right].includes(it)).map(it => `${it} may ${right} ${id}`),
      ...from[right]
        .filter(it => !to[right].includes(it))
        .map(it => `${it} may no longer ${right} ${id}`),
    ]),
    ...changed(`homing of ${id}`, homingText(from.homing), homingText(to.homing)),
    ...changed(`what outsiders of ${id} get`, from.outside, to.outside),
    ...changed(`acks of ${id}`, `${from.acks ?? 1}`, `${to.acks ?? 1}`),
    ...changed(`the law claimed for ${id}`, list(from.law), list(to.law)),
    ...changed(
      `the segments of a group of ${id}`,
      segments(from.groupBySegments),
      segments(to.groupBySegments),
    ),
    ...changed(`the slots of ${id}`, `${from.slots}`, `${to.slots}`),
    ...changed(`residency of ${id}`, bounds(from), bounds(to)),
  ]
}

const bounds = ({ anywhere }: PlacementData): string => (anywhere ? 'anywhere' : 'bounded')
